"""What becomes of the questions: a line of log for each, and counters for Prometheus where its client is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from dawu_qa.types import Band
from dawu_qa.web.gate import Busy, TooFast

logger = logging.getLogger(__name__)

#: A question is answered in one of the bands, or not taken, or something went wrong.
OUTCOMES = (*get_args(Band), "busy", "too_fast", "refused", "error")
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12)


@dataclass
class Outcome:
    """What became of a question: one of `OUTCOMES`."""

    name: str = "error"


class Monitor:
    """Notes each question: `question band=answer milliseconds=17.2`; its text only if that is asked for."""

    def __init__(self, *, log_questions: bool = False) -> None:
        self.log_questions = log_questions
        self._counters = _Counters() if importlib.util.find_spec("prometheus_client") else None

    @contextlib.contextmanager
    def question(self, question: str) -> Iterator[Outcome]:
        """Note what becomes of a question and how long it takes; the block sets the outcome unless it raises."""
        outcome, began = Outcome(), time.perf_counter()
        try:
            yield outcome
        except Busy:
            outcome.name = "busy"
            raise
        except TooFast:
            outcome.name = "too_fast"
            raise
        except ValueError:
            outcome.name = "refused"
            raise
        finally:
            self._note(question, outcome.name, time.perf_counter() - began)

    def exposition(self) -> tuple[bytes, str] | None:
        """Return the counters in Prometheus' format and its media type; None without its client."""
        return self._counters.exposition() if self._counters else None

    def _note(self, question: str, outcome: str, seconds: float) -> None:
        asked = f" question={json.dumps(question, ensure_ascii=False)}" if self.log_questions else ""
        logger.info("question band=%s milliseconds=%.1f%s", outcome, seconds * 1000, asked)
        if self._counters:
            self._counters.note(outcome, seconds)


class _Counters:
    """Questions by outcome, and how long they took."""

    def __init__(self) -> None:
        import prometheus_client as prometheus

        self._registry = prometheus.CollectorRegistry()
        self._questions = prometheus.Counter(
            "dawu_qa_questions", "Questions by what became of them.", ["outcome"], registry=self._registry
        )
        self._seconds = prometheus.Histogram(
            "dawu_qa_question_seconds",
            "Seconds from a question's arrival to its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        prometheus.ProcessCollector(registry=self._registry)
        for outcome in OUTCOMES:
            self._questions.labels(outcome)

    def note(self, outcome: str, seconds: float) -> None:
        self._questions.labels(outcome).inc()
        self._seconds.observe(seconds)

    def exposition(self) -> tuple[bytes, Any]:
        import prometheus_client as prometheus

        return prometheus.generate_latest(self._registry), prometheus.CONTENT_TYPE_LATEST
