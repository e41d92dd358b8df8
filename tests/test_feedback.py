"""What is kept for the editors."""

from __future__ import annotations

import json
import sqlite3
import threading

import pytest

from dawu_qa.corpus import parse
from dawu_qa.corpus.sidecar import read_sidecar
from dawu_qa.errors import CorpusError
from dawu_qa.feedback import FILE_NAME, FeedbackStore, export_lines, report
from dawu_qa.types import Answer, Span

TEXT = "路修好了吗?\n\n去年修好公路12公里,花了300万元。\n"
DOCUMENT = parse("road.txt", TEXT)


def declined(question: str, band: str = "decline") -> Answer:
    return Answer(question, band, "", (), None, (), 0.1)


def span(text: str) -> Span:
    at = TEXT.index(text)
    return Span(text, "road.txt", at, at + len(text))


@pytest.fixture
def store(tmp_path):
    ticks = iter(range(1, 10_000))
    return FeedbackStore(tmp_path / "folder" / FILE_NAME, limit=5, clock=lambda: float(next(ticks)))


def test_nothing_is_written_before_there_is_something_to_keep(store):
    assert store.questions() == []
    assert store.votes() == []
    assert not store.path.exists()


def test_the_same_question_counts_up(store):
    for question in ("桥呢?", "桥呢? ", "灯呢?"):
        store.unanswered(declined(question))
    assert [(row["question"], row["times"]) for row in store.questions()] == [("桥呢?", 2), ("灯呢?", 1)]


def test_a_second_vote_replaces_the_first_and_an_empty_one_takes_it_back(store):
    spans, sentence = (span("300万元"),), span("去年修好公路12公里,花了300万元。")
    store.vote("a", "花了多少?", spans, sentence, "up")
    store.vote("a", "花了多少?", spans, sentence, "figure")
    store.vote("b", "多长?", spans, sentence, "up")
    assert [(row["id"], row["vote"]) for row in store.votes()] == [("b", "up"), ("a", "figure")]
    store.vote("b", "多长?", spans, sentence, "")
    assert [row["id"] for row in store.votes()] == ["a"]


def test_both_tables_are_bounded_and_the_oldest_rows_go_first(store):
    for number in range(9):
        store.unanswered(declined(f"第{number}问"))
        store.vote(str(number), "问", (span("300万元"),), None, "up")
    assert sorted(row["question"] for row in store.questions()) == [f"第{number}问" for number in range(4, 9)]
    assert sorted(row["id"] for row in store.votes()) == [str(number) for number in range(4, 9)]


def test_nothing_tells_who_asked(store):
    store.unanswered(declined("桥呢?"))
    store.vote("a", "问", (span("300万元"),), None, "up")
    with sqlite3.connect(store.path) as connection:
        columns = {
            row[1]
            for table in ("votes", "unanswered")
            for row in connection.execute(f"PRAGMA table_info({table})")
        }
    connection.close()
    assert columns == {
        "id",
        "question",
        "answer",
        "sentence",
        "source",
        "vote",
        "given",
        "band",
        "times",
        "first",
        "last",
    }


def test_a_store_that_cannot_be_written_does_not_stop_answers(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    FeedbackStore(tmp_path / "file" / FILE_NAME).unanswered(declined("桥呢?"))
    assert "feedback is not kept" in caplog.text


def test_a_damaged_store_does_not_stop_answers(tmp_path, caplog):
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    FeedbackStore(tmp_path / FILE_NAME).unanswered(declined("桥呢?"))
    assert "feedback is not kept" in caplog.text


def test_threads_write_at_the_same_time(tmp_path):
    store = FeedbackStore(tmp_path / FILE_NAME)
    threads = [threading.Thread(target=store.unanswered, args=(declined("桥呢?"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.questions()[0]["times"] == 8


def test_liked_answers_are_exported_as_lines_that_the_index_takes_in(store, tmp_path):
    store.vote("a", "花了多少?", (span("300万元"),), span("去年修好公路12公里,花了300万元。"), "up")
    lines = list(export_lines(store))
    path = tmp_path / "road.questions.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    fact = read_sidecar(path, DOCUMENT).facts[0]
    assert fact.answer == span("300万元")
    assert fact.questions == ("花了多少?",)


def test_other_lines_wait_for_an_editor_and_are_refused_until_filled_in(store, tmp_path):
    store.unanswered(declined("桥呢?"))
    store.vote("a", "多长?", (span("300万元"),), span("去年修好公路12公里,花了300万元。"), "figure")
    store.unanswered(declined("多长?", "did_you_mean"))
    lines = [json.loads(line) for line in export_lines(store)]
    assert [(line["sentence"], line["questions"]) for line in lines] == [("", ["多长?"]), ("", ["桥呢?"])]
    path = tmp_path / "road.questions.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    with pytest.raises(CorpusError, match="line 1"):
        read_sidecar(path, DOCUMENT)
    lines[0]["sentence"] = "去年修好公路12公里"
    lines[1]["sentence"] = None
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    filled = read_sidecar(path, DOCUMENT)
    assert filled.facts[0].questions == ("多长?",)
    assert filled.unanswerable == ("桥呢?",)


def test_the_report_counts(store):
    for question, band in (("桥呢?", "decline"), ("桥呢?", "decline"), ("灯呢?", "did_you_mean")):
        store.unanswered(declined(question, band))
    store.vote("a", "问", (span("300万元"),), None, "up")
    counted = report(store, top=1)
    assert counted == {
        "unanswered": {"questions": 2, "times": 3, "by_band": {"decline": 2, "did_you_mean": 1}},
        "votes": {"total": 1, "by_kind": {"up": 1}},
        "most_asked": [{"question": "桥呢?", "times": 2, "band": "decline"}],
    }
