"""Fusing what the retrievers found into one ranking of passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dawu_qa.adapter import adapter_of
from dawu_qa.index.storage import Index
from dawu_qa.retrieval.facts import FactMatcher, FactScores
from dawu_qa.retrieval.query import Query
from dawu_qa.retrieval.retrievers import (
    Dense,
    LateInteraction,
    Lexical,
    TokenMatch,
    best_by_group,
    lexical_scores,
)
from dawu_qa.types import FloatArray

#: What the passage of the question before is worth to a follow-up, added to the fused score.
_PREVIOUS_BONUS = 1.0
#: In a large corpus so many of the best passages of the other retrievers are read by their tokens.
_CANDIDATE_K = 200


@dataclass(frozen=True)
class Retrieved:
    """What every retriever found for a query.

    `features` maps a retriever to its standardised scores, shape (passages,), times the gate that says how much it
    knows of the query. `score` is their weighted sum. The rest is what the reader goes on from: unit scores
    by grain, BM25 scores of all questions (the unanswerable ones last), how near each fact is, how the query's
    tokens match those of the corpus as the encoder gives them (`tokens`) and as the adapter does (`answering`).
    """

    query: Query
    features: dict[str, FloatArray]
    score: FloatArray
    units: dict[str, FloatArray]
    question_terms: FloatArray
    facts: FactScores
    tokens: TokenMatch
    answering: TokenMatch
    coverage: dict[str, float]

    @property
    def ranking(self) -> list[int]:
        """Passages, best first; of equals the earlier one."""
        return [int(at) for at in np.argsort(-self.score, kind="stable")]


class Fusion:
    """All retrievers of an index, and the weighted sum of their standardised scores."""

    def __init__(self, index: Index, weights: Mapping[str, float]) -> None:
        catalogue = index.catalogue
        count = len(catalogue.passages)
        self._passages = count
        self._question_passages = np.asarray(catalogue.fact_passages, np.intp)[catalogue.question_facts]
        groups = {
            "passages": np.arange(count),
            "sentences": np.asarray([unit.passage for unit in catalogue.sentences], np.intp),
            "clauses": np.asarray([unit.passage for unit in catalogue.clauses], np.intp),
            "headings": np.asarray([heading.passages[0] for heading in catalogue.headings], np.intp),
            "questions": self._question_passages,
        }
        self._dense = {
            grain: Dense(grain, index.dense[grain], group, count)
            for grain, group in groups.items()
            if index.dense[grain].ntotal
        }
        self._declining = {
            grain: Dense(grain, index.dense[grain], [], 0)
            for grain in ("unanswerable", "background")
            if index.dense[grain].ntotal
        }
        self._lexical = {
            name: Lexical(name, index.lexical[name], syllables=name == "pinyin")
            for name in ("text", "expanded", "pinyin")
        }
        self._question_terms = index.lexical.get("questions")
        vectors, dim = index.vectors, index.vectors.tokens.shape[1]
        adapter = adapter_of(index.manifest.encoder, dim)
        self._late = {
            name: LateInteraction(name, catalogue, vectors, tokens, head)
            for name, tokens, head in (
                ("late_interaction", vectors.tokens, None),
                ("answering", vectors.answer_tokens, adapter.head if adapter else None),
            )
        }
        self._facts = FactMatcher(index)
        self._fact_passages = np.asarray(catalogue.fact_passages, np.intp)
        self._weights = weights

    def retrieve(self, query: Query, *, previous: Sequence[int] = ()) -> Retrieved:
        """Score all passages for a query; those that the conversation was about have a little more."""
        units = {grain: dense.unit_scores(query) for grain, dense in self._dense.items()}
        units |= {grain: dense.unit_scores(query) for grain, dense in self._declining.items()}
        question_terms = (
            lexical_scores(self._question_terms, query.terms)
            if self._question_terms
            else np.zeros(0, np.float32)
        )
        coverage = {name: lexical.coverage(query) for name, lexical in self._lexical.items()}
        raw: dict[str, FloatArray] = {
            grain: np.zeros(self._passages, np.float32) for grain in ("headings", "questions")
        }
        raw |= {grain: dense.by_passage(units[grain]) for grain, dense in self._dense.items()}
        facts = self._facts.scores(query)
        raw["facts"] = best_by_group(facts.facts, self._fact_passages, self._passages)
        lexical = {name: lexical.scores(query) for name, lexical in self._lexical.items()}
        candidates = self._candidates({**raw, **lexical}, coverage)
        matches = {name: late.match(query, candidates) for name, late in self._late.items()}
        raw |= {name: late.by_passage(matches[name]) for name, late in self._late.items()}
        raw["pointed"] = self._late["answering"].pointed(matches["answering"])
        raw |= lexical
        raw["question_terms"] = best_by_group(
            question_terms[: len(self._question_passages)], self._question_passages, self._passages
        )
        gates = {name: share**2 for name, share in coverage.items()}
        gates["question_terms"] = gates["expanded"]
        known = np.asarray([gates.get(name, 1.0) for name in raw], np.float32)
        standardised = standardise(np.stack(list(raw.values()))) * known[:, None]
        features = dict(zip(raw, standardised, strict=True))
        score = np.asarray([self._weights.get(name, 0.0) for name in raw], np.float32) @ standardised
        for passage in previous:
            score[passage] += _PREVIOUS_BONUS
        return Retrieved(
            query,
            features,
            np.asarray(score, np.float32),
            units,
            question_terms,
            facts,
            matches["late_interaction"],
            matches["answering"],
            coverage,
        )

    def _candidates(self, raw: Mapping[str, FloatArray], coverage: Mapping[str, float]) -> Sequence[int]:
        """Return the passages that the tokens of a large corpus are compared in: the best of all that is known so far."""
        if not any(late.is_large for late in self._late.values()):
            return ()
        known = np.asarray([self._weights.get(name, 0.0) * coverage.get(name, 1.0) for name in raw])
        score = known @ standardise(np.stack(list(raw.values())))
        return [int(at) for at in np.argsort(-score, kind="stable")[:_CANDIDATE_K]]


def standardise(scores: FloatArray) -> FloatArray:
    """Return rows of scores, shape (..., passages), with mean 0 and standard deviation 1; zeros where all are equal."""
    centred, deviation = (
        scores - scores.mean(axis=-1, keepdims=True),
        scores.std(axis=-1, keepdims=True),
    )
    return np.asarray(np.where(deviation > 1e-9, centred / np.maximum(deviation, 1e-9), 0.0), np.float32)
