"""What mends an index that is missing, damaged or stale."""

from __future__ import annotations

import shlex
from pathlib import Path

from dawu_qa.config import Settings
from dawu_qa.corpus.decode import printable


def build_command(index_dir: Path, corpus_dir: Path | None = None) -> str:
    """Return the command that builds the index of a folder anew, on one line, as an error names it.

    Args:
        index_dir: Folder of the index.
        corpus_dir: What it was built from, if that is known and there.
    """
    settings = Settings.from_environment()
    if settings.own_index and index_dir.resolve() == settings.index_dir.resolve():
        return "`dawu-qa index`"
    command = f"`dawu-qa index --index {_word(index_dir)} --corpus"
    if corpus_dir is not None and corpus_dir.is_dir():
        return f"{command} {_word(corpus_dir.resolve())}`"
    return f"{command} DIR`, DIR being the folder of its sources"


def _word(path: Path) -> str:
    return printable(shlex.quote(str(path)))
