"""The BM25 indexes: the terms that they are built over, and the bytes that they are kept as."""

from __future__ import annotations

import json
from io import BytesIO
from itertools import chain
from typing import Any

import bm25s
import numpy as np

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


def pack_bm25(terms: list[list[str]]) -> bytes:
    """Index documents, given as their terms; return arrays in numpy's format, the vocabulary as JSON among them."""
    numbers = {term: at for at, term in enumerate(dict.fromkeys(chain.from_iterable(terms)))}
    bm25 = _empty_bm25()
    bm25.index(
        ([[numbers[term] for term in text] for text in terms], numbers),
        create_empty_token=False,
        show_progress=False,
    )
    vocabulary = np.frombuffer(json.dumps(list(numbers)).encode(), np.uint8)
    packed = BytesIO()
    np.savez(packed, vocabulary=vocabulary, **bm25.scores)
    return packed.getvalue()


def unpack_bm25(content: bytes) -> Any:
    """Return the index that `pack_bm25` packed; bm25s itself loads by path only, past what was verified."""
    with np.load(BytesIO(content)) as arrays:
        scores = {name: arrays[name] for name in arrays.files}
    vocabulary = json.loads(scores.pop("vocabulary").tobytes())
    bm25 = _empty_bm25()
    bm25.scores = {**scores, "num_docs": int(scores["num_docs"])}
    bm25.vocab_dict = {term: at for at, term in enumerate(vocabulary)}
    bm25.unique_token_ids_set = set(bm25.vocab_dict.values())
    bm25.nonoccurrence_array = None
    return bm25


def _empty_bm25() -> Any:
    return bm25s.BM25(k1=1.2, b=0.75)


def _joined(text: str, questions: list[str]) -> list[str]:
    terms = lexical_terms(text)
    for question in questions:
        terms += lexical_terms(question)
    return terms
