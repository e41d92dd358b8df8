"""Labelled questions, SQuAD files, and the figures of a run."""

import json

import pytest

from dawu_qa.cli import main
from dawu_qa.errors import CorpusError
from dawu_qa.evaluation import Labelled, read_squad, write_corpus
from dawu_qa.evaluation.run import interval, judge, reliability
from dawu_qa.types import Answer, Passage, ScoredPassage, Span

TEXT = "镇图书馆2019年5月建成,投入资金320万元。每周开放六天。"
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": TEXT,
                    "qas": [
                        {
                            "id": "a",
                            "question": "图书馆花了多少钱?",
                            "answers": [{"text": "320万元", "answer_start": TEXT.index("320")}],
                        }
                    ],
                }
            ]
        }
    ]
}


@pytest.fixture
def squad(tmp_path):
    path = tmp_path / "library.json"
    path.write_text(json.dumps(SQUAD), encoding="utf-8")
    return path


def answered(text="320万元", *, source="library-0000.txt"):
    sentence = "镇图书馆2019年5月建成,投入资金320万元"
    passage = Passage(TEXT, "", (), source, 0, len(TEXT))
    at = TEXT.index(text)
    span = Span(text, source, at, at + len(text))
    return Answer(
        "?",
        "answer",
        text,
        (span,),
        Span(sentence, source, 0, len(sentence)),
        (ScoredPassage(passage, 1.0),),
        0.9,
    )


def test_a_squad_file_gives_a_source_a_paragraph_and_its_questions(squad, tmp_path):
    (paragraph,) = read_squad(squad)
    write_corpus([paragraph], tmp_path / "corpus")
    assert (tmp_path / "corpus" / paragraph.source).read_text(encoding="utf-8").strip() == TEXT
    (one,) = paragraph.questions
    assert (one.question, one.answers, one.evidence) == (
        "图书馆花了多少钱?",
        ("320万元",),
        ("镇图书馆2019年5月建成,投入资金320万元。",),
    )


def test_of_several_mentions_of_an_answer_the_one_that_is_marked_tells_it(tmp_path):
    text = "张三是馆长。图书馆由张三出资修建。"
    qa = {
        "id": "a",
        "question": "谁出的钱?",
        "answers": [{"text": "张三", "answer_start": text.rindex("张三")}],
    }
    path = tmp_path / "library.json"
    path.write_text(
        json.dumps({"data": [{"paragraphs": [{"context": text, "qas": [qa]}]}]}), encoding="utf-8"
    )
    assert read_squad(path)[0].questions[0].evidence == ("图书馆由张三出资修建。",)


def test_a_translation_is_asked_instead_by_id(squad, tmp_path):
    other = tmp_path / "english.json"
    other.write_text(
        json.dumps(SQUAD).replace(json.dumps("图书馆花了多少钱?")[1:-1], "How much was it?"), encoding="utf-8"
    )
    assert [one.question for one in read_squad(squad, translation=other)[0].questions] == ["How much was it?"]


@pytest.mark.parametrize("content", ["{", "[]", '{"data": [{"paragraphs": [{}]}]}', '{"data": 3}'])
def test_what_is_not_squad_is_refused(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match="not in the format of SQuAD"):
        read_squad(path)


def test_an_answer_is_judged_by_source_sentence_and_words(squad):
    (one,) = read_squad(squad)[0].questions
    right = judge(one, answered())
    assert (right.passage, right.sentence, right.short, right.correct) == (True, True, True, True)
    wrong = judge(one, answered("2019年5月"))
    assert (wrong.passage, wrong.sentence, wrong.short, wrong.correct) == (True, True, False, False)
    assert judge(one, answered(source="other.txt")).correct is False


def test_a_question_without_an_answer_is_right_when_it_is_declined():
    none = Labelled("n", "?", "general", answerable=False)
    assert judge(none, answered()).correct is False
    assert judge(none, Answer("?", "decline", "", (), None, (), 0.1)).correct is True


def test_a_sample_that_agrees_still_has_noise():
    assert interval([True] * 60) == (1.0, 0.94, 1.0)
    assert interval([False] * 21) == (0.0, 0.0, 0.155)
    assert interval([True] * 600)[1] > 0.99


def test_the_interval_holds_the_rate_and_narrows_with_the_sample():
    rate, low, high = interval([True] * 80 + [False] * 20)
    assert low < rate == 0.8 < high
    _, lower, higher = interval([True] * 800 + [False] * 200)
    assert higher - lower < high - low


def test_calibration_error_is_the_distance_of_confidence_and_accuracy():
    bins, error = reliability([0.95] * 10, [True] * 5 + [False] * 5)
    assert bins == [(0.95, 0.5, 10)]
    assert error == pytest.approx(0.45)


@pytest.mark.model
def test_the_command_measures_a_squad_file_on_its_own_paragraphs(squad, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["dawu-qa", "eval", "--json", str(squad)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    report = json.loads(capsys.readouterr().out)
    assert report["questions"] == 1
    assert report["figures"]["passage@1"][0] == 1.0


def test_a_reliability_diagram_has_a_dot_for_each_bin_as_high_as_it_is_often_right():
    from xml.etree import ElementTree as ET

    from dawu_qa.evaluation.diagram import reliability_svg

    drawn = ET.fromstring(reliability_svg([(0.3, 0.5, 4), (0.9, 0.9, 16)], 0.04))
    low, high = drawn.findall("{http://www.w3.org/2000/svg}circle")
    assert float(low.get("cy")) > float(high.get("cy"))
    assert float(low.get("r")) < float(high.get("r"))
    assert "0.040" in drawn[0].text


def test_an_interview_is_asked_the_questions_beside_it_and_does_not_have_them(tmp_path, hash_encoder):
    from dawu_qa.evaluation import open_interviews

    (tmp_path / "library.txt").write_text(TEXT + "\n", encoding="utf-8")
    beside = [
        {"sentence": "投入资金320万元", "answer": "320万元", "questions": ["盖馆花了多少?", "造价"]},
        {"sentence": None, "questions": ["馆长是谁?"]},
    ]
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in beside)
    (tmp_path / "library.questions.jsonl").write_text(lines, encoding="utf-8")
    ((pipeline, labelled),) = open_interviews(tmp_path, encoder=hash_encoder)
    assert pipeline.kind == "text"
    assert [(one.answerable, one.answers) for one in labelled] == [(True, ("320万元",))] * 2 + [(False, ())]
    assert labelled[2].near_miss
    assert "盖馆花了多少?" not in pipeline.catalogue.questions


def test_an_interview_may_keep_its_questions_but_for_those_it_is_asked(tmp_path, hash_encoder):
    from dawu_qa.evaluation import open_interviews

    (tmp_path / "library.txt").write_text(TEXT + "\n", encoding="utf-8")
    beside = [
        {"sentence": "投入资金320万元", "answer": "320万元", "questions": ["盖馆花了多少?", "造价"]},
        {"sentence": None, "questions": ["馆长是谁?", "馆里有几层?"]},
    ]
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in beside)
    (tmp_path / "library.questions.jsonl").write_text(lines, encoding="utf-8")
    ((pipeline, labelled),) = open_interviews(tmp_path, encoder=hash_encoder, with_questions=True)
    assert pipeline.kind == "with_questions"
    assert [one.question for one in labelled] == ["造价", "馆里有几层?"]
    assert "盖馆花了多少?" in pipeline.catalogue.questions
    assert pipeline.catalogue.unanswerable == ("馆长是谁?",)
