"""Names of places in questions: those of jieba's dictionary, and romanised ones by their capitals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from dawu_qa.dictionary import tagged_words
from dawu_qa.folding import split_pinyin

_HAN_RUN = re.compile(r"[\u4e00-\u9fff]+")
_CAPITALISED = re.compile(r"\b[A-Z][a-z]{3,}\b")
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
    for word in _CAPITALISED.findall(typed):
        if len(split_pinyin(word.lower())) > 1:
            yield word.lower()


@cache
def _gazetteer() -> dict[str, bool]:
    """Return the words of the dictionary, true for names of places."""
    return {word: tag == "ns" for word, tag in tagged_words() if len(word) > 1}
