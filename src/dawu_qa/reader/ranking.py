"""Ranking the candidates for a question by fitted weights over plain features."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dawu_qa.folding import fold
from dawu_qa.index.storage import Index
from dawu_qa.quantities import amounts
from dawu_qa.reader.candidates import KINDS, Candidate
from dawu_qa.reader.choosing import CHOICE, expected_worth
from dawu_qa.reader.joint_reading import UNREAD, JointReader, JointReading
from dawu_qa.reader.kinds import kind_logs
from dawu_qa.reader.questions import asked_noun, asked_unit, cues, expected_kinds
from dawu_qa.reader.surroundings import (
    character_pairs,
    characters_beside,
    clause_sentences,
    fact_rows,
    is_title,
    token_windows,
    with_fact_answers,
    words_around,
)
from dawu_qa.retrieval.fusion import Retrieved, standardise
from dawu_qa.types import FloatArray, Span

#: Candidates are taken from this many of the best passages.
READ_PASSAGES = 5
#: Over these differences in cosine, relative BM25 score and whitened cosine a vote for a fact falls to 1 / e.
_COSINE_SCALE, _TERM_SCALE, _MEAN_SCALE = 0.01, 0.15, 0.08
_LEAST_MASS = 1e-4
_LEAST_LOG = -6.0
_NUMERAL = re.compile(r"[\d一二两三四五六七八九十百千〇]")
#: Kinds that a number gives.
_NUMERIC = frozenset(
    {"money", "people", "household", "count", "area", "percent", "period", "rank", "date", "frequency"}
)

FEATURES = (
    "passage", "clause_late", "sentence_late", "clause_answering", "sentence_answering", "clause_dense", "sentence_dense",
    "fact_dense", "fact_terms", "fact_mean", "fact_mean_gap", "fact_mean_share", "no_fact", "sentence_fact",
    "kind_first", "kind_other", "kind_clash", "kind_untold", "kind_log",
    "number_missing",
    "window_late", "left_late", "right_late", "window_answering", "left_answering", "right_answering", "asked_unit", "asked_noun",
    "begin_logit", "end_logit", "begin_mass", "end_mass", "sentence_mass", "span_mass",
    "joint_begin", "joint_end", "joint_span", "joint_sentence", "joint_sentence_gap", "joint_candidate", "joint_candidate_log", "unread",
    "left_overlap", "right_overlap", "inside_overlap", "asked_value", "echo", "length",
    "left_two", "left_four", "right_two", "right_four", "title", "title_how", "long_how", "cue_match",
    *(f"is_{kind}" for kind in KINDS),
)  # fmt: skip


@dataclass(frozen=True)
class Ranked:
    """The candidates that were read, best first, with their features, scores and probabilities (summing to 1).

    The best of the likeliest ones is what `dawu_qa.reader.choosing` expects most of; `expected` is how much.
    """

    candidates: list[Candidate]
    features: FloatArray
    scores: FloatArray
    probabilities: FloatArray
    expected: FloatArray
    joint: JointReading


class Ranker:
    """Scores the candidates of the best passages."""

    def __init__(self, index: Index, weights: Mapping[str, float], encoder: object = None) -> None:
        catalogue = index.catalogue
        self.catalogue = catalogue
        self.candidates = with_fact_answers(catalogue)
        self.weights = np.asarray([weights.get(name, 0.0) for name in FEATURES], np.float32)
        self._passage = np.asarray([candidate.passage for candidate in self.candidates])
        self._clause = np.asarray([candidate.clause for candidate in self.candidates])
        self._sentence = np.asarray([candidate.sentence for candidate in self.candidates])
        self._kind = np.asarray([KINDS.index(candidate.kind) for candidate in self.candidates])
        self._length = np.log1p([len(candidate.span.text) for candidate in self.candidates]).astype(
            np.float32
        )
        self._clause_sentence = clause_sentences(catalogue)
        self._windows = token_windows(self.candidates, index)
        self._own_tokens = self._windows.pop("own")
        starts = np.searchsorted(self._clause_sentence, np.arange(len(catalogue.sentences) + 1))
        borders = index.vectors.clause_starts[starts]
        self._sentence_tokens = np.stack([borders[:-1], borders[1:]], axis=1)
        self._sentence_passage = np.asarray([unit.passage for unit in catalogue.sentences])
        self._encoder = index.manifest.encoder
        self._joint = JointReader(
            encoder, index.vectors.lower_states, self._sentence_tokens, self._own_tokens
        )
        self._context = [words_around(candidate, catalogue) for candidate in self.candidates]
        self._folded = [fold(candidate.span.text) for candidate in self.candidates]
        self._beside = [characters_beside(candidate, catalogue) for candidate in self.candidates]
        self._has_number = np.asarray(
            [bool(_NUMERAL.search(candidate.span.text)) for candidate in self.candidates]
        )
        self._title = np.asarray([is_title(candidate, catalogue) for candidate in self.candidates])
        self._fact_cues = [[cues(fold(question)) for question in fact.questions] for fact in catalogue.facts]
        self._cue_matches: dict[frozenset[str], FloatArray] = {}
        self._values = [frozenset(amounts(fold(candidate.span.text))) for candidate in self.candidates]
        self._fact_rows = fact_rows(catalogue, self.candidates)
        self._has_fact = np.isin(np.arange(len(self.candidates)), self._fact_rows[0])

    def rank(self, retrieved: Retrieved, *, known: Collection[Span] = ()) -> Ranked:
        """Rank the candidates of the best passages, but for those that are known already."""
        at = np.flatnonzero(np.isin(self._passage, retrieved.ranking[:READ_PASSAGES]))
        if known:
            at = np.asarray([row for row in at if self.candidates[row].span not in known] or at)
        joint = self.read_jointly(retrieved)
        features = self.features(retrieved, at, joint)
        scores = features @ self.weights
        probabilities = np.exp(scores - scores.max())
        probabilities /= probabilities.sum()
        order = np.argsort(-scores, kind="stable")
        likeliest = order[:CHOICE]
        expected = expected_worth(
            [self.candidates[at[row]].span for row in likeliest], probabilities[likeliest]
        )
        best = np.argsort(-expected, kind="stable")
        order[:CHOICE] = likeliest[best]
        return Ranked(
            [self.candidates[at[row]] for row in order],
            features[order],
            scores[order],
            probabilities[order],
            expected[best],
            joint,
        )

    def read_jointly(self, retrieved: Retrieved) -> JointReading:
        """Read the likeliest sentences of the best passages together with the question."""
        best = np.flatnonzero(np.isin(self._sentence_passage, retrieved.ranking[:READ_PASSAGES]))
        signals = [retrieved.units["sentences"], retrieved.score[self._sentence_passage]]
        signals += [
            match.weights @ _sentence_maxima(match.clause_maxima, self._clause_sentence)
            for match in (retrieved.tokens, retrieved.answering)
        ]
        likely = standardise(np.stack([signal[best] for signal in signals])).sum(axis=0)
        return self._joint.read(
            retrieved.query.lower, retrieved.tokens.similarities, best[np.argsort(-likely, kind="stable")]
        )

    def features(self, retrieved: Retrieved, at: np.ndarray[Any, Any], joint: JointReading) -> FloatArray:
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
        columns |= self._joint_features(joint, at)
        columns |= self._fact_features(retrieved, at)
        kind = [KINDS[number] for number in self._kind[at]]
        columns["kind_first"] = [bool(kinds) and name == kinds[0] for name in kind]
        columns["kind_other"] = [name in kinds[1:] for name in kind]
        columns["kind_clash"] = [
            bool(kinds) and name not in kinds and name not in {"clause", "sentence"} for name in kind
        ]
        columns["kind_untold"] = [not kinds and name in {"clause", "sentence"} for name in kind]
        columns["kind_log"] = np.maximum(kind_logs(query, self._encoder), _LEAST_LOG)[self._kind[at]] / 2
        numeric = bool(kinds) and kinds[0] in _NUMERIC
        columns["number_missing"] = numeric & ~self._has_number[at]
        units, noun = asked_unit(query.asked), frozenset(character_pairs(asked_noun(query.asked)))
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

    def _joint_features(self, joint: JointReading, at: np.ndarray[Any, Any]) -> dict[str, Any]:
        """Say what the joint reader thinks of a candidate: of its borders, of the whole, of its sentence."""
        first, behind = self._own_tokens[at].T
        begin, end, told = joint.begin[first], joint.end[behind - 1], joint.sentence[self._sentence[at]]
        candidate = joint.candidate[at]
        share = candidate - np.logaddexp.reduce(candidate)
        return {
            "joint_begin": begin / 5,
            "joint_end": end / 5,
            "joint_span": (begin + end - (begin + end).max()) / 5,
            "joint_sentence": told / 5,
            "joint_sentence_gap": (told - told.max()) / 5,
            "joint_candidate": candidate / 5,
            "joint_candidate_log": np.maximum(share, _LEAST_LOG),
            "unread": told <= UNREAD,
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


def _sentence_maxima(maxima: FloatArray, clause_sentence: np.ndarray[Any, Any]) -> FloatArray:
    """Return the best cosine of each query token in each sentence."""
    starts = np.searchsorted(clause_sentence, np.arange(int(clause_sentence.max()) + 1))
    return np.asarray(np.maximum.reduceat(maxima, starts, axis=1))


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
