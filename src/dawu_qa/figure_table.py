"""The figures of a text: every quantity it states, what it counts, and for which time."""

from __future__ import annotations

import re

from dawu_qa.index.contents import Catalogue
from dawu_qa.quantities import quantities
from dawu_qa.reader.candidates import Candidate, find_candidates
from dawu_qa.types import Figure

_KINDS = frozenset({"money", "people", "household", "count", "area", "percent", "period", "rank"})
_PERIOD = re.compile(
    r"(?<!\d)\d{4}(?:[—–-]\d{4})?年(?:\d{1,2}月)?(?:以来|度|上半年|下半年|底|初|末)?|(?<!比)[今去]年(?:疫情期间)?|[一二三四五六七八九十]{1,2}年来|截至目前|每(?:年|月|季度)"
)
#: Where the noun to the left of a figure begins, and where the one to its right ends.
_LEFT_BORDER = re.compile(
    r"[,，、。;；:：()（）和与]|了|共|已|用于|落实|投入|完成|建成|解决|安置|发放|开发|实施|吸纳和?带动|吸纳|销售|组织|安排|组建|每年|累计|有序|其中|为|达|辖|对|由|任期|均|分列|比去年"
)
_RIGHT_BORDER = re.compile(r"[,，、。;；:：()（）“”]|\d|和|与|用于|的|进行|牵头|就近|家门口|结对|发放|等|$")
#: Figures that share the noun before them: "贫困人口39413户、111563人".
_FIGURE_BEFORE = re.compile(r"(?:[\d.,]+(?:万|亿)?(?:多|余)?(?:户|人|名|个|家|元|%|位)[、,和与]?)+$")
_DATE_BEFORE = re.compile(r"^.*?\d{4}年(?:度|底|初|以来)?(?:全[县省市国])?")
_LONGEST_NOUN = 16


def find_figures(catalogue: Catalogue) -> tuple[Figure, ...]:
    """Return the quantities of a catalogue's passages, in order; dates are none, ranks and durations are."""
    return tuple(
        _figure(candidate, catalogue)
        for candidate in find_candidates(catalogue)
        if candidate.kind in _KINDS and candidate.value is not None
    )


def _figure(candidate: Candidate, catalogue: Catalogue) -> Figure:
    sentence = catalogue.sentences[candidate.sentence].span
    passage = catalogue.passages[candidate.passage]
    start, end = candidate.span.start - sentence.start, candidate.span.end - sentence.start
    quantity = next(iter(quantities(candidate.span.text)), None)
    return Figure(
        candidate.span,
        candidate.value if candidate.value is not None else 0.0,
        candidate.unit,
        quantity.qualifier if quantity else "",
        _counted(sentence.text, start, end),
        _period(sentence.text[:start]),
        passage.section,
        sentence,
    )


def _counted(sentence: str, start: int, end: int) -> str:
    """Return the noun that a figure counts: the one behind it, else the one before it."""
    behind = sentence[end : end + _LONGEST_NOUN]
    border = _RIGHT_BORDER.search(behind)
    noun = behind[: border.start()] if border else behind
    if len(noun.strip()) > 1:
        return noun.strip()
    before = _FIGURE_BEFORE.sub("", sentence[:start].rstrip("近约超"))[-_LONGEST_NOUN:].rstrip("与和、")
    before = _DATE_BEFORE.sub("", before)
    borders = [match.end() for match in _LEFT_BORDER.finditer(before) if match.end() < len(before)]
    return before[borders[-1] if borders else 0 :].strip()


def _period(before: str) -> str:
    found = [match.group() for match in _PERIOD.finditer(before)]
    return found[-1] if found else ""
