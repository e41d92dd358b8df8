"""Sections and their items, and the questions that want all of them."""

import numpy as np
import pytest

from dawu_qa.corpus import parse
from dawu_qa.corpus.folder import Entry
from dawu_qa.corpus.sidecar import Sidecar
from dawu_qa.folding import fold
from dawu_qa.index.contents import Catalogue
from dawu_qa.reader.outline import section_asked, sections

REPORT = """# 清河镇怎样治水?

## 一、管住源头

1. 关停作坊。镇里关停了沿河的十二家小作坊。

2. 雨污分流。铺设管道9公里。

## 二、还河于民

一是修步道。沿河修了6公里步道。二是种树,两岸种树8000棵。

# 清河镇的人口有多少?

全镇有3.2万人。
"""


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue.of([Entry(parse("river.md", REPORT), Sidecar())])


def found(catalogue):
    return {
        heading.text: section
        for heading, section in zip(catalogue.headings, sections(catalogue), strict=True)
    }


def asked(catalogue, question, heading):
    """Return the items for a question that is near one heading."""
    cosines = np.asarray([0.95 if one.text == heading else 0.8 for one in catalogue.headings], np.float32)
    section = section_asked(fold(question), sections(catalogue), cosines)
    return section and [item.text for item in section.items]


def test_items_are_the_headings_below_or_what_items_open_with_or_what_is_enumerated(catalogue):
    items = {
        text: [item.text for item in section.items] for text, section in found(catalogue).items() if section
    }
    assert items == {
        "清河镇怎样治水?": ["管住源头", "还河于民"],
        "一、管住源头": ["关停作坊", "雨污分流"],
        "二、还河于民": ["修步道", "种树"],
    }


def test_sections_of_the_same_name_are_not_mixed():
    text = "# 南镇做得怎样?\n\n## 主要做法\n\n一是修路。二是种树。\n\n# 北镇做得怎样?\n\n## 主要做法\n\n一是养鱼。二是办学。\n"
    both = Catalogue.of([Entry(parse("towns.md", text), Sidecar())])
    pairs = zip(both.headings, sections(both), strict=True)
    items = [
        [item.text for item in section.items]
        for heading, section in pairs
        if heading.text == "主要做法" and section
    ]
    assert items == [["修路", "种树"], ["养鱼", "办学"]]


def test_items_and_headings_are_verbatim(catalogue):
    for section in sections(catalogue):
        for span in (section.heading, *section.items) if section else ():
            assert REPORT[span.start : span.end] == span.text


@pytest.mark.parametrize(
    "question",
    [
        "清河镇治水有哪些措施?",
        "治水主要抓了哪两个方面?",
        "治水的两大措施分别是什么?",
        "清河镇治水分几步走?",
        "Which two measures were taken?",
    ],
)
def test_questions_for_several_measures_want_the_items(catalogue, question):
    assert asked(catalogue, question, "清河镇怎样治水?") == ["管住源头", "还河于民"]


def test_an_ordinal_picks_one_item(catalogue):
    assert asked(catalogue, "治水的第二个方面是什么?", "清河镇怎样治水?") == ["还河于民"]
    assert asked(catalogue, "治水的第五个方面是什么?", "清河镇怎样治水?") is None


@pytest.mark.parametrize(
    "question",
    ["治水花了多少钱?", "治水的三大措施是哪些?", "教育有哪些措施?", "清河镇在哪里?"],
    ids=["a figure", "not as many", "of something else", "a place"],
)
def test_other_questions_do_not(catalogue, question):
    assert asked(catalogue, question, "清河镇怎样治水?") is None


def test_a_heading_that_is_not_near_is_not_taken(catalogue):
    cosines = np.full(len(catalogue.headings), 0.8, np.float32)
    assert section_asked("治水有哪些措施", sections(catalogue), cosines) is None


@pytest.mark.model
def test_the_interviews_sections_are_answered_whole(pipeline):
    heading = next(section for section in sections(pipeline.catalogue) if section)
    asked = f"大悟县打脱贫攻坚硬仗,采取了哪{'零一二三四五六七八九'[len(heading.items)]}个方面的措施?"
    answer = pipeline.ask(asked)
    assert (answer.band, answer.spans, answer.sentence) == ("answer", heading.items, heading.heading)
