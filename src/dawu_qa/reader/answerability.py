"""Whether the corpus answers a question: signals, a fitted logistic model, and what its probability means."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from dawu_qa.folding import fold, pinyin, split_pinyin
from dawu_qa.index.contents import Catalogue
from dawu_qa.quantities import amounts, quantities
from dawu_qa.reader import ranking
from dawu_qa.reader.places import places
from dawu_qa.reader.questions import CUES, content_pairs, cues, expected_kinds
from dawu_qa.reader.ranking import Ranked
from dawu_qa.retrieval.fusion import Retrieved
from dawu_qa.retrieval.retrievers import TokenMatch
from dawu_qa.types import FloatArray, Span

FEATURES = (
    "bias", "fact_cosine", "fact_gap", "fact_margin", "top_fact",
    "asked_fact", "asked_fact_cosine", "asked_fact_question", "asked_fact_sentence", "asked_fact_candidate", "asked_fact_lone", "asked_fact_kind", "question_gap", "question_cosine", "term_gap", "term_score", "no_questions",
    "sentence_cosine", "background_cosine", "background_gap", "clause_late", "clause_answering", "passage_late", "weakest_token", "weak_tokens",
    "coverage_text", "coverage_expanded", "unsupported_passage", "unsupported_corpus",
    "foreign_year", "foreign_name", "foreign_number", "unread_latin", "kind_missing", "kind_untold", "kind_log",
    "echo", "asked_value", "cue_share", "kind_share", *(f"cue_{name}" for name in CUES), *(f"lone_{name}" for name in CUES),
    "begin_logit", "end_logit", "begin_mass", "end_mass", "sentence_mass", "span_mass", "sentence_answering",
    "answering_told", "begin_told", "end_told", "joint_told", "joint_sentence_told", "joint_candidate_told", "joint_begin", "joint_end", "joint_sentence", "joint_candidate", "joint_candidate_log", "top_probability", "expected", "expected_margin", "margin", "passage_margin", "agreement", "latin",
)  # fmt: skip

_ECHO, _ASKED_VALUE = ranking.FEATURES.index("echo"), ranking.FEATURES.index("asked_value")
_FACT_GAP, _NO_FACT = ranking.FEATURES.index("fact_mean_gap"), ranking.FEATURES.index("no_fact")
_POINTED = (
    "begin_logit",
    "end_logit",
    "begin_mass",
    "end_mass",
    "sentence_mass",
    "span_mass",
    "sentence_answering",
    "joint_begin",
    "joint_end",
    "joint_sentence",
    "joint_candidate",
    "joint_candidate_log",
    "kind_log",
)
_POINTED_AT = [ranking.FEATURES.index(name) for name in _POINTED]
_MARGIN_LIMIT = 5.0
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_LATIN = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How probable it must be that a sentence tells the answer, for it to be given or near questions to be offered."""

    answer: float
    did_you_mean: float

    @classmethod
    def for_costs(cls, *, wrong: float, unhelpful: float, right: float) -> Thresholds:
        """Derive the thresholds from what a wrong answer and an unhelpful decline cost and a right answer is worth.

        With p the probability that the sentence tells the answer, answering is worth p * right - (1 - p) * wrong and
        declining -unhelpful; they are equal at p = (wrong - unhelpful) / (wrong + right). Offering near questions
        helps where the answer is among them, and is no worse than declining from half of that on.
        """
        answer = (wrong - unhelpful) / (wrong + right)
        return cls(answer, answer / 2)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How sure it is that the sentence of the best candidate tells the answer, and that the candidate is the answer."""

    grounded: float
    correct: float


class Answerability:
    """Judges the best candidate from signals, by two fitted logistic models."""

    def __init__(
        self, catalogue: Catalogue, grounded: Mapping[str, float], correct: Mapping[str, float]
    ) -> None:
        self._weights = np.asarray(
            [[weights.get(name, 0.0) for name in FEATURES] for weights in (grounded, correct)]
        )
        self._count = len(catalogue.questions)
        self._has_unanswerable = bool(catalogue.unanswerable)
        questions: list[list[str]] = [[] for _ in catalogue.passages]
        for fact, passage in zip(catalogue.facts, catalogue.fact_passages, strict=True):
            questions[passage] += fact.questions
        self._texts = [fold(" ".join((*passage.headings, passage.text))) for passage in catalogue.passages]
        self._expanded = [
            fold(" ".join((text, *asked))) for text, asked in zip(self._texts, questions, strict=True)
        ]
        self._all = " ".join(self._expanded)
        self._pairs = frozenset(map("".join, pairwise(self._all)))
        self._facts = catalogue.facts
        self._cues = [[cues(fold(question)) for question in fact.questions] for fact in catalogue.facts]
        self._span_facts: dict[Span, list[int]] = {}
        for at, fact in enumerate(catalogue.facts):
            self._span_facts.setdefault(fact.span, []).append(at)
        self._clause_passages = np.asarray([unit.passage for unit in catalogue.clauses], np.intp)

    def features(self, retrieved: Retrieved, ranked: Ranked) -> dict[str, float]:
        """Return the signals by name."""
        signals = dict.fromkeys(FEATURES, 0.0)
        signals["bias"] = 1.0
        signals |= self._near_questions(retrieved) if self._count else {"no_questions": 1.0}
        signals |= self._near_text(retrieved, ranked)
        signals |= self._support(retrieved, ranked)
        signals |= self._wording(retrieved, ranked)
        signals |= _certainty(retrieved, ranked)
        signals |= _asked_for(signals, ranked)
        return signals

    def _near_questions(self, retrieved: Retrieved) -> dict[str, float]:
        """Compare the nearest questions that the corpus answers with the nearest that it does not."""
        units, terms = retrieved.units, retrieved.question_terms
        near = np.sort(retrieved.facts.facts)[::-1]
        foreign = (
            float(retrieved.facts.unanswerable.max()) if self._has_unanswerable else float(near[0]) - 0.3
        )
        cosine, term = float(units["questions"].max()), float(terms[: self._count].max())
        other = float(units["unanswerable"].max()) if self._has_unanswerable else cosine - 0.05
        other_term = float(terms[self._count :].max()) if self._has_unanswerable else 0.0
        return {
            "fact_cosine": (float(near[0]) - 0.5) * 5,
            "fact_gap": (float(near[0]) - foreign) * 5,
            "fact_margin": float(near[0] - near[1]) * 5 if len(near) > 1 else 1.0,
            "question_cosine": (cosine - 0.9) * 10,
            "question_gap": (cosine - other) * 10,
            "term_gap": (term - other_term) / max(term, other_term, 1e-6),
            "term_score": term / max(4.0 * len(retrieved.query.terms), 1.0),
        }

    def _near_text(self, retrieved: Retrieved, ranked: Ranked) -> dict[str, float]:
        """Say how near the text comes to the question, against questions that no corpus is about."""
        units, late, answering = retrieved.units, retrieved.tokens.clause_maxima, retrieved.answering
        background = float(units["background"].max()) if "background" in units else 0.85
        nearest = max(float(units[grain].max()) for grain in ("sentences", "questions") if grain in units)
        by_token = late[:, self._clause_passages == ranked.candidates[0].passage].max(axis=1)
        return {
            "sentence_cosine": (float(units["sentences"].max()) - 0.85) * 10,
            "background_cosine": (background - 0.85) * 10,
            "background_gap": (nearest - background) * 10,
            "clause_late": (float(late.mean(axis=0).max()) - 0.85) * 10,
            "clause_answering": float((answering.weights @ answering.clause_maxima).max()) * 10,
            "passage_late": (float(by_token.mean()) - 0.85) * 10,
            "weakest_token": (float(by_token.min()) - 0.8) * 10,
            "weak_tokens": float((by_token < 0.84).mean()),
        }

    def _support(self, retrieved: Retrieved, ranked: Ranked) -> dict[str, float]:
        """Say which words, years, places and numbers of the question the passage and the corpus do not know."""
        query, passage = retrieved.query, ranked.candidates[0].passage
        text, pairs = self._texts[passage], content_pairs(query.folded)
        known = {f"{amount:.0f}" for amount in amounts(text)}
        years = {
            *_YEAR.findall(query.folded),
            *(
                f"{one.value:.0f}"
                for one in quantities(query.folded)
                if one.unit in {"", "年"} and 1900 <= one.value <= 2100
            ),
        }
        numbers = re.findall(r"\d{2,}(?:\.\d+)?", query.folded)
        unread = [word for word in _LATIN.findall(query.folded) if len(split_pinyin(word)) > 1]
        return {
            "coverage_text": retrieved.coverage["text"],
            "coverage_expanded": retrieved.coverage["expanded"],
            "unsupported_passage": _missing(pairs, self._expanded[passage]),
            "unsupported_corpus": _missing(pairs, self._pairs),
            "foreign_year": float(any(year not in text and year not in known for year in years)),
            "foreign_name": float(any(not self._knows(name) for name in places(query.folded, query.text))),
            "foreign_number": float(any(number not in text for number in numbers)),
            "unread_latin": float(any(word not in self._all for word in unread)),
        }

    def _knows(self, place: str) -> bool:
        """Tell whether the corpus has the name of a place, romanised or not."""
        return place in self._all or (place.isascii() and place in self._spelled)

    @cached_property
    def _spelled(self) -> str:
        """The corpus in pinyin, each ideograph by its commonest reading."""
        readings = {character: "".join(pinyin(character)) for character in set(self._all)}
        return "".join(readings[character] for character in self._all)

    def _wording(self, retrieved: Retrieved, ranked: Ranked) -> dict[str, float]:
        """Say whether the question is after the same as those for the fact that the best candidate answers, or else for the nearest."""
        query, top = retrieved.query, ranked.candidates[0]
        asked, kinds = cues(query.asked), expected_kinds(query.asked)
        nearest = self._fact_of(top.span, retrieved.facts.facts)
        matched = self._cues[nearest] if nearest is not None else []
        questions = self._facts[nearest].questions if nearest is not None else ()
        of_kind = [expected_kinds(fold(question))[:1] == kinds[:1] for question in questions]
        signals = {
            "cue_share": float(np.mean([asked == own for own in matched])) if matched else 0.0,
            "kind_share": float(np.mean(of_kind)) if of_kind else 0.0,
            "kind_missing": float(bool(kinds) and top.kind not in kinds),
            "kind_untold": float(not kinds),
            "echo": float(ranked.features[0, _ECHO]),
            "asked_value": float(ranked.features[0, _ASKED_VALUE]),
            "latin": query.latin_share,
        }
        for name in asked:
            share = float(np.mean([name in own for own in matched])) if matched else 0.0
            signals[f"cue_{name}"] = 1.0
            signals[f"lone_{name}"] = 1.0 - min(1.0, 3 * share)
        return signals

    def _fact_of(self, span: Span, scores: FloatArray) -> int | None:
        """Return the nearest of the facts that a span answers, or else of all; none where there are none."""
        if own := self._span_facts.get(span):
            return own[int(scores[own].argmax())]
        return int(scores.argmax()) if len(scores) else None

    def judge(self, signals: Mapping[str, float]) -> Judgement:
        """Return the probabilities that the signals give."""
        logits = self._weights @ np.asarray([signals[name] for name in FEATURES])
        grounded, correct = 1.0 / (1.0 + np.exp(-np.clip(logits, -30, 30)))
        return Judgement(float(grounded), float(min(correct, grounded)))


def _over_absent(match: TokenMatch) -> dict[str, float]:
    """Say by how much the text exceeds what none that tells the answer does: late interaction and both logits."""
    told = [(match.weights @ match.clause_maxima).max() * 10, *match.pointers.max(axis=1) / 5]
    least = match.absent * [10, 1 / 5, 1 / 5]
    return dict(zip(("answering_told", "begin_told", "end_told"), map(float, told - least), strict=True))


def _certainty(retrieved: Retrieved, ranked: Ranked) -> dict[str, float]:
    """Say how far the best candidate and the best passage are ahead, and how many retrievers agree."""
    leader, best = retrieved.ranking[0], np.sort(retrieved.score)[::-1]
    others = ranked.scores[1:]
    margin = float(ranked.scores[0] - others.max()) if len(others) else _MARGIN_LIMIT
    expected = ranked.expected
    passage_margin = float(best[0] - best[1]) if len(best) > 1 else _MARGIN_LIMIT
    return {
        **dict(zip(_POINTED, map(float, ranked.features[0, _POINTED_AT]), strict=True)),
        **_over_absent(retrieved.answering),
        "joint_told": float(ranked.joint.begin.max() + ranked.joint.end.max()) / 10,
        "joint_sentence_told": float(ranked.joint.sentence.max()) / 5,
        "joint_candidate_told": float(ranked.joint.candidate.max()) / 5,
        "top_fact": float(ranked.features[0, _FACT_GAP]),
        "top_probability": float(ranked.probabilities[0]),
        "expected": float(expected[0]),
        "expected_margin": float(expected[0] - expected[1]) if len(expected) > 1 else 1.0,
        "margin": min(margin, _MARGIN_LIMIT),
        "passage_margin": min(passage_margin, _MARGIN_LIMIT),
        "agreement": float(
            np.mean([int(np.argmax(scores)) == leader for scores in retrieved.features.values()])
        ),
    }


def _asked_for(signals: Mapping[str, float], ranked: Ranked) -> dict[str, float]:
    """Say how near the question comes to those of a fact, an editor's or of metadata, that the best candidate answers.

    What the joint reader says is given again, to be weighed otherwise there: lines of metadata are no sentences.
    """
    if ranked.features[0, _NO_FACT]:
        return {}
    return {
        "asked_fact": 1.0,
        "asked_fact_cosine": signals["fact_cosine"] + signals["top_fact"],
        "asked_fact_question": signals["question_cosine"],
        "asked_fact_sentence": signals["joint_sentence_told"],
        "asked_fact_candidate": signals["joint_candidate_told"],
        "asked_fact_lone": max(signals[f"lone_{name}"] for name in CUES),
        "asked_fact_kind": signals["kind_share"],
    }


def _missing(pairs: list[str], known: Container[str]) -> float:
    return sum(pair not in known for pair in pairs) / len(pairs) if pairs else 0.0
