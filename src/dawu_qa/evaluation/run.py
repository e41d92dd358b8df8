"""A run over labelled questions, and the figures it gives."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dawu_qa.evaluation.diagram import reliability_svg
from dawu_qa.evaluation.labelled import Labelled, fold_words, holds
from dawu_qa.reader.choosing import SLACK

if TYPE_CHECKING:
    from dawu_qa.explanation import Reading
    from dawu_qa.pipeline import QAPipeline
    from dawu_qa.types import Answer, ScoredPassage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a labelled question; `passage`, `sentence` and `short` are None where they do not apply."""

    id: str
    style: str
    question: str
    answerable: bool
    near_miss: bool
    answered: bool
    passage: bool | None
    sentence: bool | None
    short: bool | None
    correct: bool
    confidence: float
    text: str


@dataclass(frozen=True)
class Report:
    """The figures of a run, each with its 95 % interval, by style, by retriever, and how well it is calibrated."""

    questions: int
    figures: dict[str, tuple[float, float, float]]
    styles: dict[str, tuple[float, int]]
    ablation: dict[str, float]
    reliability: list[tuple[float, float, int]]
    calibration_error: float
    errors: list[Outcome] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def evaluate(parts: Iterable[tuple[QAPipeline, Sequence[Labelled]]]) -> Report:
    """Ask every labelled question of the pipeline that it comes with, and report how it went."""
    outcomes: list[Outcome] = []
    hits: dict[str, list[bool]] = {}
    for pipeline, one in ((pipeline, one) for pipeline, labelled in parts for one in labelled):
        explained = pipeline.explain(one.question, history=one.context)
        outcomes.append(judge(one, explained.answer))
        if one.answerable and not one.need_all and explained.readings:
            for name, hit in ablation(pipeline, one, explained.readings[0]).items():
                hits.setdefault(name, []).append(hit)
    picks: dict[str, list[bool]] = {
        "correct": [one.correct for one in outcomes],
        "passage@1": [one.passage for one in outcomes if one.passage is not None],
        "sentence tells": [one.sentence for one in outcomes if one.sentence is not None],
        "short answer": [one.short for one in outcomes if one.short is not None],
        "answerable answered": [one.answered for one in outcomes if one.answerable],
        "answerable correct": [one.correct for one in outcomes if one.answerable],
        "off-topic declined": [
            not one.answered for one in outcomes if not one.answerable and not one.near_miss
        ],
        "near-miss declined": [not one.answered for one in outcomes if one.near_miss],
    }
    styles = sorted({one.style for one in outcomes})
    given = [one for one in outcomes if one.answered]
    bins, error = reliability([one.confidence for one in given], [one.correct for one in given])
    return Report(
        len(outcomes),
        {name: interval(values) for name, values in picks.items() if values},
        {style: _share([one.correct for one in outcomes if one.style == style]) for style in styles},
        {name: round(float(np.mean(values)), 3) for name, values in hits.items()},
        bins,
        error,
        [one for one in outcomes if not one.correct],
    )


def save_report(report: Report, name: str, folder: Path) -> Path:
    """Write a report and its reliability diagram to a folder, named by what was measured and the commit; return its path."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('_', '-')}-{commit.stdout.strip() or 'unversioned'}.json"
    path.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    drawn = reliability_svg(report.reliability, report.calibration_error)
    path.with_suffix(".svg").write_text(drawn, encoding="utf-8")
    return path


def judge(labelled: Labelled, answer: Answer) -> Outcome:
    """Compare an answer with its labels."""
    passage = _passage_found(labelled, answer.passages) if labelled.answerable else None
    sentence = (
        answer.sentence is not None and labelled.is_told_by(answer.sentence.text)
        if labelled.answerable and not labelled.need_all
        else None
    )
    short = _short_found(labelled, answer.text) if labelled.answerable and labelled.answers else None
    correct = (
        answer.answered and bool(passage) and short is not False
        if labelled.answerable
        else not answer.answered
    )
    return Outcome(
        labelled.id,
        labelled.style,
        labelled.question,
        labelled.answerable,
        labelled.near_miss,
        answer.answered,
        passage,
        sentence,
        short,
        correct,
        answer.confidence,
        answer.text,
    )


def _passage_found(labelled: Labelled, passages: Sequence[ScoredPassage]) -> bool:
    if not labelled.need_all:
        return bool(passages) and labelled.is_found_in(passages[0].passage)
    texts = [scored.passage.text for scored in passages[:3]]
    return all(any(holds(text, part) or holds(part, text) for text in texts) for part in labelled.evidence)


def _short_found(labelled: Labelled, text: str) -> bool:
    length = len(fold_words(text))
    if labelled.need_all:
        spare = sum(len(fold_words(answer)) + SLACK for answer in labelled.answers)
        return all(holds(text, answer) for answer in labelled.answers) and length <= spare
    return any(
        holds(text, answer) and length <= len(fold_words(answer)) + SLACK for answer in labelled.answers
    )


def ablation(pipeline: QAPipeline, labelled: Labelled, reading: Reading) -> dict[str, bool]:
    """Tell whether each retriever alone, the fusion without it, and the whole fusion put a right passage first."""
    weights, retrieved = pipeline.fusion_weights, reading.retrieved
    good = {at for at, passage in enumerate(pipeline.catalogue.passages) if labelled.is_found_in(passage)}
    hits = {"fused": retrieved.ranking[0] in good}
    for name, feature in retrieved.features.items():
        hits[f"{name} alone"] = int(np.argmax(feature)) in good
        hits[f"without {name}"] = int(np.argmax(retrieved.score - weights.get(name, 0.0) * feature)) in good
    return hits


#: Of the normal distribution, for 95 %.
_QUANTILE = 1.96


def interval(values: Sequence[bool], *, samples: int = 1000) -> tuple[float, float, float]:
    """Return a rate with its 95 % interval from bootstrap samples (Efron 1979), drawn with a fixed seed.

    Where all values agree, so do all samples, which says nothing of the noise; there it is Wilson's interval (1927).
    """
    array = np.asarray(values, float)
    if array.min() == array.max():
        width = _QUANTILE**2 / (len(array) + _QUANTILE**2)
        rate = float(array[0])
        return rate, round(max(0.0, rate - width), 3), round(min(1.0, rate + width), 3)
    drawn = np.random.default_rng(0).choice(array, (samples, len(array))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return round(float(array.mean()), 3), round(float(low), 3), round(float(high), 3)


def reliability(
    confidences: Sequence[float], correct: Sequence[bool], *, bins: int = 10
) -> tuple[list[tuple[float, float, int]], float]:
    """Return mean confidence, accuracy and count by bin, and the expected calibration error.

    Source: Naeini, Cooper and Hauskrecht 2015.
    """
    found, error = [], 0.0
    at = np.minimum((np.asarray(confidences) * bins).astype(int), bins - 1)
    for number in range(bins):
        inside = at == number
        if inside.any():
            mean, accuracy = (
                float(np.asarray(confidences)[inside].mean()),
                float(np.asarray(correct, float)[inside].mean()),
            )
            found.append((round(mean, 3), round(accuracy, 3), int(inside.sum())))
            error += abs(mean - accuracy) * float(inside.mean())
    return found, round(error, 4)


def _share(values: Sequence[bool]) -> tuple[float, int]:
    return round(float(np.mean(values)), 3), len(values)
