from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawu_qa.corpus import clauses, sentences


def pieces(split, text):
    return [text[start:end] for start, end in split(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" 。!", []),
        ("没有句号", ["没有句号"]),
        (
            "第一句。第二句!第三句?第四句；第五句……",
            ["第一句。", "第二句!", "第三句?", "第四句；", "第五句……"],
        ),
        ("增长8.37%。共12.66万。", ["增长8.37%。", "共12.66万。"]),
        ("2016—2019年建成3.8万亩。", ["2016—2019年建成3.8万亩。"]),
        ("“一共?有一天。”他说。完了。", ["“一共?有一天。”他说。", "完了。"]),
        ("(一是。二是。)好。", ["(一是。二是。)好。"]),
        ("《好吗?》这本书。", ["《好吗?》这本书。"]),
        ("什么?!真的。", ["什么?!", "真的。"]),
        ("好。”她说。", ["好。”", "她说。"]),
        ("《没有闭合。他说“好。真好!”然后走了。", ["《没有闭合。", "他说“好。真好!”然后走了。"]),
        ("1)甲。2)乙。", ["1)甲。", "2)乙。"]),
        ("(甲“乙。)丙。丁。", ["(甲“乙。)丙。", "丁。"]),
        ("e.g. v2.0 costs 3.5 million. Yes.", ["e.g.", "v2.0 costs 3.5 million.", "Yes."]),
        ("甲。\n\n 乙。", ["甲。", "乙。"]),
    ],
)
def test_a_sentence_ends_where_its_punctuation_stands_open(text, expected):
    assert pieces(sentences, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("投入1,200万元,修路12公里", ["投入1,200万元,", "修路12公里"]),
        ("目标：一是路,二是水。三是电", ["目标：", "一是路,", "二是水。", "三是电"]),
        ("比例1：2，9:30开门", ["比例1：2，", "9:30开门"]),
        ("他说“好,真好”,走了", ["他说“好,真好”,", "走了"]),
    ],
)
def test_a_clause_ends_at_commas_and_colons(text, expected):
    assert pieces(clauses, text) == expected


@given(st.text(alphabet="甲乙丙。!?“”()《》【】,:1.\n ", max_size=60))
def test_closed_pairs_are_never_cut(text):
    stack, protected = [], set()
    closing = {"“": "”", "(": ")", "《": "》", "【": "】"}
    for at, character in enumerate(text):
        if character in closing:
            stack.append(at)
        elif character in closing.values():
            openers = [place for place in stack if closing[text[place]] == character]
            if openers:
                protected |= set(range(openers[-1] + 1, at + 1))
                stack = stack[: stack.index(openers[-1])]
    for split in (sentences, clauses):
        for left, right in pairwise(split(text)):
            assert not protected.issuperset(range(left[1], right[0] + 1))
