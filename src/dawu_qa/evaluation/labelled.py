"""Labelled questions: what a right answer holds, and the files they are kept in."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawu_qa.reader.choosing import SLACK, worth
from dawu_qa.types import Passage


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question with what a right answer holds.

    `answers` are acceptable short answers, `evidence` sentences that hold one; with `need_all` all of them are
    wanted. `fact` groups questions on the same fact. `source` is the whole text asked about, where it is one of many.
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
    source: str = ""

    @property
    def near_miss(self) -> bool:
        """Whether the question shares the text's vocabulary though the text does not answer it."""
        return self.note.startswith("near-miss")

    def stands_in(self, passage: str) -> bool:
        """Tell whether a passage holds the evidence, or is a part of it."""
        return any(holds(passage, part) or holds(part, passage) for part in self.evidence)

    def is_found_in(self, passage: Passage) -> bool:
        """Tell whether a passage is of the right source, or (where none is named) holds the evidence."""
        return passage.source == self.source if self.source else self.stands_in(passage.text)

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
            return (
                min(1.0, len(fold_words(answer)) / 20) if whole and len(fold_words(answer)) >= SLACK else 0.0
            )
        best = 0.0
        for gold in self.answers:
            spare = len(fold_words(answer)) - len(fold_words(gold))
            if holds(answer, gold):
                best = max(best, worth(spare))
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
                    row["id"],
                    row["question"],
                    row["style"],
                    row["answerable"],
                    tuple(row.get("answers", ())),
                    tuple(row.get("evidence", ())),
                    tuple(row.get("context", ())),
                    row.get("need_all", False),
                    row.get("note", ""),
                    row.get("fact", row["id"]),
                    row.get("lang", ""),
                )
            )
    return found
