"""The texts that the BM25 indexes are built over."""

from __future__ import annotations

from dawu_qa.folding import lexical_terms, pinyin_terms
from dawu_qa.index.contents import Catalogue


def lexical_corpora(catalogue: Catalogue) -> dict[str, list[list[str]]]:
    """Return the terms of each BM25 index, document by document.

    text: passages under their headings. expanded: the same with the questions that people ask. pinyin: the
    expanded passages as syllables. questions: every question by itself, the unanswerable ones last.
    """
    texts = [" ".join((*passage.headings, passage.text)) for passage in catalogue.passages]
    asked: list[list[str]] = [[] for _ in texts]
    for fact, passage in zip(catalogue.facts, catalogue.fact_passages, strict=True):
        asked[passage] += fact.questions
    expanded = [" ".join((text, *questions)) for text, questions in zip(texts, asked, strict=True)]
    return {
        "text": [lexical_terms(text) for text in texts],
        "expanded": [_joined(text, questions) for text, questions in zip(texts, asked, strict=True)],
        "pinyin": [pinyin_terms(text) for text in expanded],
        "questions": [
            lexical_terms(question) for question in (*catalogue.questions, *catalogue.unanswerable)
        ],
    }


def _joined(text: str, questions: list[str]) -> list[str]:
    terms = lexical_terms(text)
    for question in questions:
        terms += lexical_terms(question)
    return terms
