"""Sentences and clauses of a text, with offsets.

A sentence ends at 。！？； or …… and at their half-width twins; a full stop of Latin script only before white
space or the end, so that decimal points stay whole. Nothing ends inside quotes or brackets that close again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

_PAIRS = {"“": "”", "‘": "’", "「": "」", "『": "』", "《": "》", "（": "）", "(": ")", "【": "】", "[": "]"}
_OPENERS = {closer: opener for opener, closer in _PAIRS.items()}
_CLOSERS = "".join(_PAIRS.values()) + "\"'"
_SENTENCE_END = re.compile(r"[。！？!?；;]+|…+|\.(?=\s|$)")
_CLAUSE_END = re.compile(r"，|[：:](?!\d)|(?<!\d)[：:]|,(?!\d{3}(?!\d))|(?<!\d),")


def _protected(text: str) -> list[bool]:
    """Mark the characters inside quotes and brackets that are closed within the text."""
    deeper = [0] * (len(text) + 1)
    open_pairs: list[tuple[str, int]] = []
    still_open = Counter[str]()
    for at, character in enumerate(text):
        if character in _PAIRS:
            open_pairs.append((character, at))
            still_open[character] += 1
        elif still_open[_OPENERS.get(character, "")]:
            opener, began = "", 0
            while opener != _OPENERS[character]:  # what was opened within and never closed is let go
                opener, began = open_pairs.pop()
                still_open[opener] -= 1
            deeper[began] += 1
            deeper[at] -= 1
    return [depth > 0 for depth in accumulate(deeper[:-1])]


def _split(text: str, end: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    inside = _protected(text)
    began = 0
    for match in end.finditer(text):
        if inside[match.start()] or match.start() < began:
            continue
        stop = match.end()
        while stop < len(text) and text[stop] in _CLOSERS and not inside[stop]:
            stop += 1
        yield began, stop
        began = stop
    yield began, len(text)


def trimmed(text: str, began: int, stop: int) -> tuple[int, int] | None:
    """Return a stretch without the white space at its ends, or None where it holds no letter or digit."""
    piece = text[began:stop]
    if not any(character.isalnum() for character in piece):
        return None
    return began + len(piece) - len(piece.lstrip()), began + len(piece.rstrip())


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence, its closing punctuation included, in order."""
    return [span for piece in _split(text, _SENTENCE_END) if (span := trimmed(text, *piece))]


def clauses(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each clause (between commas and colons) of each sentence, in order."""
    found = []
    for began, stop in sentences(text):
        for left, right in _split(text[began:stop], _CLAUSE_END):
            if span := trimmed(text, began + left, began + right):
                found.append(span)
    return found
