"""The values that travel between the stages, and the protocols the stages keep.

Offsets are characters of the corpus file decoded as text, without newline translation; ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: What is done with a question: answer it, offer the nearest questions, decline it, or return a greeting.
Band = Literal["answer", "did_you_mean", "decline", "small_talk"]
BlockKind = Literal["title", "metadata", "heading", "marker", "paragraph", "caption"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source: `source_text[start:end] == text`."""

    text: str
    source: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """What is retrieved: a paragraph, a numbered item or a metadata line, at most 400 characters.

    `headings` runs from the section down (section, subsection, item marker); `section` is the first of them.
    """

    text: str
    section: str
    headings: tuple[str, ...]
    source: str
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The passage as a bare span."""
        return Span(self.text, self.source, self.start, self.end)


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """A passage and its fused score; higher is better, comparable within one answer only."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Block:
    """A line group of a document as a reader sees it; `level` is 1 for sections, 2 for subsections."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed source file.

    `metadata` maps a field (title, date, source, guest, host) to where the file states it.
    """

    source: str
    text: str
    metadata: Mapping[str, Span] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    passages: tuple[Passage, ...] = ()

    @property
    def title(self) -> str:
        """The title, or the file's name where none was found."""
        return self.metadata["title"].text if "title" in self.metadata else self.source


@dataclass(frozen=True, slots=True)
class Answer:
    """What `ask` returns.

    `text` is the spans' texts joined with "；", empty unless `answered`. `confidence` is the calibrated
    probability, in [0, 1], that the best candidate is right, which is not given where the question is declined.
    `sentence` holds the first span, or is the heading of the section whose items the spans are. `passages` are ranked,
    best first, also where the question is declined; small talk has none.
    """

    question: str
    band: Band
    text: str
    spans: tuple[Span, ...]
    sentence: Span | None
    passages: tuple[ScoredPassage, ...]
    confidence: float
    suggestions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.answered != bool(self.spans):
            raise ValueError("an answer has spans, and nothing else has")

    @property
    def answered(self) -> bool:
        """Whether the corpus answers the question."""
        return self.band == "answer"


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text's embedding, shape (dim,), its token embeddings, shape (tokens, dim), and the tokens' ends within it.

    `lower`, shape (1 + tokens, dim), is what the lower layers make of the text as a whole and of its tokens, for
    `dawu_qa.joint`; without rows where the encoder has no such layers.
    """

    embedding: FloatArray
    tokens: FloatArray
    token_ends: NDArray[np.int64]
    lower: FloatArray


class Encoder(Protocol):
    """Turns texts into vectors of unit length, one for a text and one for each of its tokens."""

    name: str
    fingerprint: str

    @property
    def dim(self) -> int:
        """How many dimensions the vectors have."""
        ...

    def encode_query(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts that ask."""
        ...

    def encode_passage(self, texts: Sequence[str]) -> list[EncodedText]:
        """Encode texts that answer."""
        ...


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity that the corpus states.

    `value` is in `unit` with 万 and 亿 multiplied out (1.26亿元 is 126000000 元), `qualifier` is 近, 多, 余 or
    the like where the text does not give the number exactly, `counts` what is counted, `period` the time it is
    stated for ("" where the sentence names none).
    """

    span: Span
    value: float
    unit: str
    qualifier: str
    counts: str
    period: str
    section: str
    sentence: Span
