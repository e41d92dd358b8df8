"""What each stage made of a question, for whoever asks why."""

from __future__ import annotations

from dataclasses import dataclass

from dawu_qa.reader.answerability import Judgement, Thresholds
from dawu_qa.reader.outline import Section
from dawu_qa.reader.ranking import Ranked
from dawu_qa.retrieval.fusion import Retrieved
from dawu_qa.retrieval.query import Query
from dawu_qa.types import Answer


@dataclass(frozen=True)
class Reading:
    """What was found for one thing that is asked: passages, candidates, signals, and how sure that makes.

    `section` is the one whose items are the answer, where such a one is asked for.
    """

    query: Query
    retrieved: Retrieved
    ranked: Ranked
    signals: dict[str, float]
    judgement: Judgement
    section: Section | None = None

    @property
    def answer_passages(self) -> tuple[int, ...]:
        """The passages that the answer stands in."""
        return self.section.passages if self.section else (self.ranked.candidates[0].passage,)


@dataclass(frozen=True)
class Explanation:
    """What each stage made of a question; `readings` has one entry for each thing that it asks."""

    question: str
    standalone: str
    readings: tuple[Reading, ...]
    thresholds: Thresholds
    answer: Answer
