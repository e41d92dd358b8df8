"""Fit the weights of fusion, ranking and answerability, and write them with their provenance.

    python evals/fit.py            # fit, cross-validate by fact, write src/dawu_qa/data/weights.json
    python evals/fit.py --dry-run  # report only

Labelled questions: `evals/labelled/fitting/*.jsonl` (the format of the evaluation data) on the shipped interview, those
beside `evals/interviews/fitting`, and open questions: off topic for interviews, and for the text weights answered by
their own texts. Every figure printed is that of questions whose fact (of other texts: whose text) no weight was fitted
on (five folds).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from training import checksums

from dawu_qa import build_index
from dawu_qa.corpus import sentences
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import Labelled, open_interviews, read_labelled, read_squad, write_corpus
from dawu_qa.evaluation.squad import Paragraph
from dawu_qa.index import storage
from dawu_qa.pipeline import QAPipeline
from dawu_qa.reader import answerability, ranking
from dawu_qa.retrieval.fusion import Retrieved
from dawu_qa.small_talk import is_small_talk

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src/dawu_qa/data/weights.json"
FOLDS = 5
#: Of each open file this many paragraphs make a corpus, and about this many questions are asked.
PARAGRAPHS, QUESTIONS = 80, 300
#: How much a question counts: on the shipped interview, on other interviews, on open texts.
SHARES = {"own": 1.0, "interviews": 0.4, "general": 0.15, "strange": 0.4}
#: So many open questions are asked of interviews, which they are not about.
STRANGE = 150


#: Features of the rows of a question, how good each row is, and how much the question counts.
Group = tuple[np.ndarray, np.ndarray, float]


@dataclass
class Asked:
    """A labelled question and what the retrievers found for it."""

    labelled: Labelled
    pipeline: QAPipeline
    retrieved: Retrieved
    fold: int
    part: str

    @property
    def share(self) -> float:
        """How much the question counts."""
        return SHARES[self.part]

    @property
    def gold_passages(self) -> list[int]:
        return [
            at
            for at, passage in enumerate(self.pipeline.catalogue.passages)
            if self.labelled.stands_in(passage.text)
        ]


def fold_of(fact: str) -> int:
    return int(hashlib.sha256(fact.encode()).hexdigest(), 16) % FOLDS


def ask_all(pipeline: QAPipeline, labelled: list[Labelled], part: str = "own") -> list[Asked]:
    return [
        Asked(
            one,
            pipeline,
            pipeline.explain(one.question, history=one.context).readings[0].retrieved,
            fold_of(one.id if one.fact == "off-topic" else one.fact),
            part,
        )
        for one in labelled
        if not one.need_all and not is_small_talk(one.question)
    ]


def fit_softmax(
    groups: list[Group], names: tuple[str, ...], *, l2: float, positive: bool
) -> dict[str, float]:
    """Fit weights so that each group's softmax puts its mass on the targets (rows of nonnegative target weights)."""
    sizes = [len(features) for features, _, _ in groups]
    share = torch.tensor([weight for _, _, weight in groups], dtype=torch.float32)
    share = share / share.sum()
    features = torch.tensor(np.concatenate([features for features, _, _ in groups]), dtype=torch.float32)
    target = torch.tensor(
        np.concatenate([target / target.sum() for _, target, _ in groups]), dtype=torch.float32
    )
    owner = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor(sizes))
    raw = torch.zeros(len(names), dtype=torch.float32, requires_grad=True)
    optimizer = torch.optim.LBFGS([raw], max_iter=50, line_search_fn="strong_wolfe")

    def weights() -> torch.Tensor:
        return torch.nn.functional.softplus(raw) if positive else raw

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = features @ weights()
        top = torch.full((len(groups),), -1e9, dtype=torch.float32).scatter_reduce(0, owner, scores, "amax")
        mass = torch.zeros(len(groups), dtype=torch.float32).index_add(
            0, owner, torch.exp(scores - top[owner])
        )
        log_p = scores - top[owner] - torch.log(mass)[owner]
        # the log of the mass on all good rows, the better ones counting more
        good = torch.zeros(len(groups), dtype=torch.float32).index_add(0, owner, target * torch.exp(log_p))
        value = -(share * torch.log(good + 1e-12)).sum() + l2 * (weights() ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return dict(zip(names, weights().detach().numpy().round(4).tolist(), strict=True))


def fit_logistic(features: np.ndarray, target: np.ndarray, sample: np.ndarray, *, l2: float) -> np.ndarray:
    x, y, w = (
        torch.tensor(array, dtype=torch.float64) for array in (features, target, sample / sample.sum())
    )
    weights = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        nll = torch.nn.functional.binary_cross_entropy_with_logits(x @ weights, y, reduction="none")
        value = (w * nll).sum() + l2 * (weights[1:] ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return np.asarray(weights.detach().numpy())


def fit_scaling(logits: np.ndarray, target: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return shift and slope that turn logits given out of fold into calibrated ones (Platt 1999): they are too sure."""
    return fit_logistic(np.stack([np.ones(len(logits)), logits], axis=1), target, sample, l2=0.0)


def fusion_groups(asked: list[Asked], names: tuple[str, ...]) -> list[Group]:
    groups = []
    for one in asked:
        target = np.zeros(len(one.pipeline.catalogue.passages))
        target[one.gold_passages] = 1.0
        if target.any():
            features = np.stack([one.retrieved.features[name] for name in names], axis=1)
            groups.append((features, target, one.share))
    return groups


def rescore(asked: list[Asked], weights_of: list[dict[str, float]]) -> None:
    """Let each question have the passages' scores of the weights that were fitted on the other folds."""
    for one in asked:
        weights = weights_of[one.fold]
        score = sum(weights[name] * one.retrieved.features[name] for name in weights)
        object.__setattr__(one.retrieved, "score", np.asarray(score, np.float32))


def ranking_group(one: Asked) -> Group | None:
    """Return features and targets of the candidates of a question: 1 for the gold words, less the more stands around them."""
    ranker = one.pipeline._ranker
    chosen = set(one.retrieved.ranking[: ranking.READ_PASSAGES]) | set(one.gold_passages[:1])
    at = np.flatnonzero(np.isin(ranker._passage, list(chosen)))
    target = np.asarray(
        [
            one.labelled.quality(
                ranker.candidates[row].span.text,
                ranker.catalogue.passages[ranker.candidates[row].passage].text,
            )
            for row in at
        ]
    )
    if not target.any():
        return None
    return ranker.features(one.retrieved, at, ranker.read_jointly(one.retrieved)), target, one.share


def by_fold(groups: list[Group], folds: list[int], fit: Any) -> list[dict[str, float]]:
    """Return for each fold the weights fitted on all others."""
    return [
        fit([group for group, own in zip(groups, folds, strict=True) if own != fold]) for fold in range(FOLDS)
    ]


def top_is_good(group: Group, weights: dict[str, float]) -> float:
    features, target, _ = group
    return float(target[int(np.argmax(features @ np.asarray(list(weights.values()))))] > 0)


def main() -> int:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--labelled", type=Path, default=ROOT / "evals/labelled/fitting")
    cli.add_argument(
        "--train",
        type=Path,
        default=ROOT.parent / "shared/train",
        help="folder of SQuAD files (CMRC 2018, DRCD)",
    )
    cli.add_argument("--interviews", type=Path, default=ROOT / "evals/interviews/fitting")
    cli.add_argument("--dry-run", action="store_true")
    cli.add_argument(
        "--kind", choices=["with_questions", "text"], action="append", help="fit only this kind of index"
    )
    args = cli.parse_args()
    encoder = SentenceTransformerEncoder()
    labelled = [one for path in sorted(args.labelled.glob("*.jsonl")) for one in read_labelled(path)]
    weights: dict[str, Any] = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    report: dict[str, Any] = {}
    off_topic = [one for one in labelled if one.fact == "off-topic"]
    strange = off_topic_questions(args.train)
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.kind or ("with_questions", "text"):
            index_dir = Path(folder) / kind
            build_index(ROOT / "corpus", index_dir, encoder=encoder, with_sidecars=kind == "with_questions")
            pipeline = QAPipeline(storage.load(index_dir), encoder)
            asked = ask_all(pipeline, labelled)
            others = open_interviews(args.interviews, encoder=encoder, with_questions=kind != "text")
            asked += ask_all(pipeline, strange, "strange")
            for other, questions in others:
                asked += ask_all(other, [*questions, *off_topic], "interviews")
                asked += ask_all(other, strange[:: max(1, len(strange) // 30)], "strange")
            if kind == "text":
                asked += general(args.train, Path(folder), encoder)
            report[kind] = fit_kind(kind, asked, weights)
    weights["provenance"] = {
        "command": "python evals/fit.py",
        "labelled": checksums(args.labelled),
        "interviews": checksums(args.interviews),
        "general": "CMRC 2018 dev, DRCD dev (CC BY-SA): answered in the text weights only, off topic in both",
    }
    if not args.dry_run:
        # read anew: another kind may have been fitted meanwhile
        stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
        for stage in ("fusion", "ranking", "grounded", "correct"):
            stored[stage].update({kind: weights[stage][kind] for kind in report})
        earlier = stored["provenance"]["cross_validated"]
        stored["provenance"] = {**weights["provenance"], "cross_validated": {**earlier, **report}}
        WEIGHTS.write_text(json.dumps(stored, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0


def general(train: Path, folder: Path, encoder: SentenceTransformerEncoder) -> list[Asked]:
    """Ask open reading-comprehension questions: answered ones, and some whose paragraph or whose sentences are left out."""
    asked: list[Asked] = []
    for name in ("cmrc_dev", "drcd_dev"):
        if not (train / f"{name}.json").is_file():
            continue
        paragraphs = read_squad(train / f"{name}.json")[-PARAGRAPHS:]  # none that the adapter was trained on
        asked += ask_corpus(paragraphs, paragraphs, folder / name, encoder)
        asked += ask_corpus(paragraphs[1::2], paragraphs[::2], folder / f"{name}-without", encoder)
        told_not = [without_an_answer(each, at) for at, each in enumerate(paragraphs)]
        asked += ask_corpus(told_not, told_not, folder / f"{name}-untold", encoder)
    return asked


def off_topic_questions(train: Path) -> list[Labelled]:
    """Return open questions, as ones that no interview answers."""
    found: list[Labelled] = []
    for name in ("cmrc_dev", "drcd_dev"):
        if (train / f"{name}.json").is_file():
            questions = [
                one for each in read_squad(train / f"{name}.json")[-PARAGRAPHS:] for one in each.questions
            ]
            found += questions[:: max(1, len(questions) * 2 // STRANGE)]
    return [
        replace(one, answerable=False, answers=(), evidence=(), note="off-topic", fact="off-topic", source="")
        for one in found
        if one.question.strip()
    ]


def without_an_answer(paragraph: Paragraph, at: int) -> Paragraph:
    """Return a paragraph without the sentences that hold the answers of one of its questions, which alone is asked."""
    asked = paragraph.questions[at % len(paragraph.questions)]
    kept = [paragraph.text[start:end] for start, end in sentences(paragraph.text)]
    kept = [each for each in kept if not any(answer in each for answer in asked.answers)]
    declined = replace(
        asked, answerable=False, answers=(), evidence=(), note="near-miss: its sentence is left out"
    )
    return Paragraph(paragraph.source, "".join(kept) or paragraph.text[:1], (declined,))


def ask_corpus(
    corpus: list[Paragraph], paragraphs: list[Paragraph], folder: Path, encoder: SentenceTransformerEncoder
) -> list[Asked]:
    """Ask some questions of paragraphs, evenly picked, of a corpus that may lack them."""
    write_corpus(corpus, folder)
    build_index(folder, folder / "index", encoder=encoder)
    labelled = [one for paragraph in paragraphs for one in paragraph.questions]
    if corpus is not paragraphs:
        labelled = [
            replace(one, answerable=False, note="near-miss: its paragraph is left out") for one in labelled
        ]
    return ask_all(
        QAPipeline(storage.load(folder / "index"), encoder),
        labelled[:: max(1, len(labelled) // QUESTIONS)],
        "general",
    )


def fit_kind(kind: str, asked: list[Asked], weights: dict[str, Any]) -> dict[str, Any]:
    """Fit the three stages one after the other, each on what the one before gives out of fold."""
    own = [one for one in asked if one.part == "own"]
    yes = [one for one in asked if one.labelled.answerable and one.gold_passages]
    names = tuple(yes[0].retrieved.features)
    fit_fusion = partial(fit_softmax, names=names, l2=0.002, positive=True)
    groups = fusion_groups(yes, names)
    weights_of = by_fold(groups, [one.fold for one in yes], fit_fusion)
    hits = [top_is_good(group, weights_of[one.fold]) for group, one in zip(groups, yes, strict=True)]
    report: dict[str, Any] = by_part("passage@1", hits, yes)
    weights["fusion"][kind] = fit_fusion(groups)
    rescore(asked, weights_of)

    read = [(one, group) for one in yes if (group := ranking_group(one))]
    rank_groups = [group for _, group in read]
    fit_ranking = partial(fit_softmax, names=ranking.FEATURES, l2=0.002, positive=False)
    folds = [one.fold for one, _ in read]
    fold_weights = by_fold(rank_groups, folds, fit_ranking)
    report["candidates hold an answer"] = round(
        len([1 for one, _ in read if one.part == "own"])
        / max(1, len([1 for one in yes if one.part == "own"])),
        3,
    )
    weights["ranking"][kind] = fit_ranking(rank_groups)

    rows, correct, grounded, fold_ids = [], [], [], []
    # The sidecars of the other interviews have few wordings a fact: how near the nearest question comes means less there.
    judged = [one for one in asked if kind == "text" or one.pipeline is own[0].pipeline]
    for one in judged:
        one.pipeline._ranker.weights = np.asarray(
            [fold_weights[one.fold][name] for name in ranking.FEATURES], np.float32
        )
        ranked = one.pipeline._ranker.rank(one.retrieved)
        signals = one.pipeline._answerability.features(one.retrieved, ranked)
        rows.append([signals[name] for name in answerability.FEATURES])
        top, catalogue = ranked.candidates[0], one.pipeline.catalogue
        passage, sentence = catalogue.passages[top.passage].text, catalogue.sentences[top.sentence].span.text
        correct.append(float(one.labelled.quality(top.span.text, passage) > 0))
        grounded.append(
            float(
                one.labelled.answerable
                and one.labelled.stands_in(passage)
                and one.labelled.is_told_by(sentence)
            )
        )
        fold_ids.append(one.fold)
    told = [(one, right) for one, right in zip(judged, correct, strict=True) if one.labelled.answerable]
    report |= by_part("short answer", [right for _, right in told], [one for one, _ in told])
    x, f, w = np.asarray(rows), np.asarray(fold_ids), mixed_like_users(judged)
    fit_judgement = partial(fit_logistic, l2=0.0003)
    probabilities = {}
    for name, target in (("grounded", np.asarray(grounded)), ("correct", np.asarray(correct))):
        logits = np.zeros(len(target))
        for fold in range(FOLDS):
            fitted = fit_judgement(x[f != fold], target[f != fold], w[f != fold])
            logits[f == fold] = x[f == fold] @ fitted
        probabilities[name] = np.zeros(len(target))
        for fold in range(FOLDS):
            shift, slope = fit_scaling(logits[f != fold], target[f != fold], w[f != fold])
            probabilities[name][f == fold] = 1 / (1 + np.exp(-shift - slope * logits[f == fold]))
        shift, slope = fit_scaling(logits, target, w)
        scaled = slope * fit_judgement(x, target, w)
        scaled[answerability.FEATURES.index("bias")] += shift
        weights[name][kind] = dict(zip(answerability.FEATURES, scaled.round(4).tolist(), strict=True))
    for part in SHARES:
        picked = np.asarray([one.part == part for one in judged])
        if picked.any():
            report[part] = bands(judged, np.asarray(correct), probabilities, w, picked)
    print(kind, len(own), json.dumps(report, ensure_ascii=False), file=sys.stderr)
    return report


def mixed_like_users(asked: list[Asked]) -> np.ndarray:
    """Weigh the questions so that seven in ten are answerable, and of the others half are near misses."""
    shares = {"answerable": 0.7, "near": 0.15, "off": 0.15}
    kinds = [
        "answerable" if one.labelled.answerable else "near" if one.labelled.near_miss else "off"
        for one in asked
    ]
    base = np.asarray([one.share for one in asked])
    totals = {
        kind: sum(weight for own, weight in zip(kinds, base, strict=True) if own == kind) for kind in shares
    }
    return base * np.asarray([shares[kind] / totals[kind] for kind in kinds])


def bands(
    asked: list[Asked],
    correct: np.ndarray,
    probabilities: dict[str, np.ndarray],
    weights: np.ndarray,
    own: np.ndarray,
) -> dict[str, Any]:
    """Report what the out-of-fold probabilities of some do at a few thresholds, and how well they are calibrated."""
    yes = own & np.asarray([one.labelled.answerable for one in asked])
    near = own & np.asarray([one.labelled.near_miss for one in asked])
    off = own & ~yes & ~near
    found: dict[str, Any] = {
        "ece": round(
            expected_calibration_error(probabilities["correct"][own], correct[own], weights[own]), 4
        ),
        "right where answerable": share_of(correct[yes]),
    }
    in_use = asked[0].pipeline.thresholds.answer
    for threshold in (0.3, 0.4, in_use, 0.5, 0.6, 0.7, 0.8, 0.9):
        given = probabilities["grounded"] >= threshold
        good = np.where(yes, given & (correct > 0), ~given)
        found[f"at {threshold:.2f}"] = {
            "correct": round(float((good * weights)[own].sum() / weights[own].sum()), 3),
            "answered": share_of(given[yes]),
            "off-topic declined": share_of(~given[off]),
            "near-miss declined": share_of(~given[near]),
        }
    return found


def share_of(flags: np.ndarray) -> float | None:
    return round(float(flags.mean()), 3) if len(flags) else None


def expected_calibration_error(
    probabilities: np.ndarray, y: np.ndarray, weights: np.ndarray, bins: int = 10
) -> float:
    """Return the mean distance of confidence and accuracy over bins (Naeini, Cooper and Hauskrecht 2015)."""
    at, total = np.minimum((probabilities * bins).astype(int), bins - 1), weights.sum()
    gaps = [abs((weights * (probabilities - y))[at == b].sum()) for b in range(bins)]
    return float(sum(gaps) / total)


def by_part(name: str, values: list[float], asked: list[Asked]) -> dict[str, float]:
    """Return the mean of values for each part that has some."""
    found = {}
    for part in SHARES:
        picked = [value for value, one in zip(values, asked, strict=True) if one.part == part]
        if picked:
            found[name if part == "own" else f"{name} {part}"] = round(float(np.mean(picked)), 3)
    return found


if __name__ == "__main__":
    sys.exit(main())
