"""The interview as HTML: every block carries its offsets, so that any span can be found and lit."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from dawu_qa.types import Block, Document
from dawu_qa.web.library import Library
from dawu_qa.web.markup import escape, language_of
from dawu_qa.web.texts import Language, text

_TAGS = {"title": "h3", "caption": "p", "paragraph": "p", "metadata": "p", "marker": "p"}
_SHOWN_METADATA = ("date", "source", "guest", "host")


@lru_cache(maxsize=4)
def content(library: Library, language: Language, *, feedback: bool, logged: bool) -> dict[str, Any]:
    """Return all that the page shows beside the chat, as HTML by region; the same object for the same library."""
    return {
        "fingerprint": library.fingerprint,
        "title": library.documents[0].title if library.documents else "",
        "header": header_html(library, language),
        "about": about_html(library, language, feedback=feedback, logged=logged),
        "interview": interview_html(library, language),
        "related": related_questions(library),
    }


def related_questions(library: Library) -> dict[str, list[str]]:
    """Return the questions that each passage answers, by "document-start-end"."""
    return {
        f"{number}-{passage.start}-{passage.end}": list(questions)
        for number, document in enumerate(library.documents)
        for passage in document.passages
        if (questions := library.pipeline.related(passage))
    }


def header_html(library: Library, language: Language) -> str:
    """Return the title and the metadata of the interview, or of the first of several."""
    if not library.documents:
        return ""
    document = library.documents[0]
    facts = [
        f"<span>{escape(text(f'meta.{field}', language))} <b{language_of(span.text)}>{escape(_collapsed(span.text))}</b></span>"
        for field in _SHOWN_METADATA
        if (span := document.metadata.get(field))
    ]
    title = f"<h1{language_of(document.title)}>{escape(_collapsed(document.title))}</h1>"
    return f'{title}<p class="dq-facts">{" ".join(facts)}</p>'


def about_html(library: Library, language: Language, *, feedback: bool, logged: bool) -> str:
    """Return what the page can and cannot do, and what it keeps."""
    index = text(
        "page.index",
        language,
        documents=len(library.documents),
        passages=sum(len(document.passages) for document in library.documents),
        fingerprint=library.fingerprint,
    )
    keys = ["page.can", "page.cannot", "page.memory", f"page.feedback_{'on' if feedback else 'off'}"]
    lines = [text(key, language) for key in [*keys, *(["page.logged"] if logged else [])]]
    items = "".join(f"<li>{escape(line)}</li>" for line in [*lines, index])
    return f"<details><summary>{escape(text('page.about', language))}</summary><ul>{items}</ul></details>"


def interview_html(library: Library, language: Language) -> str:
    """Return all documents, the first one shown, with a picker where there are several."""
    picker = ""
    if len(library.documents) > 1:
        options = "".join(
            f'<option value="{at}">{escape(_collapsed(document.title))}</option>'
            for at, document in enumerate(library.documents)
        )
        label = escape(text("doc.picker", language))
        picker = f'<select class="dq-picker" aria-label="{label}">{options}</select>'
    close = f'<button type="button" class="dq-close">{escape(text("doc.close", language))}</button>'
    articles = "".join(
        _article(document, number, language) for number, document in enumerate(library.documents)
    )
    heading = f"<h2>{escape(text('doc.region', language))}</h2>"
    region = escape(text("doc.region", language))
    return (
        f'<div class="dq-bar">{heading}{picker}{close}</div>'
        f'<div class="dq-scroll" role="region" tabindex="0" aria-label="{region}">{articles}</div>'
    )


def _article(document: Document, number: int, language: Language) -> str:
    blocks = "".join(_block(document, block, number) for block in document.blocks)
    hidden = "" if number == 0 else " hidden"
    return f'<article data-doc="{number}"{language_of(document.text)}{hidden}>{_contents(document, number, language)}{blocks}</article>'


def _contents(document: Document, number: int, language: Language) -> str:
    headings = [block for block in document.blocks if block.kind == "heading"]
    if not headings:
        return ""
    items = "".join(
        f'<li class="dq-level-{max(1, block.level)}"><a href="#cite-{number}-{block.start}-{block.end}">'
        f"{escape(_collapsed(document.text[block.start : block.end]))}</a></li>"
        for block in headings
    )
    label = escape(text("doc.contents", language))
    lang = {"zh": "zh-CN", "en": "en"}[language]
    return (
        f'<details class="dq-contents"><summary lang="{lang}">{label}</summary>'
        f'<nav aria-label="{label}"><ul>{items}</ul></nav></details>'
    )


def _block(document: Document, block: Block, number: int) -> str:
    tag = _TAGS.get(block.kind) or ("h4" if block.level <= 1 else "h5")
    words = escape(document.text[block.start : block.end])
    # Broken lines stay in the text, as offsets count them, but do not show.
    words = re.sub(r"\s*\n\s*", lambda match: f'<span class="dq-break">{match.group()}</span>', words)
    return f'<{tag} class="dq-{block.kind}" data-doc="{number}" data-start="{block.start}" data-end="{block.end}">{words}</{tag}>'


def _collapsed(words: str) -> str:
    return " ".join(words.split())
