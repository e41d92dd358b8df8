"""How answers and reports look on a terminal, and what each stage made of an answer as plain values."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dawu_qa.evaluation import Report
    from dawu_qa.explanation import Explanation
    from dawu_qa.index.storage import Manifest
    from dawu_qa.types import Answer, Span


def print_answer(answer: Answer) -> None:
    """Print the answer, its sentence with the spans marked, where it stands, and related questions."""
    if answer.band == "small_talk":
        click.echo("您好！我只回答原文里写到的内容，请直接提问。")
        return
    if answer.answered:
        click.echo(click.style(answer.text, bold=True))
        if answer.sentence:
            click.echo(f"  {_marked(answer.sentence, answer.spans)}")
        passage = answer.passages[0].passage
        place = " · ".join(passage.headings) or passage.source
        click.echo(
            f"  — {place}（{answer.spans[0].source} {answer.spans[0].start}–{answer.spans[0].end}，把握 {answer.confidence:.0%}）"
        )
    elif answer.band == "did_you_mean":
        click.echo("没有把握答对，所以不直接回答。")
    else:
        click.echo("原文没有回答这个问题。")
    if answer.suggestions:
        click.echo("您是不是想问：" if answer.band == "did_you_mean" else "相关问题：")
        for suggestion in answer.suggestions:
            click.echo(f"  {suggestion}")


def _marked(sentence: Span, spans: tuple[Span, ...]) -> str:
    """Return the sentence with the spans in it marked by 【】."""
    inside = [
        span
        for span in spans
        if span.source == sentence.source and sentence.start <= span.start and span.end <= sentence.end
    ]
    text = sentence.text
    for span in sorted(inside, key=lambda span: -span.start):
        left, right = span.start - sentence.start, span.end - sentence.start
        text = f"{text[:left]}【{text[left:right]}】{text[right:]}"
    return "".join(text.split("\n"))


def stages(explained: Explanation) -> dict[str, Any]:
    """Return what each stage made of a question as plain values, rounded."""
    readings = []
    for reading in explained.readings:
        best = reading.retrieved.ranking[:3]
        readings.append(
            {
                "searched": reading.query.text,
                "folded": reading.query.folded,
                "passages": [
                    {
                        "score": round(float(reading.retrieved.score[at]), 3),
                        "retrievers": {
                            name: round(float(scores[at]), 3)
                            for name, scores in reading.retrieved.features.items()
                        },
                        "passage": at,
                    }
                    for at in best
                ],
                "candidates": [
                    {
                        "text": candidate.span.text,
                        "kind": candidate.kind,
                        "score": round(float(score), 3),
                        "share": round(float(share), 3),
                    }
                    for candidate, score, share in zip(
                        reading.ranked.candidates[:5],
                        reading.ranked.scores[:5],
                        reading.ranked.probabilities[:5],
                        strict=True,
                    )
                ],
                "signals": {name: round(value, 3) for name, value in reading.signals.items() if value},
                "grounded": round(reading.judgement.grounded, 3),
                "correct": round(reading.judgement.correct, 3),
            }
        )
    return {
        "standalone": explained.standalone,
        "readings": readings,
        "thresholds": asdict(explained.thresholds),
        "band": explained.answer.band,
    }


def print_report(report: Report) -> None:
    """Print the figures of a run, by style and by retriever, and what went wrong."""
    for name, (rate, low, high) in report.figures.items():
        click.echo(f"{name:22s} {rate:.3f}  [{low:.3f}, {high:.3f}]")
    click.echo(f"{'calibration error':22s} {report.calibration_error:.3f}")
    for title, rows in (
        ("style", {name: f"{rate:.3f} ({count})" for name, (rate, count) in report.styles.items()}),
        ("passage@1", report.ablation),
    ):
        click.echo(title)
        for name, value in rows.items():
            click.echo(f"  {name:28s} {value}")
    for outcome in report.errors:
        click.echo(f"{outcome.id} [{outcome.style}] {outcome.question} -> {outcome.text or 'declined'}")


def print_manifest(manifest: Manifest, index_dir: Path, *, as_json: bool, note: str = "") -> None:
    """Print what an index holds, and whether it is up to date."""
    if as_json:
        print_json({"index": str(index_dir), "fingerprint": manifest.fingerprint, **asdict(manifest)})
        return
    click.echo(f"{index_dir}: {note}" if note else str(index_dir))
    click.echo(
        f"  dawu_qa {manifest.package_version}, encoder {manifest.encoder} ({manifest.encoder_fingerprint})"
    )
    click.echo(f"  sources: {', '.join(manifest.corpus)}")
    click.echo(
        "  " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in manifest.counts.items())
    )


def print_feedback(counts: dict[str, Any]) -> None:
    """Print how many questions found no answer, which most often, and the votes."""
    click.echo(
        f"{counts['unanswered']['questions']} questions without an answer, asked {counts['unanswered']['times']} times"
    )
    click.echo(
        f"{counts['votes']['total']} votes: "
        + ", ".join(f"{kind} {count}" for kind, count in counts["votes"]["by_kind"].items())
    )
    for row in counts["most_asked"]:
        click.echo(f"  {row['times']}× {row['question']} ({row['band']})")


def print_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))
