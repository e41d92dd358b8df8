"""The conversation as HTML: an answer with its quotation and place, what it offers instead, a notice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dawu_qa.types import Span
from dawu_qa.web.library import Library
from dawu_qa.web.markup import attribute, language_of, literal, marked, question_buttons
from dawu_qa.web.texts import Language, text
from dawu_qa.web.turns import VOTES, Turn

_OFFERED = 3

Message = dict[str, Any]


class Conversation:
    """Puts turns into words and HTML, for one language and one state of the documents."""

    def __init__(self, library: Library, language: Language) -> None:
        self.library = library
        self.language = language

    def messages(self, turns: Sequence[Turn]) -> list[Message]:
        """Return the chat's messages; only the last turn offers questions."""
        return [
            message
            for turn in turns
            for message in (
                _asked(turn.question),
                _said("assistant", self.reply(turn, last=turn is turns[-1])),
            )
        ]

    def notice(self, key: str, question: str, *, retry: bool = True, **fields: object) -> list[Message]:
        """Return a question with a word on why there is no answer now."""
        again = question_buttons((question,), self._say("notice.retry"), "retry") if retry else ""
        body = f'<div class="dq-answer dq-notice"><p class="dq-say">{literal(self._say(key, **fields))}</p>{again}</div>'
        return [_asked(question[:200]), _said("assistant", body)]

    def welcome(self) -> str:
        """Return what stands in the empty chat."""
        starters = question_buttons(self.library.pipeline.starters, self._say("chat.starters"), "starters")
        return f'<div class="dq-welcome"><h2>{literal(self._say("chat.welcome"))}</h2>{starters}</div>'

    def reply(self, turn: Turn, *, last: bool = True) -> str:
        """Return the reply to one question."""
        body = {
            "answer": self._answered,
            "did_you_mean": self._unsure,
            "decline": self._declined,
            "small_talk": self._greeted,
        }[turn.band](turn, last)
        return f'<div class="dq-answer dq-{turn.band}" id="turn-{attribute(turn.id)}">{body}</div>'

    def _say(self, key: str, **fields: object) -> str:
        return text(key, self.language, **fields)

    def _answered(self, turn: Turn, last: bool) -> str:  # noqa: FBT001
        places = [self.library.locate(span) for span in turn.spans]
        values = "".join(
            f'<p class="dq-value"><strong{language_of(span.text)}>{marked(span.text, 0, [])}</strong> {self._cite(place, at)}</p>'
            for at, (span, place) in enumerate(zip(turn.spans, places, strict=True), 1)
        )
        standing = [place for place in places if place]
        percent = int(turn.confidence * 100)
        body = [values, *self._quotations(standing, turn.sentence)]
        if len(standing) < len(places):
            body.append(f'<p class="dq-say">{literal(self._say("answer.moved"))}</p>')
        note = self._say("answer.confidence", percent=percent)
        if self.language == "en" and language_of(turn.spans[0].text):
            note = f"{self._say('answer.original')} {note}"
        body.append(f'<p class="dq-note">{literal(note)}</p>{self._actions(turn)}')
        if last:
            body.append(question_buttons(turn.suggestions[:_OFFERED], self._say("answer.related"), "related"))
        return "".join(body)

    def _quotations(self, spans: list[Span], sentence: Span | None) -> list[str]:
        """Return each sentence once, all spans in it marked, and where it stands."""
        quoted: dict[tuple[str, int], tuple[Span, list[Span]]] = {}
        for span in spans:
            given = self.library.locate(sentence) if sentence else None
            holds = (
                given and given.source == span.source and given.start <= span.start and span.end <= given.end
            )
            around = given if given and holds else self.library.sentence(span)
            quoted.setdefault((around.source, around.start), (around, []))[1].append(span)
        return [f"{self._quote(around, inside)}{self._place(around)}" for around, inside in quoted.values()]

    def _quote(self, around: Span, inside: list[Span]) -> str:
        if any(span.text == around.text for span in inside):
            return ""
        return (
            f"<blockquote{language_of(around.text)}>{marked(around.text, around.start, inside)}</blockquote>"
        )

    def _place(self, span: Span) -> str:
        return f'<p class="dq-where">{self._trail(span)}</p>'

    def _trail(self, span: Span) -> str:
        headings = "".join(
            f" · <span{language_of(each)}>{literal(each)}</span>" for each in self.library.where(span)
        )
        return f"{literal(self._say('answer.where'))}{headings}"

    def _cite(self, place: Span | None, number: int) -> str:
        if place is None:
            return ""
        label = self._say("answer.cite", number=number)
        return f'<a class="dq-cite" href="{self._target(place)}" title="{attribute(label)}">&#91;{number}&#93;</a>'

    def _target(self, place: Span) -> str:
        return f"#cite-{self.library.numbers[place.source]}-{place.start}-{place.end}"

    def _actions(self, turn: Turn) -> str:
        """Return what can be done with an answer. What is pressed stands in a class: other attributes are filtered out."""
        votes = "".join(
            f'<button type="button" class="dq-vote dq-vote-{vote}{" dq-pressed" if turn.vote == vote else ""}">'
            f"{literal(self._say(f'vote.{vote}'))}</button>"
            for vote in VOTES
        )
        copy = f'<button type="button" class="dq-copy">{literal(self._say("chat.copy"))}</button>'
        thanks = literal(self._say("vote.thanks")) if turn.vote else ""
        return f'<div class="dq-actions">{copy}{votes}<span class="dq-thanks">{thanks}</span></div>'

    def _unsure(self, turn: Turn, last: bool) -> str:  # noqa: FBT001
        offered = (
            question_buttons(turn.suggestions[:_OFFERED], self._say("answer.did_you_mean"), "did-you-mean")
            if last
            else ""
        )
        nearest = self.library.locate(turn.nearest) if turn.nearest else None
        shown = ""
        if nearest:
            shown = f'<p class="dq-where">{literal(self._say("answer.nearest"))} {self._trail(nearest)} {self._cite(nearest, 1)}</p>'
        return f'<p class="dq-say">{literal(self._say("answer.unsure"))}</p>{offered}{shown}'

    def _declined(self, turn: Turn, last: bool) -> str:  # noqa: FBT001
        said = f'<p class="dq-say">{literal(self._say("answer.declined"))}</p>'
        if not last:
            return said
        sections = "".join(
            f'<li><a class="dq-section" href="{self._target(span)}"{language_of(span.text)}>{literal(span.text)}</a></li>'
            for span in self.library.sections()
        )
        covered = (
            f'<div class="dq-covered"><p>{literal(self._say("answer.covered"))}</p><ul>{sections}</ul></div>'
            if sections
            else ""
        )
        offered = turn.suggestions[:_OFFERED] or self.library.pipeline.starters[:_OFFERED]
        return f"{said}{covered}{question_buttons(offered, self._say('answer.related'), 'related')}"

    def _greeted(self, turn: Turn, last: bool) -> str:  # noqa: ARG002, FBT001
        starters = self.library.pipeline.starters[:_OFFERED]
        if not last:
            starters = ()
        return f'<p class="dq-say">{literal(self._say("answer.small_talk"))}</p>{question_buttons(starters, self._say("chat.starters"), "starters")}'


def _asked(question: str) -> Message:
    return _said("user", f'<span class="dq-question"{language_of(question)}>{literal(question)}</span>')


def _said(role: str, content: str) -> Message:
    return {"role": role, "content": content}
