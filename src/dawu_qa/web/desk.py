"""What is done with a question that comes in, from the page or from a program."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio.to_thread

from dawu_qa.feedback import FeedbackStore
from dawu_qa.types import Answer
from dawu_qa.web.gate import Gate
from dawu_qa.web.library import Library
from dawu_qa.web.monitoring import Monitor
from dawu_qa.web.source import PipelineSource
from dawu_qa.web.turns import Turn

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """The pipeline, the gate before it, and the notes kept for the editors (None: nothing is kept)."""

    source: PipelineSource
    gate: Gate
    feedback: FeedbackStore | None = None
    monitor: Monitor = field(default_factory=Monitor)

    async def library(self) -> Library:
        """Return the documents and the pipeline as they are now."""
        return await anyio.to_thread.run_sync(self.source.library)

    async def ask(
        self, question: str, history: Sequence[str] = (), *, client: str | None = None, top_k: int = 3
    ) -> tuple[Answer, Library]:
        """Answer a question in turn; return what it was answered from, too.

        Raises:
            ValueError: The question is blank or too long.
            Busy, TooFast: The question is not taken now.
        """
        with self.monitor.question(question) as outcome:
            async with self.gate.question(client):
                answer, library = await anyio.to_thread.run_sync(
                    self._answered, question, tuple(history), top_k
                )
            outcome.name = answer.band
            return answer, library

    async def vote(self, turn: Turn, library: Library) -> None:
        """Keep a vote, or take it back, for the editors."""
        if self.feedback:
            place = library.locate(turn.spans[0]) if turn.spans else None
            sentence = turn.sentence or (library.sentence(place) if place else None)
            await anyio.to_thread.run_sync(
                self.feedback.vote, turn.id, turn.question, turn.spans, sentence, turn.vote
            )

    def _answered(self, question: str, history: tuple[str, ...], top_k: int) -> tuple[Answer, Library]:
        self.source.warm_up()
        library = self.source.library()
        answer = library.pipeline.ask(question, history=history, top_k=top_k)
        if self.feedback and answer.band in {"did_you_mean", "decline"}:
            self.feedback.unanswered(answer)
        return answer, library
