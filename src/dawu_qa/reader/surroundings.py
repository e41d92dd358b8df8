"""What belongs to a candidate and what stands around it, worked out once for an index."""

from __future__ import annotations

from typing import Any

import numpy as np

from dawu_qa.folding import fold
from dawu_qa.index.contents import Catalogue
from dawu_qa.index.storage import Index
from dawu_qa.reader.candidates import Candidate, find_candidates, kind_of

_LEFT_CONTEXT, _RIGHT_CONTEXT = 10, 10
_LEFT_TOKENS, _RIGHT_TOKENS = 6, 5
_TITLE_LENGTH = 16


def with_fact_answers(catalogue: Catalogue) -> tuple[Candidate, ...]:
    """Return the candidates that the text shows, and the answers and sentences of facts that are none of them."""
    candidates = list(find_candidates(catalogue))
    known = {(candidate.span.source, candidate.span.start, candidate.span.end) for candidate in candidates}
    for fact in catalogue.facts:
        span = fact.span
        if (span.source, span.start, span.end) in known:
            continue
        known.add((span.source, span.start, span.end))
        home = [
            at
            for at, unit in enumerate(catalogue.clauses)
            if unit.span.source == span.source and unit.span.start < span.end and span.start < unit.span.end
        ]
        whole = [
            at
            for at, unit in enumerate(catalogue.sentences)
            if unit.span.source == span.source and unit.span.start < span.end and span.start < unit.span.end
        ]
        if home and whole:
            kind = kind_of(span.text) if fact.answer else "sentence"
            candidates.append(Candidate(span, kind, catalogue.clauses[home[0]].passage, whole[0], home[0]))
    return tuple(candidates)


def fact_rows(
    catalogue: Catalogue, candidates: tuple[Candidate, ...]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return candidates and the facts that they answer, pair by pair."""
    rows = {candidate.span: row for row, candidate in enumerate(candidates)}
    pairs = [(rows[span], fact) for fact, one in enumerate(catalogue.facts) if (span := one.span) in rows]
    found = np.asarray(pairs, np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def clause_sentences(catalogue: Catalogue) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return for each clause its sentence."""
    starts = [(unit.passage, unit.span.start) for unit in catalogue.sentences]
    found, sentence = [], 0
    for unit in catalogue.clauses:
        while sentence + 1 < len(starts) and starts[sentence + 1] <= (unit.passage, unit.span.start):
            sentence += 1
        found.append(sentence)
    return np.asarray(found, np.intp)


def token_windows(candidates: tuple[Candidate, ...], index: Index) -> dict[str, np.ndarray[Any, Any]]:
    """Return for each candidate its tokens, those around it, left of it and right of it, as first and behind the last."""
    ends, starts = index.vectors.token_ends, index.vectors.clause_starts
    first: dict[int, int] = {}
    for clause, unit in enumerate(index.catalogue.clauses):
        first.setdefault(unit.passage, int(starts[clause]))
    borders = [*sorted(first.values()), int(starts[-1])]
    own_tokens, around, left, right = [], [], [], []
    for candidate in candidates:
        low = first[candidate.passage]
        high = borders[borders.index(low) + 1]
        own = ends[low:high]
        offset = index.catalogue.passages[candidate.passage].start
        begin = low + int(np.searchsorted(own, candidate.span.start - offset, side="right"))
        stop = max(begin + 1, low + int(np.searchsorted(own, candidate.span.end - offset, side="left")) + 1)
        begin, stop = min(begin, high - 1), min(stop, high)
        before, behind = max(low, begin - _LEFT_TOKENS), min(high, stop + _RIGHT_TOKENS)
        own_tokens.append((begin, max(stop, begin + 1)))
        around.append((before, behind))
        left.append((before, max(begin, before + 1)))
        right.append((min(stop, behind - 1), behind))
    windows = {"own": own_tokens, "window": around, "left": left, "right": right}
    return {name: np.asarray(pairs) for name, pairs in windows.items()}


def words_around(
    candidate: Candidate, catalogue: Catalogue
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the pairs of characters left of, right of and inside a candidate, within its sentence."""
    span, sentence = candidate.span, catalogue.sentences[candidate.sentence].span
    text = sentence.text
    start, end = span.start - sentence.start, span.end - sentence.start
    parts = text[max(0, start - _LEFT_CONTEXT) : start], text[end : end + _RIGHT_CONTEXT], text[start:end]
    return tuple(frozenset(character_pairs(fold(part))) for part in parts)  # type: ignore[return-value]


def characters_beside(candidate: Candidate, catalogue: Catalogue) -> tuple[str, str, str, str]:
    """Return the two and the four characters left and right of a candidate, within its sentence."""
    span, sentence = candidate.span, catalogue.sentences[candidate.sentence].span
    before = fold(sentence.text[: span.start - sentence.start])
    behind = fold(sentence.text[span.end - sentence.start :])
    return tuple(
        part if len(part) == size else ""
        for part, size in ((before[-2:], 2), (before[-4:], 4), (behind[:2], 2), (behind[:4], 4))
    )  # type: ignore[return-value]


def is_title(candidate: Candidate, catalogue: Catalogue) -> bool:
    """Tell whether a candidate lies in a short sentence that opens a longer passage, like the name of an item."""
    sentence, passage = catalogue.sentences[candidate.sentence].span, catalogue.passages[candidate.passage]
    return (
        sentence.start == passage.start and len(sentence.text) <= _TITLE_LENGTH and passage.end > sentence.end
    )


def character_pairs(text: str) -> list[str]:
    """Return the pairs of neighbouring characters."""
    return [text[at : at + 2] for at in range(len(text) - 1)]
