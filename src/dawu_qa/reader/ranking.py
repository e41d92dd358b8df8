"""Ranking the candidates for a question by fitted weights over a few plain features."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dawu_qa.folding import fold
from dawu_qa.index.contents import Catalogue
from dawu_qa.index.storage import Index
from dawu_qa.quantities import amounts
from dawu_qa.reader.candidates import KINDS, Candidate, find_candidates, kind_of
from dawu_qa.reader.questions import asked_noun, asked_unit, cues, expected_kinds
from dawu_qa.retrieval.fusion import Retrieved
from dawu_qa.types import FloatArray, Span

#: Candidates are taken from this many of the best passages.
READ_PASSAGES = 5
_LEFT_CONTEXT, _RIGHT_CONTEXT = 10, 10
#: Over these differences in cosine, relative BM25 score and whitened cosine a vote for a fact falls to 1 / e.
_COSINE_SCALE, _TERM_SCALE, _MEAN_SCALE = 0.01, 0.15, 0.08
_LEAST_MASS = 1e-4
_TITLE_LENGTH = 16
_NUMERAL = re.compile(r"[\d一二两三四五六七八九十百千〇]")
#: Kinds that a number gives.
_NUMERIC = frozenset(
    {"money", "people", "household", "count", "area", "percent", "period", "rank", "date", "frequency"}
)
_LEFT_TOKENS, _RIGHT_TOKENS = 6, 5

FEATURES = (
    "passage", "clause_late", "sentence_late", "clause_answering", "sentence_answering", "clause_dense", "sentence_dense",
    "fact_dense", "fact_terms", "fact_mean", "fact_mean_gap", "fact_mean_share", "no_fact", "sentence_fact",
    "kind_first", "kind_other", "kind_clash", "kind_untold",
    "number_missing",
    "window_late", "left_late", "right_late", "window_answering", "left_answering", "right_answering", "asked_unit", "asked_noun",
    "begin_logit", "end_logit", "begin_mass", "end_mass", "sentence_mass", "span_mass",
    "left_overlap", "right_overlap", "inside_overlap", "asked_value", "echo", "length",
    "left_two", "left_four", "right_two", "right_four", "title", "title_how", "long_how", "cue_match",
    *(f"is_{kind}" for kind in KINDS),
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """The candidates that were read, best first, with their features, scores and probabilities (summing to 1)."""

    candidates: list[Candidate]
    features: FloatArray
    scores: FloatArray
    probabilities: FloatArray


class Ranker:
    """Scores the candidates of the best passages."""

    def __init__(self, index: Index, weights: Mapping[str, float]) -> None:
        catalogue = index.catalogue
        self.catalogue = catalogue
        self.candidates = _with_fact_answers(catalogue)
        self.weights = np.asarray([weights.get(name, 0.0) for name in FEATURES], np.float32)
        self._passage = np.asarray([candidate.passage for candidate in self.candidates])
        self._clause = np.asarray([candidate.clause for candidate in self.candidates])
        self._sentence = np.asarray([candidate.sentence for candidate in self.candidates])
        self._kind = np.asarray([KINDS.index(candidate.kind) for candidate in self.candidates])
        self._length = np.log1p([len(candidate.span.text) for candidate in self.candidates]).astype(
            np.float32
        )
        self._clause_sentence = _clause_sentences(catalogue)
        self._windows = _windows(self.candidates, index)
        self._own_tokens = self._windows.pop("own")
        starts = np.searchsorted(self._clause_sentence, np.arange(len(catalogue.sentences) + 1))
        borders = index.vectors.clause_starts[starts]
        self._sentence_tokens = np.stack([borders[:-1], borders[1:]], axis=1)
        self._context = [_context(candidate, catalogue) for candidate in self.candidates]
        self._folded = [fold(candidate.span.text) for candidate in self.candidates]
        self._beside = [_beside(candidate, catalogue) for candidate in self.candidates]
        self._has_number = np.asarray(
            [bool(_NUMERAL.search(candidate.span.text)) for candidate in self.candidates]
        )
        self._title = np.asarray([_is_title(candidate, catalogue) for candidate in self.candidates])
        self._fact_cues = [[cues(fold(question)) for question in fact.questions] for fact in catalogue.facts]
        self._cue_matches: dict[frozenset[str], FloatArray] = {}
        self._values = [frozenset(amounts(fold(candidate.span.text))) for candidate in self.candidates]
        self._fact_rows = _fact_rows(catalogue, self.candidates)
        self._has_fact = np.isin(np.arange(len(self.candidates)), self._fact_rows[0])

    def rank(self, retrieved: Retrieved, *, known: Collection[Span] = ()) -> Ranked:
        """Rank the candidates of the best passages, but for those that are known already."""
        at = np.flatnonzero(np.isin(self._passage, retrieved.ranking[:READ_PASSAGES]))
        if known:
            at = np.asarray([row for row in at if self.candidates[row].span not in known] or at)
        features = self.features(retrieved, at)
        scores = features @ self.weights
        order = np.argsort(-scores, kind="stable")
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        return Ranked(
            [self.candidates[at[row]] for row in order], features[order], scores[order], probabilities[order]
        )

    def features(self, retrieved: Retrieved, at: np.ndarray[Any, Any]) -> FloatArray:
        """Return the features of the candidates `at`, shape (len(at), len(FEATURES))."""
        query = retrieved.query
        kinds = expected_kinds(query.asked)
        columns: dict[str, Any] = {}
        columns["passage"] = (retrieved.score - retrieved.score.max())[self._passage[at]]
        for name, match in (("late", retrieved.tokens), ("answering", retrieved.answering)):
            clause = match.weights @ match.clause_maxima
            sentence = match.weights @ _sentence_maxima(match.clause_maxima, self._clause_sentence)
            columns[f"clause_{name}"] = _centred(clause[self._clause[at]])
            columns[f"sentence_{name}"] = _centred(sentence[self._sentence[at]])
            for side, windows in self._windows.items():
                window = match.weights @ _window_maxima(match.similarities, windows[at])
                columns[f"{side}_{name}"] = _centred(window)
        columns["clause_dense"] = _centred(retrieved.units["clauses"][self._clause[at]])
        columns["sentence_dense"] = _centred(retrieved.units["sentences"][self._sentence[at]])
        columns |= self._pointer_features(retrieved, at)
        columns |= self._fact_features(retrieved, at)
        kind = [KINDS[number] for number in self._kind[at]]
        columns["kind_first"] = [bool(kinds) and name == kinds[0] for name in kind]
        columns["kind_other"] = [name in kinds[1:] for name in kind]
        columns["kind_clash"] = [
            bool(kinds) and name not in kinds and name not in {"clause", "sentence"} for name in kind
        ]
        columns["kind_untold"] = [not kinds and name in {"clause", "sentence"} for name in kind]
        numeric = bool(kinds) and kinds[0] in _NUMERIC
        columns["number_missing"] = numeric & ~self._has_number[at]
        units, noun = asked_unit(query.asked), frozenset(_pairs(asked_noun(query.asked)))
        columns["asked_unit"] = [bool(units) and self.candidates[row].unit in units for row in at]
        columns["asked_noun"] = [
            len(noun & (self._context[row][0] | self._context[row][1])) / (1 + len(noun)) for row in at
        ]
        terms = {term for term in query.terms if len(term) > 1}
        for place, side in enumerate(("left_overlap", "right_overlap", "inside_overlap")):
            columns[side] = [
                len(terms & self._context[row][place]) / (1 + len(self._context[row][place])) for row in at
            ]
        asked = set(amounts(query.folded))
        columns["asked_value"] = [bool(asked & self._values[row]) for row in at]
        columns["echo"] = [self._folded[row] in query.folded for row in at]
        columns["length"] = self._length[at]
        for place, name in enumerate(("left_two", "left_four", "right_two", "right_four")):
            columns[name] = [
                bool(beside := self._beside[row][place]) and beside in query.folded for row in at
            ]
        how = bool(kinds) and kinds[0] in {"clause", "sentence"}
        columns["title"] = self._title[at]
        columns["title_how"] = self._title[at] & how
        columns["long_how"] = self._length[at] * how
        for number, name in enumerate(KINDS):
            columns[f"is_{name}"] = self._kind[at] == number
        return np.stack([np.asarray(columns[name], np.float32) for name in FEATURES], axis=1)

    def _pointer_features(self, retrieved: Retrieved, at: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Say how well a candidate is pointed at as the words that answer: where it begins and ends, and as a whole."""
        begin, end = retrieved.answering.pointers
        first, behind = self._own_tokens[at].T
        begin_logit, end_logit = begin[first], end[behind - 1]
        own = self._own_tokens[at]
        begin_mass, end_mass = _mass_inside(begin, own), _mass_inside(end, own)
        whole = np.exp((begin_logit - begin_logit.max()) + (end_logit - end_logit.max()))
        in_sentence = _mass_inside(begin, self._sentence_tokens) + _mass_inside(end, self._sentence_tokens)
        return {
            "begin_logit": (begin_logit - begin_logit.max()) / 5,
            "end_logit": (end_logit - end_logit.max()) / 5,
            "begin_mass": begin_mass,
            "end_mass": end_mass,
            "sentence_mass": in_sentence[self._sentence[at]] / 2,
            "span_mass": whole / whole.sum(),
        }

    def _fact_features(self, retrieved: Retrieved, at: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Say how much of the nearest questions ask for what a candidate answers: by meaning, by terms, by both."""
        by_fact = self.catalogue.question_facts
        facts = len(self.catalogue.facts)
        mass: dict[str, Any] = {name: np.zeros(len(self.candidates)) for name in ("dense", "terms", "mean")}
        nearest = np.full(len(self.candidates), -1.0)
        if facts:
            terms = retrieved.question_terms[: len(by_fact)]
            logits = {
                "dense": retrieved.units["questions"] / _COSINE_SCALE,
                "terms": terms / (max(float(terms.max()), 1e-6) * _TERM_SCALE),
                "mean": retrieved.facts.facts / _MEAN_SCALE,
            }
            for name, logit in logits.items():
                weights = np.exp(logit - logit.max())
                per_fact = weights if name == "mean" else np.bincount(by_fact, weights, minlength=facts)
                mass[name] = np.bincount(
                    self._fact_rows[0],
                    (per_fact / weights.sum())[self._fact_rows[1]],
                    minlength=len(self.candidates),
                )
            np.maximum.at(nearest, self._fact_rows[0], retrieved.facts.facts[self._fact_rows[1]])
        sentence = np.zeros(int(self._sentence.max()) + 1)
        np.maximum.at(sentence, self._sentence, mass["mean"])
        logs = {f"fact_{name}": np.log(np.maximum(mass[name][at], _LEAST_MASS)) for name in mass}
        cue_match = self._cue_match(cues(retrieved.query.asked))
        return {
            **logs,
            "cue_match": cue_match[at],
            "fact_mean_gap": (nearest[at] - nearest.max()) * 5,
            "fact_mean_share": mass["mean"][at],
            "no_fact": ~self._has_fact[at],
            "sentence_fact": sentence[self._sentence[at]],
        }

    def _cue_match(self, asked: frozenset[str]) -> FloatArray:
        """Return how many of the questions for a candidate's fact are after the same as the query."""
        if asked not in self._cue_matches:
            alike = [
                np.mean([bool(asked & own) if asked else not own for own in fact]) if fact else 0.0
                for fact in self._fact_cues
            ]
            match = np.zeros(len(self.candidates), np.float32)
            np.maximum.at(match, self._fact_rows[0], np.asarray(alike, np.float32)[self._fact_rows[1]])
            self._cue_matches[asked] = match
        return self._cue_matches[asked]


def _with_fact_answers(catalogue: Catalogue) -> tuple[Candidate, ...]:
    """Return the candidates that the text shows, and the answers and sentences of facts that are none of them."""
    candidates = list(find_candidates(catalogue))
    known = {(candidate.span.source, candidate.span.start, candidate.span.end) for candidate in candidates}
    for fact in catalogue.facts:
        span = fact.answer or fact.sentence
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


def _fact_rows(
    catalogue: Catalogue, candidates: tuple[Candidate, ...]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return candidates and the facts that they answer, pair by pair."""
    rows = {candidate.span: row for row, candidate in enumerate(candidates)}
    pairs = [
        (rows[span], fact)
        for fact, one in enumerate(catalogue.facts)
        if (span := one.answer or one.sentence) in rows
    ]
    found = np.asarray(pairs, np.intp).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _clause_sentences(catalogue: Catalogue) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return for each clause its sentence."""
    starts = [(unit.passage, unit.span.start) for unit in catalogue.sentences]
    found, sentence = [], 0
    for unit in catalogue.clauses:
        while sentence + 1 < len(starts) and starts[sentence + 1] <= (unit.passage, unit.span.start):
            sentence += 1
        found.append(sentence)
    return np.asarray(found, np.intp)


def _sentence_maxima(maxima: FloatArray, clause_sentence: np.ndarray[Any, Any]) -> FloatArray:
    """Return the best cosine of each query token in each sentence."""
    starts = np.searchsorted(clause_sentence, np.arange(int(clause_sentence.max()) + 1))
    return np.asarray(np.maximum.reduceat(maxima, starts, axis=1))


def _windows(candidates: tuple[Candidate, ...], index: Index) -> dict[str, np.ndarray[Any, Any]]:
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


def _window_maxima(similarities: FloatArray, windows: np.ndarray[Any, Any]) -> FloatArray:
    """Return the best cosine of each query token in each window."""
    padded = np.concatenate(
        [similarities, similarities[:, -1:]], axis=1
    )  # a window may end behind the last token
    return np.asarray(np.maximum.reduceat(padded, windows.ravel(), axis=1)[:, ::2])


def _mass_inside(logits: FloatArray, windows: np.ndarray[Any, Any]) -> FloatArray:
    """Return how much of the softmax over all tokens lies in each window."""
    mass = np.exp(logits.astype(np.float64) - logits.max())
    before = np.concatenate([[0.0], np.cumsum(mass / mass.sum())])
    return np.asarray(before[windows[:, 1]] - before[windows[:, 0]], np.float32)


def _centred(values: FloatArray) -> FloatArray:
    """Return the values below the highest, scaled so that a tenth of a cosine counts as one."""
    return np.asarray((values - values.max()) * 10, np.float32)


def _context(
    candidate: Candidate, catalogue: Catalogue
) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Return the pairs of characters left of, right of and inside a candidate, within its sentence."""
    span, sentence = candidate.span, catalogue.sentences[candidate.sentence].span
    text = sentence.text
    start, end = span.start - sentence.start, span.end - sentence.start
    parts = text[max(0, start - _LEFT_CONTEXT) : start], text[end : end + _RIGHT_CONTEXT], text[start:end]
    return tuple(frozenset(_pairs(fold(part))) for part in parts)  # type: ignore[return-value]


def _beside(candidate: Candidate, catalogue: Catalogue) -> tuple[str, str, str, str]:
    """Return the two and the four characters left and right of a candidate, within its sentence."""
    span, sentence = candidate.span, catalogue.sentences[candidate.sentence].span
    before = fold(sentence.text[: span.start - sentence.start])
    behind = fold(sentence.text[span.end - sentence.start :])
    return tuple(
        part if len(part) == size else ""
        for part, size in ((before[-2:], 2), (before[-4:], 4), (behind[:2], 2), (behind[:4], 4))
    )  # type: ignore[return-value]


def _is_title(candidate: Candidate, catalogue: Catalogue) -> bool:
    """Tell whether a candidate lies in a short sentence that opens a longer passage, like the name of an item."""
    sentence, passage = catalogue.sentences[candidate.sentence].span, catalogue.passages[candidate.passage]
    return (
        sentence.start == passage.start and len(sentence.text) <= _TITLE_LENGTH and passage.end > sentence.end
    )


def _pairs(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(len(text) - 1)]
