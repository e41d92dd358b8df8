"""Interviews with questions beside them, asked these."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from dawu_qa.corpus.folder import read_corpus
from dawu_qa.corpus.sidecar import Sidecar, sidecar_path
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation.labelled import Labelled
from dawu_qa.index.build import build_index
from dawu_qa.pipeline import QAPipeline
from dawu_qa.types import Encoder


def open_interviews(
    folder: Path, *, encoder: Encoder | None = None, with_questions: bool = False
) -> Iterator[tuple[QAPipeline, list[Labelled]]]:
    """Build and load an index of each interview of a folder by itself, and yield it with questions.

    Args:
        folder: Sources with sidecars.
        encoder: Default: a new one.
        with_questions: Build with the sidecar, the last wording of each fact and every other unanswerable question
            left out, which alone are asked. Otherwise without the sidecar, which is asked whole.

    Raises:
        CorpusError: The folder holds no sources, or one of them or its sidecar cannot be read.
    """
    encoder = encoder or SentenceTransformerEncoder()
    for entry in read_corpus(folder):
        with tempfile.TemporaryDirectory() as scratch:
            corpus = Path(scratch, "corpus")
            corpus.mkdir()
            source = corpus / entry.document.source
            source.write_text(entry.document.text, encoding="utf-8", newline="")
            asked = entry.sidecar
            if with_questions:
                known, asked = _shared_out(entry.sidecar)
                sidecar_path(source).write_text(_lines(known), encoding="utf-8")
            build_index(corpus, Path(scratch, "index"), encoder=encoder)
            pipeline = QAPipeline.load(Path(scratch, "index"), encoder=encoder)
            yield pipeline, labelled_by(entry.document.source, asked)


def _shared_out(sidecar: Sidecar) -> tuple[Sidecar, Sidecar]:
    """Return what the index may know and what is asked."""
    several = [fact for fact in sidecar.facts if len(fact.questions) > 1]
    known = Sidecar(
        tuple(replace(fact, questions=fact.questions[:-1]) for fact in several), sidecar.unanswerable[::2]
    )
    asked = Sidecar(
        tuple(replace(fact, questions=fact.questions[-1:]) for fact in several), sidecar.unanswerable[1::2]
    )
    return known, asked


def _lines(sidecar: Sidecar) -> str:
    lines: list[dict[str, Any]] = []
    for fact in sidecar.facts:
        answer = {"answer": fact.answer.text} if fact.answer else {}
        lines.append({"sentence": fact.sentence.text, "questions": fact.questions, **answer})
    lines.append({"sentence": None, "questions": sidecar.unanswerable})
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def labelled_by(name: str, sidecar: Sidecar) -> list[Labelled]:
    """Return the questions of a source's sidecar as labelled ones."""
    found = [
        Labelled(
            f"{name}-{at}-{number}",
            question,
            "interview",
            answerable=True,
            answers=(fact.answer.text,) if fact.answer else (),
            evidence=(fact.sentence.text,),
            fact=name,
        )
        for at, fact in enumerate(sidecar.facts)
        for number, question in enumerate(fact.questions)
    ]
    return found + [
        Labelled(f"{name}-no-{at}", question, "interview", answerable=False, note="near-miss", fact=name)
        for at, question in enumerate(sidecar.unanswerable)
    ]
