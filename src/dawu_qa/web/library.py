"""The documents as the page shows them: where a span stands, and whether it still stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dawu_qa.corpus.sentences import sentences
from dawu_qa.types import Answer, Document, Figure, Passage, Span


class Pipeline(Protocol):
    """What the page needs of a pipeline."""

    @property
    def documents(self) -> tuple[Document, ...]: ...  # noqa: D102

    @property
    def starters(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def figures(self) -> tuple[Figure, ...]: ...  # noqa: D102

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    def warm_up(self) -> None:
        """Load all that the first question would wait for."""
        ...

    def related(self, passage: Passage) -> tuple[str, ...]:
        """Return questions that a passage answers."""
        ...

    def ask(self, question: str, *, history: Sequence[str] = (), top_k: int = 3) -> Answer:
        """Answer a question."""
        ...


class Library:
    """The documents of one pipeline, with look-ups by place."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.documents = pipeline.documents
        self.fingerprint = pipeline.fingerprint
        self.numbers: Mapping[str, int] = {document.source: at for at, document in enumerate(self.documents)}

    def locate(self, span: Span) -> Span | None:
        """Return where a span stands now: its place, or the same words elsewhere in its source, or None."""
        if span.source not in self.numbers:
            return None
        text = self.documents[self.numbers[span.source]].text
        if text[span.start : span.end] == span.text:
            return span
        found = text.find(span.text)
        return Span(span.text, span.source, found, found + len(span.text)) if found >= 0 else None

    def passage(self, span: Span) -> Passage | None:
        """Return the passage that a span stands in."""
        document = self.documents[self.numbers[span.source]]
        return next(
            (each for each in document.passages if each.start <= span.start and span.end <= each.end), None
        )

    def sentence(self, span: Span) -> Span:
        """Return the sentence that a span stands in, or the span where no passage holds it."""
        passage = self.passage(span)
        if passage is None:
            return span
        for start, end in sentences(passage.text):
            if passage.start + start <= span.start and span.end <= passage.start + end:
                return Span(passage.text[start:end], span.source, passage.start + start, passage.start + end)
        return span

    def where(self, span: Span) -> tuple[str, ...]:
        """Return the headings that lead to a span: the nearest one, and the item's number below it."""
        document = self.documents[self.numbers[span.source]]
        title = (document.title,) if len(self.documents) > 1 else ()
        passage = self.passage(span)
        if passage is None or not passage.headings:
            return title
        markers = {
            document.text[block.start : block.end] for block in document.blocks if block.kind == "marker"
        }
        kept = 2 if passage.headings[-1] in markers else 1
        return (*title, *passage.headings[-kept:])

    def sections(self) -> list[Span]:
        """Return the headings of the sections, in order."""
        return [
            Span(document.text[block.start : block.end], document.source, block.start, block.end)
            for document in self.documents
            for block in document.blocks
            if block.kind == "heading" and block.level <= 1
        ]
