"""Names of places in questions: those of jieba's dictionary, those that open them, and romanised ones by their capitals."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import cache

from dawu_qa.dictionary import tagged_words
from dawu_qa.folding import split_pinyin

_HAN_RUN = re.compile(r"[\u4e00-\u9fff]+")
_CAPITALISED = re.compile(r"\b[A-Z][a-z]{3,}\b")
_SUFFIXES = "省市区县州旗镇乡村"
#: A name of two ideographs that a question opens with, as "XX县的…" does, and what such a name has none of.
_OPENING = re.compile(r"(?:请问|听说|据说|那)?([\u4e00-\u9fff]{2})[省市县州旗镇乡]")
_NO_NAME = frozenset(
    "全本咱我你他她它们这那哪各该外邻每某几多有的地得了是和与跟从到向往由把被让比在进出住回发给换评赶年月日时里中内前后间个些能想人员各返贫穷集超城夜"
)
_LONGEST = 8


def places(folded: str, typed: str) -> Iterator[str]:
    """Yield the places that a question names, in lower case.

    Args:
        folded: The question in simplified lower case.
        typed: The question as it was typed: a capital tells Hongan from a common word.
    """
    known = _gazetteer()
    for run in _HAN_RUN.findall(folded):
        at = 0
        while at < len(run):
            size = next(
                (size for size in range(min(_LONGEST, len(run) - at), 1, -1) if run[at : at + size] in known),
                0,
            )
            if size and known[run[at : at + size]]:
                yield run[at : at + size]
            at += size or 1
    opening = _OPENING.match(folded)
    if opening and not _NO_NAME & set(opening[1]) and not {opening[0], opening[1]} & known.keys():
        yield opening[1]
    for word in _CAPITALISED.findall(typed):
        if len(split_pinyin(word.lower())) > 1:
            yield word.lower()


@cache
def _gazetteer() -> dict[str, bool]:
    """Return the words of the dictionary, true for names of places.

    It has 东西 and 礼拜 for places, too; so one counts only with what a place is, or if it is there with that as well.
    """
    tagged = {word: tag for word, tag in tagged_words() if len(word) > 1}
    return {word: tag == "ns" and _is_place(word, tagged) for word, tag in tagged.items()}


def _is_place(word: str, known: Container[str]) -> bool:
    if len(word) > 2 and word[-1] in _SUFFIXES:
        return True
    return any(word + suffix in known for suffix in _SUFFIXES)
