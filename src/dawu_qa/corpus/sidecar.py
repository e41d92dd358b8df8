"""The questions that editors write beside a source: `NAME.questions.jsonl`.

A line `{"sentence": …, "answer": …, "questions": […]}` lists what people ask about a sentence of the source;
`answer`, optional, is the part of it that answers them. A line with `"sentence": null` lists questions that the
source does not answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawu_qa.corpus.decode import read_source
from dawu_qa.errors import CorpusError
from dawu_qa.types import Document, Span


@dataclass(frozen=True, slots=True)
class Fact:
    """What a sentence of the source states, and how people ask for it; `answer` lies within `sentence`."""

    sentence: Span
    answer: Span | None
    questions: tuple[str, ...]


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
    facts, unanswerable = [], []
    for number, line in enumerate(read_source(path).lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = _checked(json.loads(line))
            if entry["sentence"] is None:
                unanswerable += entry["questions"]
            else:
                facts.append(_fact(entry, document))
        except (ValueError, RecursionError) as error:
            message = (
                "not valid JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
            )
            raise CorpusError(f"{path.name}, line {number}: {message}; mend or remove the line") from error
    return Sidecar(tuple(facts), tuple(unanswerable))


def locate(text: str, quote: str, start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """Find a quote in a text, white space aside (pages break sentences over lines); the first place, or None."""
    stop = len(text) if end is None else end
    at = text.find(quote, start, stop)
    if at >= 0:
        return at, at + len(quote)
    pattern = r"\s*".join(re.escape(character) for character in re.sub(r"\s", "", quote))
    match = re.compile(pattern).search(text, start, stop) if pattern else None
    return match.span() if match else None


def metadata_facts(document: Document, questions: dict[str, list[str]]) -> Iterable[Fact]:
    """Turn a document's metadata into facts, asked for by the questions listed for each field."""
    for field, span in document.metadata.items():
        if field in questions:
            yield Fact(span, span, tuple(questions[field]))


def _checked(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "sentence" not in entry:
        raise ValueError('a line is an object with "sentence" and "questions"')
    questions = entry.get("questions")
    if not isinstance(questions, list) or not all(
        isinstance(question, str) and question.strip() for question in questions
    ):
        raise ValueError('"questions" is a list of texts that are not blank')
    for key in ("sentence", "answer"):
        if not isinstance(entry.get(key), str | None) or entry.get(key) == "":
            raise ValueError(f'"{key}" is a text or null')
    return entry


def _fact(entry: dict[str, Any], document: Document) -> Fact:
    """Find a line's sentence and answer in the passages; what of the sentence lies outside (a field's name) is cut off."""
    whole = _first(document, entry["sentence"])
    if not whole:
        raise ValueError("the sentence does not stand in the source any more")
    answer = entry.get("answer")
    found = locate(document.text, answer, *whole) if answer else None
    if answer and not found:
        raise ValueError("the answer does not stand in the sentence")
    wanted = found or whole
    shared = [
        (max(wanted[0], passage.start), min(wanted[1], passage.end), passage) for passage in document.passages
    ]
    start, end, passage = max(shared, key=lambda part: part[1] - part[0])
    if start >= end or (found and (start, end) != found):
        raise ValueError(
            "the sentence stands in a part of the page that is not answered from (a button, a caption, a footer)"
        )
    place = max(whole[0], passage.start), min(whole[1], passage.end)
    return Fact(_span(document, place), _span(document, found) if found else None, tuple(entry["questions"]))


def _first(document: Document, sentence: str) -> tuple[int, int] | None:
    """Find a sentence in a passage, or else anywhere in the source."""
    places = (locate(document.text, sentence, passage.start, passage.end) for passage in document.passages)
    return next((place for place in places if place), None) or locate(document.text, sentence)


def _span(document: Document, place: tuple[int, int]) -> Span:
    return Span(document.text[slice(*place)], document.source, *place)
