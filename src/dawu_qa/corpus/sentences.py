"""Sentences and clauses of a text, with offsets.

A sentence ends at 。！？； or …… and at their half-width twins; a full stop of Latin script only before white
space or the end, so that decimal points stay whole. Nothing ends inside quotes or brackets that close again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PAIRS = {"“": "”", "‘": "’", "「": "」", "『": "』", "《": "》", "（": "）", "(": ")", "【": "】", "[": "]"}
_CLOSERS = "".join(_PAIRS.values()) + "\"'"
_SENTENCE_END = re.compile(r"[。！？!?；;]+|…+|\.(?=\s|$)")
_CLAUSE_END = re.compile(r"[，：:]|,(?!\d{3}(?!\d))|(?<!\d),")


def _protected(text: str) -> list[bool]:
    """Mark the characters inside quotes and brackets that are closed within the text."""
    inside = [False] * len(text)
    open_pairs: list[tuple[str, int]] = []
    for at, character in enumerate(text):
        if character in _PAIRS:
            open_pairs.append((_PAIRS[character], at))
        elif open_pairs and character == open_pairs[-1][0]:
            _, began = open_pairs.pop()
            if not open_pairs:
                inside[began:at] = [True] * (at - began)
    return inside


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


def _stripped(text: str, began: int, stop: int) -> tuple[int, int] | None:
    piece = text[began:stop]
    if not any(character.isalnum() for character in piece):
        return None
    return began + len(piece) - len(piece.lstrip()), began + len(piece.rstrip())


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each sentence, its closing punctuation included, in order."""
    return [span for piece in _split(text, _SENTENCE_END) if (span := _stripped(text, *piece))]


def clauses(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each clause (between commas and colons) of each sentence, in order."""
    found = []
    for began, stop in sentences(text):
        for left, right in _split(text[began:stop], _CLAUSE_END):
            if span := _stripped(text, began + left, began + right):
                found.append(span)
    return found
