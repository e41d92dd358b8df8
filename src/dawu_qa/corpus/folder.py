"""A corpus folder: which files are sources, and their documents with what editors wrote beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dawu_qa.corpus.decode import read_source
from dawu_qa.corpus.parse import parse
from dawu_qa.corpus.sidecar import Sidecar, read_sidecar, sidecar_path
from dawu_qa.errors import CorpusError
from dawu_qa.types import Document

_SUFFIXES = {".txt", ".md", ".markdown"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the corpus and its sidecar, empty where there is none."""

    document: Document
    sidecar: Sidecar


def source_files(corpus_dir: Path) -> list[Path]:
    """Return the source files of a corpus folder by name; a README is about the corpus, not of it.

    Raises:
        CorpusError: There is no such folder, or no source in it.
    """
    if not corpus_dir.is_dir():
        raise CorpusError(
            f"there is no corpus folder {corpus_dir}; create it and put the interviews (.txt, .md) there"
        )
    root = corpus_dir.resolve()
    files = sorted(
        path
        for path in corpus_dir.iterdir()
        if path.suffix.lower() in _SUFFIXES
        and not path.name.startswith(".")
        and path.stem.lower() != "readme"
        and path.is_file()
        and path.resolve().is_relative_to(root)
    )
    if not files:
        raise CorpusError(
            f"the corpus folder {corpus_dir} holds no source; put an interview (.txt or .md) there"
        )
    return files


def corpus_files(corpus_dir: Path) -> Iterator[Path]:
    """Yield every file that the index depends on: sources and their sidecars."""
    for path in source_files(corpus_dir):
        yield path
        if (sidecar := sidecar_path(path)).is_file():
            yield sidecar


def read_corpus(corpus_dir: Path, *, with_sidecars: bool = True) -> list[Entry]:
    """Read every source of a folder.

    Raises:
        CorpusError: A file is no text, has nothing to retrieve, or its sidecar does not fit it.
    """
    entries = []
    for path in source_files(corpus_dir):
        document = parse(path.name, read_source(path))
        if not document.passages:
            raise CorpusError(f"{path.name} holds no text to answer from; fill it or remove it")
        sidecar = sidecar_path(path)
        known = read_sidecar(sidecar, document) if with_sidecars and sidecar.is_file() else Sidecar()
        entries.append(Entry(document, known))
    return entries
