import pytest

from dawu_qa.retrieval.mending import Mender

SOURCES = ["全县建成光伏电站27个,组织驻村工作队开展蹲点调研,饮水安全投入资金300万元,公益性岗位安置60人。"]
QUESTIONS = ["光伏电站有多少个?", "饮水安全花了多少钱?", "公益性岗位安置了多少人?", "投入了多少钱?"]


@pytest.fixture(scope="module")
def mender():
    return Mender(SOURCES, QUESTIONS)


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("guangfu dianzhan 有几个", "光伏电站 有几个"),
        ("guangfudianzhan duoshao", "光伏电站多少"),
        ("引水安全花了多少钱", "饮水安全花了多少钱"),
        ("公溢性岗位", "公益性岗位"),
        ("去蹲典调研", "去蹲点调研"),
    ],
)
def test_pinyin_and_homophones_become_the_words_of_the_corpus(mender, typed, mended):
    assert mender.mend(typed) == mended


@pytest.mark.parametrize(
    "question",
    [
        "后天会不会下雪",
        "How many women work there?",
        "是谁写的",
        "用Python怎么读文件",
        "",
        "😀",
        "光伏电站有多少个",
    ],
)
def test_other_words_stay_as_they_were_typed(mender, question):
    assert mender.mend(question) == question


def test_a_mender_that_knows_nothing_changes_nothing():
    assert Mender([]).mend("guangfu 电站") == "guangfu 电站"
