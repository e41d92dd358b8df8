"""Checking the questions beside a source: what is wrong with them, and what they cover."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dawu_qa.corpus.decode import printable, read_source
from dawu_qa.corpus.parse import parse
from dawu_qa.corpus.sentences import sentences
from dawu_qa.corpus.sidecar import Fact, read_sidecar, sidecar_path
from dawu_qa.errors import CorpusError
from dawu_qa.folding import fold
from dawu_qa.types import Document


@dataclass(frozen=True, slots=True)
class SidecarReport:
    """Counts, how many of the body's sentences some fact stands in, and what is wrong."""

    facts: int
    questions: int
    unanswerable: int
    sentences: int
    covered: int
    problems: tuple[str, ...]


def check_sidecar(source: Path) -> SidecarReport:
    """Check the questions beside a source.

    Raises:
        CorpusError: There are none, or a line is malformed or not verbatim.
    """
    path = sidecar_path(source)
    if not path.is_file():
        raise CorpusError(
            f"there is no {printable(path.name)} beside {printable(source.name)}; create it, a line a fact"
        )
    document = parse(source.name, read_source(source))
    sidecar = read_sidecar(path, document)
    asked = [question for fact in sidecar.facts for question in fact.questions]
    total, covered = _coverage(document, sidecar.facts)
    return SidecarReport(
        len(sidecar.facts),
        len(asked),
        len(sidecar.unanswerable),
        total,
        covered,
        tuple(_problems(sidecar.facts, sidecar.unanswerable)),
    )


def _problems(facts: tuple[Fact, ...], unanswerable: tuple[str, ...]) -> list[str]:
    answerable = Counter(fold(question) for fact in facts for question in set(fact.questions))
    problems = [f"asked twice: {question}" for question, count in answerable.items() if count > 1]
    twice = Counter(fold(question) for question in unanswerable)
    problems += [
        f"listed twice as unanswerable: {question}" for question, count in twice.items() if count > 1
    ]
    problems += [f"both answerable and not: {question}" for question in twice if question in answerable]
    problems += [f"no question for: {fact.sentence.text}" for fact in facts if not fact.questions]
    return problems


def _coverage(document: Document, facts: tuple[Fact, ...]) -> tuple[int, int]:
    spans = [
        (passage.start + start, passage.start + end)
        for passage in document.passages
        for start, end in sentences(passage.text)
    ]
    stated = bytearray(len(document.text))
    for fact in facts:
        stated[fact.sentence.start : fact.sentence.end] = b"\1" * (fact.sentence.end - fact.sentence.start)
    return len(spans), sum(1 in stated[start:end] for start, end in spans)
