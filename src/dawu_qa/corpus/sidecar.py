"""The questions that editors write beside a source: `NAME.questions.jsonl`.

A line `{"sentence": …, "answer": …, "questions": […]}` lists what people ask about a sentence of the source;
`answer`, optional, is the part of it that answers them. A line with `"sentence": null` lists questions that the
source does not answer.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect, bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawu_qa.corpus.decode import decode, printable, read_bytes
from dawu_qa.errors import CorpusError
from dawu_qa.types import Document, Passage, Span

#: How many characters quotes are looked up by, and what spreads their numbers.
_RUN, _MULTIPLIER = 4, np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Fact:
    """What a sentence of the source states, and how people ask for it; `answer` lies within `sentence`."""

    sentence: Span
    answer: Span | None
    questions: tuple[str, ...]

    @property
    def span(self) -> Span:
        """What answers its questions: the answer, or the sentence where no short one is natural."""
        return self.answer or self.sentence


@dataclass(frozen=True, slots=True)
class Sidecar:
    """The facts of a source, and questions that it does not answer."""

    facts: tuple[Fact, ...] = ()
    unanswerable: tuple[str, ...] = ()


def sidecar_path(source: Path) -> Path:
    """Return where the questions of a source file stand."""
    return source.with_name(f"{source.stem}.questions.jsonl")


def read_sidecar(path: Path, document: Document) -> Sidecar:
    """Read and verify the questions beside a source.

    Raises:
        CorpusError: A line is malformed, or its sentence is no longer in the source; the message names the line.
    """
    return parse_sidecar(decode(read_bytes(path), path.name), path.name, document)


def parse_sidecar(text: str, name: str, document: Document) -> Sidecar:
    """Verify the questions beside a source.

    Args:
        text: What the file holds.
        name: The file's name, for messages.
        document: The source.

    Raises:
        CorpusError: A line is malformed, or its sentence is no longer in the source; the message names the line.
    """
    facts: list[Fact] = []
    unanswerable: list[str] = []
    quotes = _Quotes(document)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            entry = _checked(json.loads(line))
            if entry["sentence"] is None:
                unanswerable += entry["questions"]
            else:
                facts.append(_fact(entry, quotes))
        except (ValueError, RecursionError) as error:
            message = (
                "not valid JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
            )
            raise CorpusError(
                f"{printable(name)}, line {number}: {message}; mend or remove the line"
            ) from error
    return Sidecar(tuple(facts), tuple(unanswerable))


def locate(text: str, quote: str, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """Find a quote in a text, white space aside (pages break sentences over lines); the first place, or None."""
    stop = len(text) if end is None else end
    at = text.find(quote, start, stop)
    if at >= 0:
        return at, at + len(quote)
    return next(_Bare(text, start, stop).places(quote), None)


class _Finder:
    """Finds quotes in a text by the rarest of their runs of characters, so that many quotes take no longer than one."""

    def __init__(self, text: str) -> None:
        self.text = text
        runs = _runs(text)
        self._order = np.argsort(runs, kind="stable")
        self._runs = runs[self._order]

    def places(self, quote: str) -> Iterator[int]:
        """Yield where a quote begins, in order."""
        if len(quote) < _RUN:
            found = self.text.find(quote) if quote else -1
            while found >= 0:
                yield found
                found = self.text.find(quote, found + 1)
            return
        runs = _runs(quote)
        left, right = (np.searchsorted(self._runs, runs, side) for side in ("left", "right"))
        rarest = int((right - left).argmin())
        for place in map(int, self._order[left[rarest] : right[rarest]]):
            if place >= rarest and self.text.startswith(quote, place - rarest):
                yield place - rarest


def _runs(text: str) -> NDArray[np.uint64]:
    """Return a number for the run of characters that begins at each place; different runs may share one."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    count = max(len(codes) - _RUN + 1, 0)
    runs = np.zeros(count, np.uint64)
    for at in range(_RUN):
        runs = runs * _MULTIPLIER + codes[at : at + count]
    return runs


class _Bare:
    """A stretch of a text without its white space, and where each of its characters stands."""

    def __init__(self, text: str, start: int, stop: int) -> None:
        self._finder = _Finder("".join(text[start:stop].split()))
        self._at = array("q", (place for place in range(start, stop) if not text[place].isspace()))

    def places(self, quote: str) -> Iterator[tuple[int, int]]:
        """Yield where a quote stands, white space aside, in order."""
        bare = "".join(quote.split())
        for found in self._finder.places(bare):
            yield self._at[found], self._at[found + len(bare) - 1] + 1


class _Quotes:
    """Where the sentences that editors quote stand in a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._starts = [passage.start for passage in document.passages]

    @cached_property
    def _verbatim(self) -> _Finder:
        return _Finder(self.document.text)

    @cached_property
    def _bare(self) -> _Bare:
        return _Bare(self.document.text, 0, len(self.document.text))

    def sentence(self, quote: str) -> tuple[int, int] | None:
        """Find a sentence as it is in a passage, or else anywhere in the source."""
        anywhere = None
        for place in self._places(quote):
            if any(passage.start <= place[0] and place[1] <= passage.end for passage in self.around(*place)):
                return place
            anywhere = anywhere or place
        return anywhere

    def _places(self, quote: str) -> Iterator[tuple[int, int]]:
        """Yield where a quote stands to the letter, and then where it does white space aside."""
        yield from ((start, start + len(quote)) for start in self._verbatim.places(quote))
        yield from self._bare.places(quote)

    def around(self, start: int, end: int) -> Sequence[Passage]:
        """Return the passages that overlap a stretch of the source."""
        first = max(bisect(self._starts, start) - 1, 0)
        return self.document.passages[first : bisect_left(self._starts, end)]


def metadata_facts(document: Document, questions: dict[str, list[str]]) -> Iterable[Fact]:
    """Turn a document's metadata into facts, asked for by the questions listed for each field."""
    for field, span in document.metadata.items():
        if field in questions:
            yield Fact(span, span, tuple(questions[field]))


def _checked(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "sentence" not in entry:
        raise ValueError('a line is an object with "sentence" and "questions"')
    questions = entry.get("questions")
    if not isinstance(questions, list) or not all(_is_text(question) for question in questions):
        raise ValueError('"questions" is a list of texts that are not blank')
    for key in ("sentence", "answer"):
        if entry.get(key) is not None and not _is_text(entry[key]):
            raise ValueError(f'"{key}" is a text that is not blank, or null')
    return entry


def _is_text(value: Any) -> bool:
    r"""Tell whether a value is a text that can be stored: not blank, and no half character (as by "\ud800")."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and not any("\ud800" <= character <= "\udfff" for character in value)
    )


def _fact(entry: dict[str, Any], quotes: _Quotes) -> Fact:
    """Find a line's sentence and answer in the passages; what of the sentence lies outside (a field's name) is cut off."""
    document, whole = quotes.document, quotes.sentence(entry["sentence"])
    if not whole:
        raise ValueError("the sentence does not stand in the source any more")
    answer = entry.get("answer")
    found = locate(document.text, answer, *whole) if answer else None
    if answer and not found:
        raise ValueError("the answer does not stand in the sentence")
    wanted = found or whole
    shared = [
        (max(wanted[0], passage.start), min(wanted[1], passage.end), passage)
        for passage in quotes.around(*wanted)
    ]
    start, end, passage = max(shared, key=lambda part: part[1] - part[0], default=(0, 0, None))
    if passage is None or start >= end or (found and (start, end) != found):
        raise ValueError(
            "the sentence stands in a part of the page that is not answered from (a button, a caption, a footer)"
        )
    place = max(whole[0], passage.start), min(whole[1], passage.end)
    return Fact(_span(document, place), _span(document, found) if found else None, tuple(entry["questions"]))


def _span(document: Document, place: tuple[int, int]) -> Span:
    return Span(document.text[slice(*place)], document.source, *place)
