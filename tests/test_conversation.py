import pytest

from dawu_qa.conversation import depends_on_history, parts, remembered, restate, without_contrast


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("图书馆几点开门?", ["图书馆几点开门?"]),
        ("修路花了多少钱,修桥又花了多少?", ["修路花了多少钱", "修桥又花了多少"]),
        ("修路和修桥分别花了多少", ["修路花了多少", "修桥花了多少"]),
        ("一共帮了多少户、多少人?", ["一共帮了多少户", "一共帮了多少人"]),
        (
            "How many trees were planted and when did it start?",
            ["How many trees were planted", "when did it start"],
        ),
        ("那几种办法都有哪些?", ["那几种办法都有哪些?"]),
    ],
)
def test_a_question_is_split_only_where_it_asks_for_several_things(question, expected):
    assert parts(question) == expected


def test_the_parts_of_a_question_keep_the_capitals_of_names():
    assert parts("How many people live in Qinghe and when was its bridge built?") == [
        "How many people live in Qinghe",
        "when was its bridge built",
    ]


def test_only_the_latest_questions_are_remembered_and_no_greetings():
    assert remembered(["修路花了多少钱?", "谢谢", "", " \n"]) == ["修路花了多少钱?"]
    many = [f"第{at}座桥花了多少钱?" for at in range(600)]
    assert remembered(many) == many[-8:]


def test_what_is_not_asked_for_is_left_out():
    assert without_contrast("不算企业出的3000万元,政府补了多少钱?") == "政府补了多少钱?"
    assert without_contrast("修了3公里的路,那石桥一共修了几座?") == "那石桥一共修了几座?"


def test_a_lead_that_sets_the_scene_stays():
    question = "在3.5万亩果园里,哪种水果最多?"
    assert without_contrast(question) == question


@pytest.mark.parametrize(
    "question", ["那修桥呢?", "他们领了多少补贴", "其中女工呢", "是哪一年的事", "What about bridges?"]
)
def test_a_question_that_points_back_depends_on_history(question):
    assert depends_on_history(question)


@pytest.mark.parametrize("question", ["全镇有多少人口?", "修路花了多少钱?", "How large is the town?"])
def test_a_question_with_a_subject_of_its_own_does_not(question):
    assert not depends_on_history(question)


def test_a_bare_topic_is_asked_for_what_the_former_question_asked_for():
    assert restate("那修桥呢?", "修路花了多少钱?") == "修桥花了多少钱"


def test_other_follow_ups_keep_the_subject_of_the_former_question():
    assert restate("他们领了多少补贴", "有多少护林员?") == "有多少护林员,他们领了多少补贴"
