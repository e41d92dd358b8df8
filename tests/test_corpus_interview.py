"""The shipped interview, point by point: nothing lost, nothing twice, nothing split where no sentence ends."""

import re
from itertools import pairwise

from dawu_qa.corpus import clauses, sentences


def body(interview):
    """Return the lines of the body, read off the page by hand-made rules of their own."""
    text = interview.text[interview.text.index("2020年是决战") : interview.text.index("原标题")]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    headings = {
        interview.text[block.start : block.end] for block in interview.blocks if block.kind == "heading"
    }
    return [line for line in lines if line not in headings and not re.match(r"图丨|0\d$|访谈现场$", line)]


def test_every_line_of_the_body_stands_in_exactly_one_passage(interview):
    for line in body(interview):
        assert sum(line in passage.text for passage in interview.passages) == 1, line


def test_the_passages_hold_nothing_but_the_body_and_the_metadata(interview):
    metadata = {span.text for span in interview.metadata.values()}
    told = [
        line.strip()
        for passage in interview.passages
        if passage.text not in metadata and passage.headings != (interview.title,)
        for line in passage.text.splitlines()
        if line.strip()
    ]
    assert told == body(interview)


def test_no_sentence_stands_in_two_passages(interview):
    spans = [
        (passage.start + start, passage.start + end)
        for passage in interview.passages
        for start, end in sentences(passage.text)
    ]
    assert spans == sorted(spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_the_sections_are_in_the_order_of_the_page(interview):
    sections = [
        interview.text[block.start : block.end]
        for block in interview.blocks
        if block.kind == "heading" and block.level == 1
    ]
    assert len(sections) == 8
    assert sum(section.endswith("?") for section in sections) == 6
    assert sections[0] == "大悟县脱贫攻坚基本情况"
    assert sections[-1] == "大悟县下一步的工作安排"


def test_the_rhetorical_question_of_the_introduction_opens_no_section(interview):
    question = "大悟县脱贫攻坚工作情况怎样?"
    assert question in interview.text
    assert not any(question in heading for passage in interview.passages for heading in passage.headings)
    (introduction,) = [passage for passage in interview.passages if question in passage.text]
    assert introduction.headings == ()


def test_the_introduction_is_read_as_whole_sentences(interview):
    (introduction,) = [passage for passage in interview.passages if "收官之年" in passage.text]
    read = [re.sub(r"\s", "", introduction.text[start:end]) for start, end in sentences(introduction.text)]
    assert read[0] == "2020年是决战脱贫攻坚、决胜全面建成小康社会的收官之年。"
    assert all(sentence[-1] in "。?" for sentence in read)


def test_items_are_numbered_under_their_subsections(interview):
    marked = [
        passage.headings
        for passage in interview.passages
        if passage.headings[-1:] and len(passage.headings) == 3
    ]
    assert {headings[2] for headings in marked} == {"01", "02", "03", "04"}
    assert all(re.match(r"\([一二三四]\)", headings[1]) for headings in marked)
    numbered = [block for block in interview.blocks if block.kind == "marker"]
    assert all(interview.text[block.start : block.end] in {"01", "02", "03", "04"} for block in numbered)


def test_decimals_ranges_quotes_and_brackets_stay_whole(interview):
    units = [
        passage.text[start:end] for passage in interview.passages for start, end in sentences(passage.text)
    ]
    for figure in ("12.66万", "50.98亿元", "2.68亿元", "22.27%", "8.37%", "1.66亿元", "53.7万"):
        assert any(figure in unit for unit in units), figure
    for unit in units:
        assert not re.match(r"[\d%”』」）)\]】。，、；]", unit) or re.match(r"\d", unit)
        assert unit.count("“") == unit.count("”"), unit
        assert unit.count("(") == unit.count(")"), unit


def test_clauses_do_not_cut_figures(interview):
    cut = re.compile(r"\d[,.，：:]$")
    for passage in interview.passages:
        for start, end in clauses(passage.text):
            following = passage.text[end : end + 1]
            assert not (cut.search(passage.text[start:end]) and following.isdigit())


def test_the_people_are_citable_where_the_page_names_them(interview):
    for field, mark in (("guest", "副县长"), ("host", "主持人")):
        span = interview.metadata[field]
        assert mark in interview.text[span.start - 12 : span.start]
        assert any(passage.start <= span.start and span.end <= passage.end for passage in interview.passages)
