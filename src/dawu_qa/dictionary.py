"""The words of jieba's dictionary, read as the list that it is: segmenting by it is not needed here."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def tagged_words() -> tuple[tuple[str, str], ...]:
    """Return each word with its part of speech ("ns" is a place)."""
    spec = find_spec("jieba")
    if spec is None or spec.origin is None:  # pragma: no cover - a declared dependency
        return ()
    lines = (Path(spec.origin).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    return tuple((word, tag) for word, _, tag in (line.split(" ") for line in lines))


@cache
def words() -> frozenset[str]:
    """Return the words."""
    return frozenset(word for word, _ in tagged_words())
