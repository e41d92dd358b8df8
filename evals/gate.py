"""Compare the figures of the validation part with the accepted ones: none may fall by more than its noise.

    python evals/gate.py            # compare, exit 1 if a figure fell
    python evals/gate.py --accept   # take the figures of now as the ones to hold

The noise is the 95 % interval of the accepted figure. Figures of other questions are not compared. Nothing is fitted on the validation part.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from training import checksums

from dawu_qa import QAPipeline, build_index
from dawu_qa.evaluation import evaluate, read_labelled

ROOT = Path(__file__).resolve().parents[1]
VALIDATION = ROOT / "evals/labelled/validation"
ACCEPTED = ROOT / "evals/accepted.json"

Figures = dict[str, tuple[float, float, float]]


def figures(pipeline: QAPipeline) -> Figures:
    """Return each figure of the validation part with its interval."""
    labelled = [one for path in sorted(VALIDATION.glob("*.jsonl")) for one in read_labelled(path)]
    return evaluate([(pipeline, labelled)]).figures


def fallen(now: Figures, accepted: Figures) -> list[str]:
    """Name the figures that lie below the interval of the accepted ones."""
    return [
        f"{name}: {now[name][0]:.3f}, accepted {rate:.3f} [{low:.3f}, {high:.3f}]"
        for name, (rate, low, high) in accepted.items()
        if now[name][0] < low
    ]


def main() -> int:
    accept = "--accept" in sys.argv
    accepted = {} if accept else json.loads(ACCEPTED.read_text(encoding="utf-8"))
    if not accept and accepted["questions"] != checksums(VALIDATION):
        print("the validation part has changed: accept what the weights as they were give on it first")
        return 1
    measured: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("with_questions", "text"):
            build_index(ROOT / "corpus", Path(folder, kind), with_sidecars=kind == "with_questions")
            measured[kind] = figures(QAPipeline.load(Path(folder, kind)))
    for kind, found in measured.items():
        for name, (rate, low, high) in found.items():
            print(f"{kind:16s} {name:22s} {rate:.3f} [{low:.3f}, {high:.3f}]")
    if accept:
        kept = {"questions": checksums(VALIDATION), **measured}
        ACCEPTED.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        return 0
    found = [f"{kind}: {line}" for kind in measured for line in fallen(measured[kind], accepted[kind])]
    print("\n".join(found) or "no figure fell")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
