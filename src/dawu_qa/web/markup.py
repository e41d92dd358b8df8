"""HTML pieces. Whatever comes from a question or a source passes through `literal`."""

from __future__ import annotations

import html
import re

from dawu_qa.types import Span

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_CJK = re.compile(r"[\u3400-\u9fff]")


def literal(text: str) -> str:
    """Return a text that neither HTML nor Markdown reads as anything but itself."""
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", " ".join(text.split()))


def attribute(text: str) -> str:
    """Return a text for a quoted attribute."""
    return literal(text)


def escape(text: str) -> str:
    """Return a text for HTML that no Markdown is applied to; white space is kept, as offsets count it."""
    return html.escape(text)


def language_of(text: str) -> str:
    """Return a `lang` attribute for quoted text, so that it is read aloud in its own language."""
    return ' lang="zh-CN"' if _CJK.search(text) else ""


def question_buttons(questions: tuple[str, ...], label: str, kind: str) -> str:
    """Return a labelled list of questions that are asked by a click."""
    if not questions:
        return ""
    items = "".join(
        f'<li><button type="button" class="dq-ask"{language_of(question)}>{literal(question)}</button></li>'
        for question in questions
    )
    return f'<div class="dq-more dq-{kind}"><p>{literal(label)}</p><ul>{items}</ul></div>'


def marked(text: str, offset: int, spans: list[Span]) -> str:
    """Return a text that begins at `offset` of its source, with the spans inside it marked."""
    pieces, at = [], 0
    for span in sorted(spans, key=lambda each: each.start):
        start, end = max(at, span.start - offset), min(len(text), span.end - offset)
        if start < end:
            pieces += [literal_kept(text[at:start]), f"<mark>{literal_kept(text[start:end])}</mark>"]
            at = end
    return "".join([*pieces, literal_kept(text[at:])])


def literal_kept(text: str) -> str:
    """Return a literal text whose outer spaces stay; white space between Chinese characters goes (broken lines)."""
    joined = re.sub(r"(?<=[\u3000-\u9fff\uff00-\uffef,;:])\s*\n\s*|\s*\n\s*(?=[\u3000-\u9fff])", "", text)
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", re.sub(r"\s+", " ", joined))
