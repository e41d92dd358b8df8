"""Sections that are made of items, for questions that want all of them: "采取了哪四大措施?"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from dawu_qa.corpus import clauses
from dawu_qa.folding import fold
from dawu_qa.index.contents import Catalogue, Heading
from dawu_qa.quantities import number_value
from dawu_qa.reader.questions import asked_count, content_pairs
from dawu_qa.types import FloatArray, Passage, Span

_NUMBERING = re.compile(
    r"^\s*(?:[(（]?[一二三四五六七八九十\d]{1,3}[)）、.．]|第[一二三四五六七八九十\d]{1,3}[、,，章节条]?|[①-⑳])\s*"
)
_ENUMERATORS = re.compile(
    r"(?:^|(?<=[。；;，,：:]))\s*(?:另?一方面|[一二三四五六七八九]是|第[一二三四五六七八九](?:是|[,，、])|首先是?|其次是?|再次是?|最后是?)[,，]?\s*"
)
_SEVERAL = re.compile(
    r"哪些|哪几|哪[一二两三四五六七八九十\d]|几[个条步点项种招大方]|(?<![第\d.一二三四五六七八九十百千万])[二两三四五六七八九十\d](?:个|条|步|大|方面).{0,8}(?:什么|啥)(?!时候|时间|日期|名次|地方)|第[一二三四五六七八九\d](?:个|条|步|大|方面|项|点|种).{0,8}(?:什么|啥)|有什么|有啥|分别|分几|"
    r"\bwhat (?:\w+ ){0,3}(?:measures|steps|ways|practices|efforts|actions|aspects|approaches|plans|experiences)|"
    r"\bwhich (?:\w+ ){0,3}(?:measures|steps|ways|practices|efforts|actions|aspects|approaches|plans|experiences)|\bin (?:what|which) ways",
    re.I,
)
_ORDINAL = re.compile(r"第([一二三四五六七八九\d])(?:个|条|步|大|方面|项|点|种)")
_ITEM_NOUN = re.compile(
    r"措施|做法|方面|步(?:骤|走)?|经验|举措|办法|途径|路子|抓手|行动|手段|招|工作|安排|规划|"
    r"\b(?:measures|steps|ways|practices|efforts|actions|aspects|approaches|plans|experiences)",
    re.I,
)
#: Headings nearer than this to a question that wants items are what it is about (labelled questions: .90 and more).
_LEAST_COSINE = 0.885
_ENDS = ",，。;；:：!！?？ \n"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, where it stands, the passages below it, its items in order, and the words of all for matching."""

    heading: Span
    passages: tuple[int, ...]
    items: tuple[Span, ...]
    words: str


def asks_for_items(folded: str) -> bool:
    """Tell whether a folded question wants the items of a section: several measures, steps, ways, aspects."""
    return bool(_SEVERAL.search(folded) and _ITEM_NOUN.search(folded))


def section_asked(folded: str, found: Sequence[Section | None], cosines: FloatArray) -> Section | None:
    """Return the section whose items a folded question wants ("第三个方面": with that item alone), or None.

    Args:
        folded: The question.
        found: What `sections` gave.
        cosines: Of the question and each heading, shape (headings,).
    """
    if not asks_for_items(folded):
        return None
    count = asked_count(folded)
    pairs = content_pairs(folded)
    near = [
        (float(cosine), section)
        for cosine, section in zip(cosines, found, strict=True)
        if section
        and cosine >= _LEAST_COSINE
        and (not pairs or any(pair in section.words for pair in pairs))
        and count in {1, len(section.items)}
    ]
    if not near:
        return None
    section = max(near, key=lambda pair: pair[0])[1]
    ordinal = _ORDINAL.search(folded)
    if not ordinal:
        return section
    place = int(number_value(ordinal[1]) or 0)
    return (
        replace(section, items=section.items[place - 1 : place]) if 0 < place <= len(section.items) else None
    )


def sections(catalogue: Catalogue) -> list[Section | None]:
    """Return for each heading of a catalogue its section; None where it has no two items."""
    found: list[Section | None] = []
    for heading in catalogue.headings:
        span, items = (
            _heading_span(catalogue, heading.text, catalogue.passages[heading.passages[0]]),
            _items(catalogue, heading),
        )
        words = fold(" ".join((heading.text, *(item.text for item in items))))
        found.append(Section(span, heading.passages, items, words) if span and len(items) > 1 else None)
    return found


def _items(catalogue: Catalogue, heading: Heading) -> tuple[Span, ...]:
    """Return the headings below a heading, or else what its items open with, or else what its enumeration lists."""
    passages = [catalogue.passages[at] for at in heading.passages]
    depth = heading.depth
    below = [
        (name, next(group))
        for name, group in groupby(
            (passage for passage in passages if len(passage.headings) > depth),
            key=lambda passage: passage.headings[depth],
        )
    ]
    if below and all(any(character.isalpha() for character in name) for name, _ in below):
        heads = (_heading_span(catalogue, name, first) for name, first in below)
        return tuple(_unnumbered(span) for span in heads if span)
    if below:
        return tuple(_title(passage) for _, passage in below)
    return tuple(span for passage in passages for span in _enumerated(passage))


def _heading_span(catalogue: Catalogue, name: str, first: Passage) -> Span | None:
    """Return where the heading above a passage stands."""
    document = next(document for document in catalogue.documents if document.source == first.source)
    spans = (block for block in document.blocks if block.start < first.start)
    starts = [block.start for block in spans if document.text[block.start : block.end] == name]
    return Span(name, first.source, starts[-1], starts[-1] + len(name)) if starts else None


def _unnumbered(heading: Span) -> Span:
    number = _NUMBERING.match(heading.text)
    return _span(
        heading.text, heading.source, number.end() if number else 0, len(heading.text), heading.start
    )


def _title(passage: Passage) -> Span:
    """Return the first clause of an item."""
    start, end = clauses(passage.text)[0]
    return _span(passage.text, passage.source, start, end, passage.start)


def _enumerated(passage: Passage) -> Iterator[Span]:
    """Yield the clauses that enumerating words open."""
    for match in _ENUMERATORS.finditer(passage.text):
        rest = clauses(passage.text[match.end() :])
        if rest:
            yield _span(
                passage.text,
                passage.source,
                match.end() + rest[0][0],
                match.end() + rest[0][1],
                passage.start,
            )


def _span(text: str, source: str, start: int, end: int, offset: int) -> Span:
    end -= len(text[start:end]) - len(text[start:end].rstrip(_ENDS))
    return Span(text[start:end], source, offset + start, offset + end)
