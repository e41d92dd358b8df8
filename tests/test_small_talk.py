import pytest

from dawu_qa.small_talk import is_small_talk


@pytest.mark.parametrize(
    "text",
    [
        "你好",
        "您好呀!",
        "谢谢你",
        "多谢啦~",
        "再见",
        "Hello!",
        "Thank you very much",
        "大家早上好",
        "ni hao",
        "謝謝",
        "Bye bye",
    ],
)
def test_greetings_thanks_and_farewells_are_small_talk(text):
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    ["你好,饮水花了多少钱?", "谢谢哪些企业?", "hello world program", "好的政策有哪些", "?", "早上几点开门"],
)
def test_a_question_is_not(text):
    assert not is_small_talk(text)
