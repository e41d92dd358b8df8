"""What holds of any text: parsing never fails, offsets are verbatim, nothing is said twice, time is linear."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawu_qa.corpus import PASSAGE_LIMIT, clauses, parse, sentences
from dawu_qa.corpus.lines import read_lines

PIECES = (
    "主持人:", "嘉宾:", "问:", "答:", "【主持人】", "[嘉宾]", "# ", "## ", "### #", "---\n", "title: ", "来源:", "2020-01-01\n",
    "图丨", "图丨县长 王某某\n", "邀请到了县长王某某,", "责任编辑:", "版权所有\n", "登录\n", "- ", "1. ", "01\n", "(一)", "一、", "> ",
    "\n", "\n\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\x0b", "\f", "\x1c", "\x00", "\ufeff", "\u200b", "\u3000", "\u202e",
    "好吗?", "增长8.37%,共12.66万人。", "……", "“", "”", "(", ")", "《", "》", "'", '"', "。", ",", "：", "字" * 450, "x" * 950,
)  # fmt: skip
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=300),
    st.lists(
        st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)),
        max_size=40,
    ).map("".join),
)
NAMES = st.sampled_from(["x.txt", "x.md", "x.MARKDOWN"])


def letters(text):
    return [character for character in text if character.isalnum()]


@settings(max_examples=400, deadline=None)
@given(TEXTS, NAMES)
def test_any_text_is_parsed_into_verbatim_ordered_short_passages(text, name):
    document, end = parse(name, text), 0
    for passage in document.passages:
        assert text[passage.start : passage.end] == passage.text == passage.text.strip()
        assert passage.start >= end
        assert len(passage.text) <= PASSAGE_LIMIT
        assert letters(passage.text)
        assert all(len(heading) <= PASSAGE_LIMIT for heading in passage.headings)
        assert passage.section == (passage.headings[0] if passage.headings else "")
        end = passage.end


@settings(max_examples=200, deadline=None)
@given(TEXTS, NAMES)
def test_metadata_and_blocks_of_any_text_stand_where_they_say(text, name):
    document, end = parse(name, text), 0
    for span in document.metadata.values():
        assert text[span.start : span.end] == span.text != ""
    for block in document.blocks:
        assert end <= block.start < block.end <= len(text)
        end = block.end


@settings(max_examples=200, deadline=None)
@given(TEXTS, NAMES)
def test_sentences_and_clauses_hold_every_letter_of_a_passage_once(text, name):
    for passage in parse(name, text).passages:
        for split in (sentences, clauses):
            spans = split(passage.text)
            assert letters("".join(passage.text[start:end] for start, end in spans)) == letters(passage.text)
            assert all(left[1] <= right[0] for left, right in pairwise(spans))


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_lines_hold_every_letter_of_a_text_once(text):
    lines = read_lines(text)
    assert all(text[line.start : line.end] == line.text == line.text.strip() != "" for line in lines)
    assert letters("".join(line.text for line in lines)) == letters(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("天地玄黄宇宙洪荒日月盈昃", min_size=40, max_size=600), min_size=1, max_size=8))
def test_no_letter_of_plain_paragraphs_is_lost(paragraphs):
    text = "\n\n".join(paragraph + "。" for paragraph in paragraphs)
    assert letters("".join(passage.text for passage in parse("x.txt", text).passages)) == letters(text)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028", "\x85"])
def test_any_newline_ends_a_line(newline):
    text = newline.join(["\ufeff主持人:桥有多长?", "", "工程师:全长312米。", "", "宽9.5米。"])
    document = parse("x.txt", text)
    assert [(passage.text, passage.section) for passage in document.passages] == [
        ("全长312米。", "桥有多长?"),
        ("宽9.5米。", "桥有多长?"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "种树8000棵。" * 120_000,
        "字,\n" * 100_000,
        "甲,\n\n" * 100_000,
        ("字" * 450 + "。") * 1_000,
        "字" * 17 * 1 + "\n" + ("字" * 17 + "\n") * 10_000 + "甲,\n\n" * 30_000,
        "".join(f"## 标题{number}\n\n正文{number}。\n\n" for number in range(10_000)),
        "(" * 50_000 + "好" + ")" * 50_000,
        "(“" * 50_000 + ")" * 50_000,
        "()" * 100_000,
        "好。" + ")" * 100_000,
        "# 甲" + " " * 200_000 + "乙",
        "# 甲" + " #" * 100_000,
        "来源:甲" + " " * 200_000 + "。",
        "主持人:" + "好吗?" * 100_000,
        "主持人:先说说。\n" + "好,\n" * 60_000,
        "邀请县长王某某。\n" * 20_000,
        "图丨县长 王某某\n正文甲。\n" * 15_000,
        "\u200b\n" * 200_000,
        "\f" * 500_000 + "好",
        "---\n" + "title: 甲\n" * 20_000,
    ],
    ids=range(20),
)
def test_large_and_odd_texts_are_parsed_in_linear_time(text):
    for name in ("x.md", "x.txt"):
        began = time.process_time()
        document = parse(name, text)
        assert time.process_time() - began < 10
        assert all(len(passage.text) <= PASSAGE_LIMIT for passage in document.passages)
