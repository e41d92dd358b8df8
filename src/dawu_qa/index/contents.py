"""What an index holds, before it is a set of files."""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dawu_qa.corpus import clauses, sentences
from dawu_qa.corpus.folder import Entry
from dawu_qa.corpus.sidecar import Fact, metadata_facts
from dawu_qa.folding import fold_in_place
from dawu_qa.types import Document, FloatArray, Passage, Span

#: The grains that dense retrieval searches, each with vectors of its own.
GRAINS = ("passages", "sentences", "clauses", "headings", "questions", "unanswerable", "background")


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of a source and the passage it belongs to."""

    passage: int
    span: Span


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, how many it is below (1 for a section's), and the passages that stand below it, in order."""

    text: str
    depth: int
    passages: tuple[int, ...]


@dataclass(frozen=True)
class Catalogue:
    """The texts of an index: documents, passages and their parts, facts and questions.

    The first `metadata_questions` questions ask for metadata and ship with the package; editors wrote the rest.
    `facts[i]` stands in passage `fact_passages[i]`; `questions[j]` asks for fact `question_facts[j]`.
    """

    documents: tuple[Document, ...]
    facts: tuple[Fact, ...]
    unanswerable: tuple[str, ...]
    metadata_questions: int
    passages: tuple[Passage, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "passages", tuple(passage for document in self.documents for passage in document.passages)
        )

    @classmethod
    def of(cls, entries: list[Entry]) -> Catalogue:
        """Gather the entries of a corpus; metadata is asked for by the questions that ship with the package."""
        table: dict[str, list[str]] = _shipped("metadata_questions")
        metadata = [fact for entry in entries for fact in metadata_facts(entry.document, table)]
        facts = metadata + [fact for entry in entries for fact in entry.sidecar.facts]
        unanswerable = dict.fromkeys(question for entry in entries for question in entry.sidecar.unanswerable)
        return cls(
            tuple(entry.document for entry in entries),
            tuple(facts),
            tuple(unanswerable),
            sum(len(fact.questions) for fact in metadata),
        )

    @cached_property
    def sentences(self) -> tuple[Unit, ...]:
        """The sentences of all passages, in order."""
        return tuple(self._parts(sentences))

    @cached_property
    def clauses(self) -> tuple[Unit, ...]:
        """The clauses of all passages, in order."""
        return tuple(self._parts(clauses))

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of all documents with the passages below them, in order."""
        below: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for at, passage in enumerate(self.passages):
            for depth, heading in enumerate(passage.headings, start=1):
                if any(character.isalpha() for character in heading):
                    below.setdefault((passage.source, passage.headings[:depth]), []).append(at)
        return tuple(Heading(path[-1], len(path), tuple(passages)) for (_, path), passages in below.items())

    @cached_property
    def fact_passages(self) -> tuple[int, ...]:
        """For each fact the passage that states it."""
        return tuple(self.passage_of(fact.sentence) for fact in self.facts)

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """All questions of all facts, in order."""
        return tuple(question for fact in self.facts for question in fact.questions)

    @cached_property
    def question_facts(self) -> np.ndarray[Any, np.dtype[np.intp]]:
        """For each question the fact that answers it."""
        return np.repeat(np.arange(len(self.facts)), [len(fact.questions) for fact in self.facts])

    def passage_of(self, span: Span) -> int:
        """Return the passage that a span stands in.

        Raises:
            ValueError: None of the passages holds it.
        """
        starts, first = self._starts.get(span.source, ([], 0))
        at = first + bisect(starts, span.start) - 1
        if at < first or span.end > self.passages[at].end:
            raise ValueError(f"no passage holds {span}")
        return at

    @cached_property
    def _starts(self) -> dict[str, tuple[list[int], int]]:
        """For each source where its passages begin, in order, and the number of the first."""
        starts: dict[str, tuple[list[int], int]] = {}
        for at, passage in enumerate(self.passages):
            starts.setdefault(passage.source, ([], at))[0].append(passage.start)
        return starts

    def texts(self) -> Mapping[str, list[str]]:
        """Return what is encoded, by grain; white space that the page put into a text is one space a character."""
        return {
            "passages": [fold_in_place(passage.text) for passage in self.passages],
            "sentences": [fold_in_place(unit.span.text) for unit in self.sentences],
            "clauses": [fold_in_place(unit.span.text) for unit in self.clauses],
            "headings": [fold_in_place(heading.text) for heading in self.headings],
            "questions": [fold_in_place(question) for question in self.questions],
            "unanswerable": [fold_in_place(question) for question in self.unanswerable],
            "background": [fold_in_place(question) for question in _shipped("off_topic_questions")],
        }

    def _parts(self, split: Any) -> Iterator[Unit]:
        for at, passage in enumerate(self.passages):
            for start, end in split(passage.text):
                span = Span(
                    passage.text[start:end], passage.source, passage.start + start, passage.start + end
                )
                yield Unit(at, span)


@dataclass(frozen=True)
class Vectors:
    """The numbers of an index.

    `embeddings[grain]` has shape (n, dim), rows of unit L2 norm. `tokens`, shape (tokens, dim), are the token
    vectors of all passages; those of clause i are rows `clause_starts[i]` to `clause_starts[i + 1]`. Token j ends
    before character `token_ends[j]` of its passage, and begins where the one before ends. `answer_tokens` are the
    same tokens, encoded with the adapter where the encoder has one; `lower_states` what its lower layers make of them,
    without columns where they cannot be told apart from the upper ones.
    """

    embeddings: Mapping[str, FloatArray]
    tokens: NDArray[np.float16]
    answer_tokens: NDArray[np.float16]
    lower_states: NDArray[np.float16]
    clause_starts: np.ndarray[Any, np.dtype[np.int64]]
    token_ends: np.ndarray[Any, np.dtype[np.int64]]


def _shipped(name: str) -> Any:
    """Return questions that ship with the package: those for metadata by field, or a list of those that no corpus is about."""
    return json.loads(files("dawu_qa").joinpath(f"data/{name}.json").read_text(encoding="utf-8"))


def clause_starts(
    catalogue: Catalogue, token_ends: list[np.ndarray[Any, Any]]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return at which token each clause begins, with the number of tokens behind the last.

    Args:
        catalogue: Its clauses cover every token of their passages: what stands between two belongs to the latter.
        token_ends: For each passage the end offsets of its tokens within its text; what an encoder cut off has the last one.
    """
    starts, total = [], 0
    by_passage = {at: list(units) for at, units in groupby(catalogue.clauses, key=lambda unit: unit.passage)}
    for at, ends in enumerate(token_ends):
        units = by_passage.get(at, [])
        borders = [unit.span.end - catalogue.passages[at].start for unit in units[:-1]]
        starts += (
            [
                total,
                *(
                    total + min(int(at), max(len(ends) - 1, 0))
                    for at in np.searchsorted(ends, borders, side="right")
                ),
            ]
            if units
            else []
        )
        total += len(ends)
    return np.asarray([*starts, total], np.int64)
