# `make run` opens the chat, `make test` runs the tests; both set up .venv first. Needs Python 3.11+, pip and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEV_STAMP := .venv/.installed-dev

.PHONY: run test check bench torture screenshots clean

run: $(STAMP)
	$(BIN)/python app.py

test: $(DEV_STAMP)
	$(BIN)/python -m pytest

check: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m build --wheel --no-isolation --outdir dist
	$(BIN)/python tests/wheel_works.py dist

bench: $(DEV_STAMP)
	$(BIN)/python evals/bench.py
	$(BIN)/python evals/bench_page.py

torture: $(DEV_STAMP)
	$(BIN)/python tests/torture/crash.py
	$(BIN)/python tests/torture/damage.py
	$(BIN)/python tests/torture/together.py
	$(BIN)/python tests/torture/linear.py
	$(BIN)/python tests/torture/load.py
	$(BIN)/python tests/torture/no_network.py

screenshots: $(DEV_STAMP)
	$(BIN)/python tests/screenshots.py docs

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf .venv index dist build
