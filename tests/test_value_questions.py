"""Questions made of a text's own words, which the joint reader is trained on beside those that people wrote."""

import random
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "evals"))

from value_questions import value_questions


def asked(*sentences, seed=0):
    random.seed(seed)
    found = [
        (sentences[at][value.start : value.end], question)
        for at, question, value in value_questions(sentences)
    ]
    assert len({answer for answer, _ in found}) == len(found)
    return dict(found)


@pytest.mark.parametrize("seed", range(8))
def test_each_of_several_values_is_asked_for_by_its_own_words(seed):
    own = {"2个": "县级", "9个": "乡镇", "31个": "服务站", "14辆": "专车"}
    questions = asked("建成2个县级、9个乡镇和31个服务站,配备专车14辆。", seed=seed)
    assert set(questions) == set(own)
    for answer, question in questions.items():
        assert [word for word in own.values() if word in question] == [own[answer]]


@pytest.mark.parametrize("seed", range(8))
def test_no_question_tells_its_answer(seed):
    questions = asked("修通公路184公里,覆盖率达到93.5%,居全市第3位,投入2.4亿元。", seed=seed)
    assert set(questions) == {"184公里", "93.5%", "第3位", "2.4亿元"}
    assert not any(character.isdigit() for question in questions.values() for character in question)


@pytest.mark.parametrize(
    ("sentence", "asking"),
    [
        ("全县排在第3位。", {"第几"}),
        ("修通公路184公里。", {"多少公里", "几公里", "公路多少", "公路 多少"}),
        ("投入资金2.4亿元。", {"多少元", "多少钱", "资金多少", "资金 多少"}),
        ("覆盖率93.5%。", {"百分之几", "覆盖率多少", "覆盖率 多少"}),
    ],
)
def test_a_question_asks_for_what_its_value_measures(sentence, asking):
    for seed in range(8):
        (question,) = asked(sentence, seed=seed).values()
        assert any(words in question for words in asking)


def test_words_that_stand_with_two_values_ask_for_neither():
    assert asked("聘用护林员60名,", "又说聘用护林员80名,", "聘用护林员70名。").keys() == {"80名"}


@pytest.mark.parametrize("seed", range(8))
def test_words_behind_a_value_ask_for_it_alone_only_where_no_other_has_them(seed):
    assert "覆盖" in asked("覆盖12个贫困村,涉及8个贫困村。", seed=seed)["12个"]


def test_what_a_date_goes_on_with_is_no_word_of_the_next_value():
    assert not asked("2019年底增至1385名村医。")["1385名"].startswith("底")


def test_joined_words_before_the_first_value_stay_whole():
    assert "第一书记和工作队员" in asked("全县派出第一书记和工作队员415名。")["415名"]


@pytest.mark.parametrize("sentence", ["2019年7月开工。", "没有数字的一句。", "12户"])
def test_nothing_is_asked_where_nothing_tells_a_value(sentence):
    assert asked(sentence) == {}
