"""One question and what was answered, as the browser keeps it.

What comes back from a browser is taken as untrusted: it is checked field by field, and what does not fit is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, get_args
from uuid import uuid4

from dawu_qa.config import QUESTION_LIMIT
from dawu_qa.types import Answer, Band, Span

#: So many turns are kept, the latest ones.
MAX_TURNS = 40
VOTES = ("up", "down", "figure", "place")
_TEXT_LIMIT = 4000
_LIST_LIMIT = 12


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with its answer; `nearest` is the best passage where nothing was certain enough."""

    id: str
    question: str
    band: Band
    spans: tuple[Span, ...] = ()
    sentence: Span | None = None
    nearest: Span | None = None
    confidence: float = 0.0
    suggestions: tuple[str, ...] = ()
    vote: str = ""

    @classmethod
    def of(cls, answer: Answer) -> Turn:
        """Keep of an answer what is shown."""
        nearest = (
            answer.passages[0].passage.span if answer.band == "did_you_mean" and answer.passages else None
        )
        return cls(
            uuid4().hex[:16],
            answer.question,
            answer.band,
            answer.spans,
            answer.sentence,
            nearest,
            round(answer.confidence, 3),
            answer.suggestions,
        )

    def voted(self, vote: str) -> Turn:
        """Return the turn with a vote."""
        return replace(self, vote=vote)

    def as_json(self) -> dict[str, Any]:
        """Return what the browser keeps."""
        return asdict(self)


def from_browser(kept: object) -> list[Turn]:
    """Return the turns that a browser kept, without those that are not well formed."""
    if not isinstance(kept, list):
        return []
    return [turn for entry in kept[-MAX_TURNS:] if (turn := _turn(entry))]


def to_browser(turns: Iterable[Turn]) -> list[dict[str, Any]]:
    """Return what the browser is to keep."""
    return [turn.as_json() for turn in list(turns)[-MAX_TURNS:]]


def _turn(entry: object) -> Turn | None:
    try:
        if not isinstance(entry, dict):
            return None
        band = entry["band"]
        spans = tuple(_span(span) for span in _list(entry["spans"]))
        if band not in get_args(Band) or (band == "answer") != bool(spans):
            return None
        return Turn(
            id=_text(entry["id"], 32),
            question=_text(entry["question"], QUESTION_LIMIT),
            band=band,
            spans=spans,
            sentence=_span(entry["sentence"]) if entry["sentence"] is not None else None,
            nearest=_span(entry["nearest"]) if entry["nearest"] is not None else None,
            confidence=min(1.0, max(0.0, float(entry["confidence"]))),
            suggestions=tuple(_text(question, QUESTION_LIMIT) for question in _list(entry["suggestions"])),
            vote=entry["vote"] if entry["vote"] in VOTES else "",
        )
    except (KeyError, TypeError, ValueError):
        return None


def _span(entry: object) -> Span:
    if not isinstance(entry, dict):
        raise TypeError("a span is an object")
    start, end = entry["start"], entry["end"]
    if type(start) is not int or type(end) is not int or not 0 <= start < end:
        raise ValueError("a span has a start before its end")
    return Span(_text(entry["text"], _TEXT_LIMIT), _text(entry["source"], 512), start, end)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise TypeError("a text of bounded length")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list) or len(value) > _LIST_LIMIT:
        raise TypeError("a list of bounded length")
    return value
