"""Other interviews, and any text at all."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dawu_qa.corpus import PASSAGE_LIMIT, clauses, parse, sentences

TRANSCRIPT = """图书馆的一年

主持人:欢迎收听。今天我们聊聊图书馆。去年来了多少读者?

馆长:去年接待读者15000人次,比前年增长12.5%。

我们还办了36场讲座。

主持人:钱从哪里来?

馆长:县里拨款320万元,社会捐赠41.5万元。
"""
QUESTIONS_AND_ANSWERS = """客户端下载
登录
清河治理访谈实录
2020-06-01 09:30
来源:县融媒体中心
字号

问:清河治理了几年?

答:三年。2017—2019年共清理河道12公里。

问:种了多少树?

答:种树8000棵。

责任编辑:值班室
版权所有
"""
MARKDOWN = """---
title: 村小的食堂
date: 2022-03-04
---

# 村小的食堂

## 办得怎么样

记者:每天多少学生吃饭?

校长:每天230名学生,一餐4.5元。

## 下一步

- 添一台冷柜
- 每学期体检2次
"""
BRACKETS = """【主持人】请介绍一下公交线路。有几条?

【嘉宾】现有公交线路9条,
车辆64台,
全部是电动车。

图丨访谈现场

【主持人】票价呢?

【嘉宾】一元一票,老人免费。
"""


def texts(document):
    return [passage.text for passage in document.passages]


def test_a_transcript_splits_at_the_questions():
    document = parse("a.txt", TRANSCRIPT)
    assert document.title == "图书馆的一年"
    assert "去年接待读者15000人次,比前年增长12.5%。" in texts(document)
    passage = next(passage for passage in document.passages if "41.5万元" in passage.text)
    assert passage.section == "钱从哪里来?"
    assert next(p for p in document.passages if "36场" in p.text).section == "去年来了多少读者?"


def test_questions_and_answers_with_a_page_around_them():
    document = parse("b.txt", QUESTIONS_AND_ANSWERS)
    assert document.title == "清河治理访谈实录"
    assert document.metadata["date"].text == "2020-06-01 09:30"
    assert document.metadata["source"].text == "县融媒体中心"
    assert next(p for p in document.passages if "8000棵" in p.text).section == "种了多少树?"
    assert not any("责任编辑" in text or "登录" in text for text in texts(document))


def test_markdown_headings_lists_and_front_matter():
    document = parse("c.md", MARKDOWN)
    assert document.metadata["date"].text == "2022-03-04"
    assert document.title == "村小的食堂"
    assert next(p for p in document.passages if "4.5元" in p.text).headings == (
        "办得怎么样",
        "每天多少学生吃饭?",
    )
    assert {"添一台冷柜", "每学期体检2次"} <= set(texts(document))


def test_bracketed_speakers_and_broken_lines():
    document = parse("d.txt", BRACKETS)
    assert "现有公交线路9条,\n车辆64台,\n全部是电动车。" in texts(document)
    assert next(p for p in document.passages if "老人免费" in p.text).section == "票价呢?"
    assert not any("图丨" in text for text in texts(document))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("增长8.37%,共12.66万人。完了", ["增长8.37%,共12.66万人。", "完了"]),
        ("他说“好。真好!”然后走了。", ["他说“好。真好!”然后走了。"]),
        ("2016—2019年都是A;后来呢?", ["2016—2019年都是A;", "后来呢?"]),
        ("It cost 3.5 million. Then it stopped.", ["It cost 3.5 million.", "Then it stopped."]),
        ("出台(即:生活、住房。)的办法。", ["出台(即:生活、住房。)的办法。"]),
        ("……", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert [text[start:end] for start, end in sentences(text)] == expected


def test_thousands_do_not_split_a_clause():
    text = "投入1,200万元,修路"
    assert [text[start:end] for start, end in clauses(text)] == ["投入1,200万元,", "修路"]


ANY_TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from("问答主持人:?。,、“”()《》01\n\r\t #-一二(一)大悟。!"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=400,
)


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT, st.sampled_from(["x.txt", "x.md"]))
def test_passages_of_any_text_are_verbatim_ordered_and_short(text, name):
    document = parse(name, text)
    end = 0
    for passage in document.passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.start >= end or passage.span in document.metadata.values()
        assert len(passage.text) <= PASSAGE_LIMIT
        end = max(end, passage.end)


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT)
def test_sentences_and_clauses_hold_every_letter_once(text):
    for split in (sentences, clauses):
        held = "".join(text[start:end] for start, end in split(text))
        assert [c for c in held if c.isalnum()] == [c for c in text if c.isalnum()]


@pytest.mark.parametrize(
    "text",
    [
        "字" * 1_000_000,
        "\n" * 1_000_000,
        "# 标题\n\n" * 10_000,
        "(" * 100_000,
        "“" * 100_000,
        "甲,\n" * 20_000,
    ],
)
def test_large_and_odd_texts_are_split_in_linear_time(text):
    began = time.process_time()
    parse("x.md", text)
    assert time.process_time() - began < 30
