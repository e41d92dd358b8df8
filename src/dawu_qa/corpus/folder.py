"""A corpus folder: which files are sources, and their documents with what editors wrote beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from dawu_qa.corpus.decode import decode, printable, read_bytes
from dawu_qa.corpus.parse import parse
from dawu_qa.corpus.sidecar import Sidecar, parse_sidecar, sidecar_path
from dawu_qa.errors import CorpusError
from dawu_qa.types import Document

_SUFFIXES = {".txt", ".md", ".markdown"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A document of the corpus and its sidecar, empty where there is none.

    `checksums` are the SHA-256, by file name, of the very bytes that both were read from.
    """

    document: Document
    sidecar: Sidecar
    checksums: Mapping[str, str] = field(default_factory=dict)


def source_files(corpus_dir: Path) -> list[Path]:
    """Return the source files of a corpus folder by name; a README is about the corpus, not of it.

    Raises:
        CorpusError: There is no such folder, it cannot be read, or no source is in it.
    """
    shown = printable(corpus_dir)
    try:
        files = sorted(path for path in corpus_dir.iterdir() if _is_source(path, corpus_dir.resolve()))
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise CorpusError(
            f"there is no corpus folder {shown}; create it and put the interviews (.txt, .md) there"
        ) from error
    except OSError as error:
        raise CorpusError(
            f"cannot read the corpus {shown} ({error.strerror}); check its permissions"
        ) from error
    if not files:
        raise CorpusError(f"the corpus folder {shown} holds no source; put an interview (.txt or .md) there")
    for path in files:
        if any("\ud800" <= character <= "\udfff" for character in path.name):
            raise CorpusError(f"the name of {printable(path.name)} is not valid text; rename the file")
    return files


def corpus_files(corpus_dir: Path) -> Iterator[Path]:
    """Yield every file that the index depends on: sources and their sidecars.

    Raises:
        CorpusError: There is no such folder, it cannot be read, or no source is in it.
    """
    for path in source_files(corpus_dir):
        yield path
        if sidecar := _sidecar_of(path):
            yield sidecar


def read_corpus(corpus_dir: Path, *, with_sidecars: bool = True) -> list[Entry]:
    """Read every source of a folder, each file once.

    Raises:
        CorpusError: A file is no text, has nothing to retrieve, or its sidecar does not fit it.
    """
    return [_read_entry(path, with_sidecar=with_sidecars) for path in source_files(corpus_dir)]


def _read_entry(path: Path, *, with_sidecar: bool) -> Entry:
    raw = read_bytes(path)
    checksums = {path.name: sha256(raw).hexdigest()}
    document = parse(path.name, decode(raw, path.name))
    if not document.passages:
        raise CorpusError(f"{printable(path.name)} holds no text to answer from; fill it or remove it")
    known = Sidecar()
    if sidecar := _sidecar_of(path):
        raw = read_bytes(sidecar)
        checksums[sidecar.name] = sha256(raw).hexdigest()
        known = parse_sidecar(decode(raw, sidecar.name), sidecar.name, document) if with_sidecar else known
    return Entry(document, known, checksums)


def _is_source(path: Path, root: Path) -> bool:
    return (
        path.suffix.lower() in _SUFFIXES
        and not path.name.startswith(".")
        and path.stem.lower() != "readme"
        and _is_inside(path, root)
    )


def _sidecar_of(source: Path) -> Path | None:
    sidecar = sidecar_path(source)
    return sidecar if _is_inside(sidecar, source.parent.resolve()) else None


def _is_inside(path: Path, root: Path) -> bool:
    """Tell whether a file is there and is no link to somewhere outside of the corpus."""
    return path.is_file() and path.resolve().is_relative_to(root)
