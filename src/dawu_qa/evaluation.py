"""Measuring: labelled questions, pure metrics, and the run over them."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How many characters an answer may hold beyond the gold words: a whole paragraph is not a short answer.
SLACK = 12


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what a right answer holds.

    `answers` are acceptable short answers, `evidence` sentences that hold one; with `need_all` all of them are
    wanted. `fact` groups questions on the same fact. `general` marks questions on other texts than the corpus.
    """

    id: str
    question: str
    style: str
    answerable: bool
    answers: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    need_all: bool = False
    note: str = ""
    fact: str = ""
    lang: str = ""
    general: bool = False

    @property
    def near_miss(self) -> bool:
        """Whether the question shares the text's vocabulary though the text does not answer it."""
        return self.note.startswith("near-miss")

    def stands_in(self, passage: str) -> bool:
        """Tell whether a passage holds the evidence, or is a part of it."""
        return any(holds(passage, part) or holds(part, passage) for part in self.evidence)

    def is_told_by(self, sentence: str) -> bool:
        """Tell whether a sentence holds a gold answer, or evidence where no short answer is natural."""
        if self.answers:
            return any(holds(sentence, answer) for answer in self.answers)
        return any(holds(part, sentence) or holds(sentence, part) for part in self.evidence)

    def quality(self, answer: str, passage: str) -> float:
        """Return 1 for the gold words, less the more stands around them, 0 for what is no answer."""
        if not self.answerable or not self.stands_in(passage):
            return 0.0
        if not self.answers:
            whole = any(holds(part, answer) or holds(answer, part) for part in self.evidence)
            return min(1.0, len(fold_words(answer)) / 20) if whole and len(fold_words(answer)) >= SLACK else 0.0
        best = 0.0
        for gold in self.answers:
            spare = len(fold_words(answer)) - len(fold_words(gold))
            if holds(answer, gold) and spare <= SLACK:
                best = max(best, 1.0 if spare == 0 else 0.5 - 0.03 * spare)
        return best


def fold_words(text: str) -> str:
    """Keep letters, digits, points and percent signs only, so that words and figures are compared."""
    text = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in text if unicodedata.category(c)[0] in "LN" or c in ".%")


def holds(text: str, part: str) -> bool:
    """Tell whether a text holds another, punctuation and spaces aside."""
    return fold_words(part) in fold_words(text)


def read_labelled(path: Path) -> list[Labelled]:
    """Read a labelled file, one question a line; for its format see evals/README.md."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row: dict[str, Any] = json.loads(line)
            found.append(
                Labelled(
                    row["id"], row["question"], row["style"], row["answerable"], tuple(row.get("answers", ())),
                    tuple(row.get("evidence", ())), tuple(row.get("context", ())), row.get("need_all", False),
                    row.get("note", ""), row.get("fact", row["id"]), row.get("lang", ""),
                )  # fmt: skip
            )
    return found


def squad_corpus(path: Path, corpus: Path, *, paragraphs: int, questions: int, leave_out: bool = False) -> list[Labelled]:
    """Write the paragraphs of a SQuAD file as a corpus of one source a paragraph; return its questions.

    Args:
        path: The SQuAD file.
        corpus: Folder to write.
        paragraphs: At most this many paragraphs.
        questions: At most this many questions, evenly picked.
        leave_out: Leave every second paragraph out, and return the questions that nothing answers then.
    """
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    texts = [paragraph for article in data for paragraph in article["paragraphs"]][:paragraphs]
    corpus.mkdir(parents=True, exist_ok=True)
    rows = []
    for at, paragraph in enumerate(texts):
        missing = leave_out and at % 2 == 0
        if not missing:
            body = " ".join(paragraph["context"].split())
            (corpus / f"p{at:04d}.txt").write_text(body + "\n", encoding="utf-8")
        for qa in paragraph["qas"]:
            answers = tuple(dict.fromkeys(answer["text"] for answer in qa["answers"]))
            if missing or not leave_out:
                rows.append(
                    Labelled(
                        str(qa["id"]), qa["question"], "general", not missing, answers if not missing else (),
                        tuple(s for a in qa["answers"] if (s := _sentence_at(paragraph["context"], a["text"]))) if not missing else (),
                        note="near-miss: its paragraph is not in the corpus" if missing else "", fact=f"{path.stem}-{at}", general=True,
                    )  # fmt: skip
                )
    step = max(1, len(rows) // questions)
    return rows[::step][:questions]


def _sentence_at(context: str, answer: str) -> str:
    from dawu_qa.corpus import sentences

    flat = " ".join(context.split())
    at = flat.find(" ".join(answer.split()))
    return next((flat[start:end] for start, end in sentences(flat) if start <= at < end), "")
