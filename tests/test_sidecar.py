import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawu_qa import CorpusError
from dawu_qa.corpus import parse
from dawu_qa.corpus.check import check_sidecar
from dawu_qa.corpus.sidecar import locate, parse_sidecar, read_sidecar, sidecar_path

TEXT = "桥\n\n来源:县志办公室\n\n石桥全长\n\n312米,\n\n宽9.5米。造价41万元。\n\n图丨石桥\n\n另有木桥3座。造价41万元。\n"


@pytest.fixture
def bridge():
    return parse("bridge.txt", TEXT)


def read(document, *entries):
    text = "\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries)
    return parse_sidecar(text, "bridge.questions.jsonl", document)


def test_a_fact_stands_where_the_source_says_it(bridge):
    entry = {"sentence": "造价41万元。", "answer": "41万元", "questions": ["多少钱?"]}
    (fact,) = read(bridge, entry).facts
    assert TEXT[fact.sentence.start : fact.sentence.end] == fact.sentence.text == "造价41万元。"
    assert fact.answer == type(fact.sentence)(
        "41万元", "bridge.txt", fact.sentence.start + 2, fact.sentence.end - 1
    )
    assert fact.sentence.start == TEXT.index("造价")


def test_white_space_that_the_page_put_in_is_overlooked(bridge):
    (fact,) = read(bridge, {"sentence": "312米,宽9.5米。", "questions": ["多宽?"]}).facts
    assert fact.sentence.text == "312米,\n\n宽9.5米。"


def test_questions_that_the_source_does_not_answer_are_kept_apart(bridge):
    sidecar = read(bridge, {"sentence": None, "questions": ["谁造的?"]}, "", "  ")
    assert (sidecar.facts, sidecar.unanswerable) == ((), ("谁造的?",))


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "\r\n"])
def test_an_empty_sidecar_holds_nothing(bridge, text):
    sidecar = parse_sidecar(text, "x", bridge)
    assert (sidecar.facts, sidecar.unanswerable) == ((), ())


def test_odd_line_ends_within_a_text_end_no_line(bridge):
    line = '{"sentence": null, "questions": ["多长\u2028多宽?\x85"]}'
    assert read(bridge, line + "\r", line).unanswerable == ("多长\u2028多宽?\x85",) * 2


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        "null",
        "NaN",
        "[" * 100_000,
        "9" * 5_000,
        '{"sentence": "造价41万元。"}',
        '{"questions": ["?"]}',
        '{"sentence": "造价41万元。", "questions": "多少钱?"}',
        '{"sentence": "造价41万元。", "questions": [1]}',
        '{"sentence": "造价41万元。", "questions": [""]}',
        '{"sentence": "造价41万元。", "questions": ["\\ud800"]}',
        '{"sentence": " ", "questions": ["?"]}',
        '{"sentence": ["造价"], "questions": ["?"]}',
        '{"sentence": "造价41万元。", "answer": 41, "questions": ["?"]}',
        '{"sentence": "造价41万元。", "answer": "", "questions": ["?"]}',
        '{"sentence": "造价41万元。", "answer": "42万元", "questions": ["?"]}',
        '{"sentence": "造价42万元。", "questions": ["?"]}',
        '{"sentence": "图丨石桥", "questions": ["?"]}',
    ],
)
def test_a_malformed_line_is_refused_in_one_line_with_its_number_and_the_mend(bridge, line):
    with pytest.raises(CorpusError) as caught:
        read(bridge, '{"sentence": null, "questions": []}', line)
    message = str(caught.value)
    assert message.startswith("bridge.questions.jsonl, line 2: ")
    assert message.endswith("mend or remove the line")
    assert "\n" not in message


def test_an_exact_quote_goes_before_one_with_other_spaces():
    document = parse("x.txt", "the rapist fled.\n\nA therapist came.\n")
    (fact,) = parse_sidecar('{"sentence": "therapist", "questions": ["who?"]}', "x", document).facts
    assert document.text[fact.sentence.start - 2 : fact.sentence.end] == "A therapist"


@given(st.text("甲乙 \n", max_size=30), st.text("甲乙 \n", min_size=1, max_size=6))
def test_locating_agrees_with_trying_every_place(text, quote):
    place, bare = locate(text, quote), "".join(quote.split())
    if quote in text:
        assert place == (text.index(quote), text.index(quote) + len(quote))
    else:
        places = [
            (start, end)
            for start in range(len(text))
            for end in range(start + 1, len(text) + 1)
            if "".join(text[start:end].split()) == bare and text[start:end] == text[start:end].strip()
        ]
        assert place == (places[0] if bare and places else None)


def test_many_facts_of_a_long_source_are_read_in_linear_time():
    text = "\n\n".join(f"第{number}条,\n长{number}米。" for number in range(5_000))
    document = parse("x.txt", text)
    lines = [json.dumps({"sentence": f"第{n}条,长{n}米。", "questions": ["多长?"]}) for n in range(5_000)]
    began = time.process_time()
    assert len(read(document, *lines).facts) == 5_000
    assert time.process_time() - began < 10


def test_a_sidecar_is_checked_beside_its_source(tmp_path):
    source = tmp_path / "bridge.txt"
    source.write_text(TEXT, encoding="utf-8")
    with pytest.raises(CorpusError, match="create it"):
        check_sidecar(source)
    lines = [
        {"sentence": "造价41万元。", "questions": ["多少钱?", "花费?"]},
        {"sentence": "另有木桥3座。", "questions": ["花费?"]},
        {"sentence": None, "questions": ["花费?", "谁造的?"]},
    ]
    sidecar_path(source).write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert len(read_sidecar(sidecar_path(source), parse(source.name, TEXT)).facts) == 2
    report = check_sidecar(source)
    assert (report.facts, report.questions, report.unanswerable) == (2, 3, 2)
    assert 0 < report.covered < report.sentences
    assert report.problems == ("asked twice: 花费?", "both answerable and not: 花费?")
