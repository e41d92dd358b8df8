"""The figures of the interview against a list that was counted by hand, by a reader who had not seen the program's."""

import json
from pathlib import Path

import pytest

from conftest import CORPUS
from dawu_qa.corpus.folder import read_corpus
from dawu_qa.figure_table import find_figures
from dawu_qa.index.contents import Catalogue

COUNTED = [
    json.loads(line)
    for line in (Path(__file__).parent / "fixtures/figures_by_hand.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
#: Numerals in names and set phrases, which the reader listed as doubtful.
PHRASES = {"十大", "六大", "第一号", "第一方阵"}


@pytest.fixture(scope="module")
def figures():
    return find_figures(Catalogue.of(read_corpus(CORPUS, with_sidecars=False)))


def overlapping(figures, text, counted):
    start = text.index(counted["context"]) + counted["context"].index(counted["text"])
    return [
        figure
        for figure in figures
        if figure.span.start < start + len(counted["text"]) and start < figure.span.end
    ]


def test_every_figure_counted_by_hand_is_found_with_its_value(figures, interview):
    """Dates and periods stand in the column of the figures that they hold for, not in lines of their own."""
    for counted in COUNTED:
        if counted["kind"] in {"date", "period"} or counted["text"] in PHRASES:
            continue
        found = overlapping(figures, interview.text, counted)
        assert found, counted
        if counted["value"] is not None:
            assert any(figure.value == pytest.approx(counted["value"]) for figure in found), counted


def test_next_to_nothing_is_listed_that_the_reader_did_not_count(figures, interview):
    known = {id(figure) for counted in COUNTED for figure in overlapping(figures, interview.text, counted)}
    extra = [figure.span.text for figure in figures if id(figure) not in known]
    assert len(extra) <= 0.06 * len(figures), extra


def test_many_dates_counted_by_hand_hold_for_a_figure(figures):
    """Not all do: a date may tell when something happened that has no figure."""
    dates = [counted["text"] for counted in COUNTED if counted["kind"] == "date"]
    named = [date for date in dates if any(date in figure.period for figure in figures)]
    assert len(named) >= 0.4 * len(dates), sorted(set(dates) - set(named))
