"""How the page is served, in one frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dawu_qa.config import Settings

_NO = frozenset({"0", "no", "off", "false"})


def _data_dir() -> Path:
    return Settings.from_environment().data_dir


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What the page listens on, whom it lets in, what it keeps and how much it takes.

    `credentials` is "user:password" or empty. `root_path` is the folder that a reverse proxy serves the page
    under. At most `concurrency` questions are worked on and `waiting` wait; `questions_per_minute` holds for one
    client that is not on this computer (0: no limit). `log_questions` writes their text to the log.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    credentials: str = ""
    root_path: str = ""
    feedback: bool = True
    log_questions: bool = False
    data_dir: Path = field(default_factory=_data_dir)
    concurrency: int = 4
    waiting: int = 64
    questions_per_minute: int = 60

    def __post_init__(self) -> None:
        if self.credentials and not all(self.credentials.partition(":")):
            raise ValueError("the credentials are written user:password")
        if self.root_path and not self.root_path.startswith("/"):
            raise ValueError("the root path begins with /")
        if not 0 <= self.port <= 65535:
            raise ValueError("a port is a number from 0 to 65535")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **given: object) -> WebSettings:
        """Read DAWU_QA_HOST, _PORT, _AUTH, _ROOT_PATH, _FEEDBACK, _LOG_QUESTIONS, _RATE; what is given (and not None) wins."""
        named: dict[str, object] = {}
        for name, variable in (("host", "HOST"), ("credentials", "AUTH"), ("root_path", "ROOT_PATH")):
            if value := environment.get(f"DAWU_QA_{variable}"):
                named[name] = value
        for name, variable in (("port", "PORT"), ("questions_per_minute", "RATE")):
            if value := environment.get(f"DAWU_QA_{variable}"):
                if not value.isdecimal():
                    raise ValueError(f"DAWU_QA_{variable} is a number, not {value!r}")
                named[name] = int(value)
        if environment.get("DAWU_QA_FEEDBACK", "").lower() in _NO:
            named["feedback"] = False
        if environment.get("DAWU_QA_LOG_QUESTIONS", "").lower() not in {"", *_NO}:
            named["log_questions"] = True
        named |= {name: value for name, value in given.items() if value is not None}
        return cls(**named)  # type: ignore[arg-type]
