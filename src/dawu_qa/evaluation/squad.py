"""SQuAD files: their paragraphs as a corpus, their questions as labelled ones."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawu_qa.corpus import sentences
from dawu_qa.errors import CorpusError
from dawu_qa.evaluation.labelled import Labelled
from dawu_qa.index.build import build_index
from dawu_qa.pipeline import QAPipeline


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of a SQuAD file, the name of the source that it makes, and the questions on it."""

    source: str
    text: str
    questions: tuple[Labelled, ...]


def read_squad(path: Path, *, translation: Path | None = None) -> list[Paragraph]:
    """Read a SQuAD file.

    Args:
        path: The file (Rajpurkar et al. 2016), as XQuAD, CMRC 2018 and DRCD have it.
        translation: The same file in another language; its questions are asked instead, by id.

    Raises:
        CorpusError: A file is not in the format of SQuAD.
    """
    asked = {qa["id"]: qa["question"] for paragraph in _paragraphs(translation) for qa in paragraph["qas"]}
    found = []
    for at, paragraph in enumerate(_paragraphs(path)):
        source, text = f"{path.stem}-{at:04d}.txt", " ".join(paragraph["context"].split())
        labelled = (
            _labelled(qa, asked.get(qa["id"], qa["question"]), source, text) for qa in paragraph["qas"]
        )
        found.append(Paragraph(source, text, tuple(labelled)))
    return found


def write_corpus(paragraphs: Iterable[Paragraph], folder: Path) -> None:
    """Write paragraphs to a folder as a corpus of one source a paragraph."""
    folder.mkdir(parents=True, exist_ok=True)
    for paragraph in paragraphs:
        (folder / paragraph.source).write_text(paragraph.text + "\n", encoding="utf-8")


def open_corpus(paragraphs: Iterable[Paragraph]) -> QAPipeline:
    """Build and load an index of paragraphs, in a folder that does not outlive the call."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(paragraphs, Path(folder, "corpus"))
        build_index(Path(folder, "corpus"), Path(folder, "index"), progress=True)
        return QAPipeline.load(Path(folder, "index"))


def _paragraphs(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        found = [paragraph for article in articles for paragraph in article["paragraphs"]]
        for paragraph in found:
            _ = paragraph["context"], [(qa["id"], qa["question"], qa["answers"]) for qa in paragraph["qas"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{path.name} is not in the format of SQuAD; give one that is, or a file of JSON lines (.jsonl)"
        ) from error
    return found


def _labelled(qa: dict[str, Any], question: str, source: str, text: str) -> Labelled:
    starts = {
        " ".join(answer["text"].split()): int(answer.get("answer_start") or 0) for answer in qa["answers"]
    }
    found = (_sentence_of(text, answer, start) for answer, start in starts.items())
    return Labelled(
        str(qa["id"]),
        question,
        "general",
        answerable=bool(starts),
        answers=tuple(starts),
        evidence=tuple(sentence for sentence in found if sentence),
        fact=source,
        source=source,
    )


def _sentence_of(text: str, answer: str, start: int) -> str:
    """Return the sentence with that mention of an answer which is nearest to where it should begin; empty where none is."""
    mentions = [match.start() for match in re.finditer(re.escape(answer), text)] if answer else []
    at = min(mentions, key=lambda mention: abs(mention - start), default=-1)
    return next((text[start:end] for start, end in sentences(text) if start <= at < end), "")
