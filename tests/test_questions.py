import pytest

from dawu_qa.folding import fold
from dawu_qa.reader.questions import asked_count, asked_unit, cues, expected_kinds, is_yes_no


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("修桥花了多少钱?", "money"),
        ("镇上有多少人?", "people"),
        ("一共搬了多少户?", "household"),
        ("果园有多少亩?", "area"),
        ("增长率是多少?", "percent"),
        ("桥是哪一年修好的?", "date"),
        ("考核排第几?", "rank"),
        ("多久开一次会?", "frequency"),
        ("How much money was spent on roads?", "money"),
        ("How many families moved?", "household"),
        ("When did the library open?", "date"),
        ("建了几座桥?", "count"),
    ],
)
def test_the_kind_of_answer_is_told_by_the_words_that_ask(question, kind):
    assert expected_kinds(fold(question))[0] == kind


def test_a_question_without_asking_words_tells_no_kind():
    assert expected_kinds("修桥 修路") == ()


def test_a_yes_no_question_wants_a_clause():
    assert is_yes_no("桥修好了吗?")
    assert expected_kinds("桥修好了吗?")[0] == "clause"
    assert not is_yes_no("桥是谁修的?")


def test_units_and_counts_are_read_from_the_question():
    assert asked_unit("有多少户搬了家") == ("户",)
    assert asked_unit("搬了家") == ()
    assert asked_count("出台了哪两个文件") == 2
    assert asked_count("which three bridges") == 3
    assert asked_count("what are the three bridges") == 3
    assert asked_count("哪个文件") == 1


@pytest.mark.parametrize(
    "question",
    [
        "59个村子是什么时候通车的",
        "考核在42个乡镇里是什么名次",
        "12座桥修的哪年",
        "三大工程什么时候完工",
        "when were the two towns merged",
    ],
)
def test_a_number_in_a_question_is_no_count_of_answers(question):
    assert asked_count(question) == 1


def test_cues_tell_causes_from_procedures():
    assert cues("为什么修桥") == {"cause"}
    assert "procedure" in cues("怎么申请补贴")
    assert cues("修桥花了多少钱") == frozenset()
