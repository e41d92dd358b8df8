"""The gate of every change: no figure of the validation part falls by more than its noise."""

import json
import sys

import pytest

from conftest import CORPUS, ROOT
from dawu_qa import QAPipeline, build_index
from dawu_qa.evaluation import read_labelled

sys.path.append(str(ROOT / "evals"))
import gate


@pytest.fixture(scope="module")
def accepted():
    return json.loads(gate.ACCEPTED.read_text(encoding="utf-8"))


def test_the_accepted_figures_are_of_the_questions_that_are_there(accepted):
    assert accepted["questions"] == gate.checksums(gate.VALIDATION)


@pytest.mark.model
def test_no_figure_fell_with_the_editors_questions(pipeline, accepted):
    assert gate.fallen(gate.figures(pipeline), accepted["with_questions"]) == []


@pytest.mark.model
def test_no_figure_fell_without_them(pipeline, accepted, tmp_path):
    build_index(CORPUS, tmp_path, encoder=pipeline.encoder, with_sidecars=False)
    plain = QAPipeline.load(tmp_path, encoder=pipeline.encoder)
    assert gate.fallen(gate.figures(plain), accepted["text"]) == []


def test_a_figure_below_its_noise_is_named(accepted):
    figures = accepted["with_questions"]
    assert gate.fallen(figures, figures) == []
    worse = {**figures, "passage@1": [figures["passage@1"][1] - 0.01, 0, 0]}
    (line,) = gate.fallen(worse, figures)
    assert line.startswith("passage@1")


def test_no_labelled_question_is_in_the_sidecar_and_no_fact_in_both_parts():
    from dawu_qa.folding import fold

    def key(question):
        return "".join(character for character in fold(question) if character.isalnum())

    parts = {
        part: [
            one for path in (ROOT / "evals/labelled" / part).glob("*.jsonl") for one in read_labelled(path)
        ]
        for part in ("fitting", "validation")
    }
    sidecar = {
        key(question)
        for path in CORPUS.glob("*.questions.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
        for question in json.loads(line)["questions"]
    }
    assert [one.id for part in parts.values() for one in part if key(one.question) in sidecar] == []
    facts = {name: {one.fact for one in part if one.fact != "off-topic"} for name, part in parts.items()}
    assert facts["fitting"].isdisjoint(facts["validation"])
