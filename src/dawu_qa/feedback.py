"""What editors learn from: questions that found no answer, and votes on answers.

Kept in one SQLite file in the user's data folder: the words of the question, what was answered and from where,
and when. Nothing that tells who asked. Both tables are bounded; the oldest rows go first.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dawu_qa.types import Answer, Span

logger = logging.getLogger(__name__)

FILE_NAME = "feedback.sqlite3"
#: So many rows each table keeps.
LIMIT = 10_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS unanswered (
    question TEXT PRIMARY KEY, band TEXT NOT NULL, times INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS votes (
    id TEXT PRIMARY KEY, question TEXT NOT NULL, answer TEXT NOT NULL, sentence TEXT NOT NULL, source TEXT NOT NULL,
    vote TEXT NOT NULL, given REAL NOT NULL
);
"""
_TABLES = {"unanswered": "last", "votes": "given"}


class FeedbackStore:
    """Notes for the editors. Threads and processes may write at the same time.

    Writing never fails aloud: an answer is worth more than a note about it.
    """

    def __init__(self, path: Path, *, limit: int = LIMIT, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._limit = limit
        self._clock = clock

    def unanswered(self, answer: Answer) -> None:
        """Note a question that was declined or met with "did you mean"; the same question counts up."""
        now = self._clock()
        self._write(
            "unanswered",
            "INSERT INTO unanswered VALUES (?, ?, 1, ?, ?) "
            "ON CONFLICT (question) DO UPDATE SET times = times + 1, band = excluded.band, last = excluded.last",
            (" ".join(answer.question.split()), answer.band, now, now),
        )

    def vote(
        self, identity: str, question: str, spans: tuple[Span, ...], sentence: Span | None, vote: str
    ) -> None:
        """Note a vote on an answer; a second vote with the same identity replaces it, an empty one takes it back."""
        if not vote:
            self._write("votes", "DELETE FROM votes WHERE id = ?", (identity,))
            return
        self._write(
            "votes",
            "INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                identity,
                " ".join(question.split()),
                "；".join(span.text for span in spans),
                sentence.text if sentence else "",
                spans[0].source if spans else "",
                vote,
                self._clock(),
            ),
        )

    def questions(self) -> list[dict[str, Any]]:
        """Return the questions without an answer, the most frequent first."""
        return self._read("SELECT * FROM unanswered ORDER BY times DESC, last DESC, question")

    def votes(self) -> list[dict[str, Any]]:
        """Return the votes, the latest first."""
        return self._read("SELECT * FROM votes ORDER BY given DESC, id")

    def _write(self, table: str, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self._connection(create=True) as connection:
                connection.execute(statement, values)
                connection.execute(
                    f"DELETE FROM {table} WHERE rowid IN "  # noqa: S608
                    f"(SELECT rowid FROM {table} ORDER BY {_TABLES[table]} DESC LIMIT -1 OFFSET ?)",
                    (self._limit,),
                )
        except (OSError, sqlite3.Error) as error:
            logger.warning("feedback is not kept in %s: %s", self.path, error)

    def _read(self, statement: str) -> list[dict[str, Any]]:
        if not self.path.is_file():
            return []
        with self._connection() as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(statement)]

    @contextlib.contextmanager
    def _connection(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        if create:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=5)
        try:
            with connection:
                connection.executescript(_SCHEMA)
                yield connection
        finally:
            connection.close()


def export_lines(store: FeedbackStore) -> Iterator[str]:
    """Return the feedback as lines of a questions sidecar.

    An answer that was liked is a finished line. Any other has an empty "sentence", which the index refuses until
    an editor writes the sentence that answers the question, or null where the source does not answer it.
    """
    liked: dict[tuple[str, str], list[str]] = {}
    disliked: dict[str, str] = {}
    for vote in store.votes():
        if vote["vote"] == "up" and vote["sentence"]:
            liked.setdefault((vote["sentence"], vote["answer"]), []).append(vote["question"])
        elif vote["vote"] != "up":
            disliked.setdefault(vote["question"], f"{vote['vote']}: {vote['answer']}")
    for (sentence, answer), questions in liked.items():
        line = {"sentence": sentence, "answer": answer, "questions": sorted(set(questions))}
        if answer not in sentence:
            del line["answer"]
        yield json.dumps(line, ensure_ascii=False)
    for question, note in disliked.items():
        yield json.dumps({"sentence": "", "questions": [question], "note": note}, ensure_ascii=False)
    for row in store.questions():
        if row["question"] not in disliked:
            note = f"{row['band']}, {row['times']}×"
            yield json.dumps(
                {"sentence": "", "questions": [row["question"]], "note": note}, ensure_ascii=False
            )


def report(store: FeedbackStore, *, top: int = 10) -> dict[str, Any]:
    """Return counts: questions by band, votes by kind, and the questions most often left without an answer."""
    questions, votes = store.questions(), store.votes()
    bands: dict[str, int] = {}
    for row in questions:
        bands[row["band"]] = bands.get(row["band"], 0) + row["times"]
    kinds: dict[str, int] = {}
    for row in votes:
        kinds[row["vote"]] = kinds.get(row["vote"], 0) + 1
    return {
        "unanswered": {"questions": len(questions), "times": sum(bands.values()), "by_band": bands},
        "votes": {"total": len(votes), "by_kind": kinds},
        "most_asked": [
            {"question": row["question"], "times": row["times"], "band": row["band"]}
            for row in questions[:top]
        ],
    }
