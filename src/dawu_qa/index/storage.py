"""An index on disk: written whole, verified before it is read.

`index/CURRENT` names the generation that answers, a folder beside it. A build writes a new generation, has it
reach the disk, then replaces CURRENT in one atomic step and removes the old one. Whoever is stopped in between,
by a loss of power too, leaves the old index as it was and at most a folder that the next build clears away.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import faiss
import numpy as np
from filelock import FileLock, Timeout

from dawu_qa.__about__ import __version__
from dawu_qa.corpus import SPLITTER_VERSION
from dawu_qa.corpus.decode import printable
from dawu_qa.corpus.folder import corpus_files
from dawu_qa.corpus.sidecar import Fact
from dawu_qa.default_model import adapter_fingerprint, file_sha256
from dawu_qa.errors import (
    CorpusError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexWriteError,
)
from dawu_qa.index.contents import GRAINS, Catalogue, Vectors
from dawu_qa.index.lexical import lexical_corpora, pack_bm25, unpack_bm25
from dawu_qa.index.mend import build_command
from dawu_qa.threads import keep_faiss_to_one_thread
from dawu_qa.types import Block, Document, Encoder, Passage, Span

logger = logging.getLogger(__name__)

#: Raised whenever the files of an index change their meaning.
FORMAT_VERSION = 8
_CURRENT, _MANIFEST, _LOCK, _PREFIX = "CURRENT", "manifest.json", ".lock", "generation-"
_BM25 = ".bm25"
#: How long `wait_for_build` waits, in seconds.
_PATIENCE = 600.0
#: What systems say that flush no folder (Windows, some network disks).
_NO_FLUSH = {errno.EACCES, errno.EINVAL}
#: How often an index is read anew that was replaced while it was read.
_ATTEMPTS = 20
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an index was built from, and the SHA-256 of each of its files and of each corpus file."""

    format_version: int
    package_version: str
    splitter_version: int
    encoder: str
    encoder_fingerprint: str
    adapter: str
    corpus_dir: str
    with_sidecars: bool
    corpus: Mapping[str, str]
    counts: Mapping[str, int]
    files: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        """A checksum that differs whenever anything in the index does."""
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Index:
    """A verified index in memory: texts, vectors, faiss and BM25 indexes by name."""

    manifest: Manifest
    catalogue: Catalogue
    vectors: Vectors
    dense: Mapping[str, Any]
    lexical: Mapping[str, Any]


@contextlib.contextmanager
def writing(index_dir: Path) -> Iterator[Path]:
    """Give a folder to write a generation into; on success it becomes the index, on any failure nothing changes.

    Raises:
        IndexLockedError: Another build of this index is running.
        IndexWriteError: The folder cannot be written.
    """
    with _locked(index_dir):
        _clear(index_dir, keep=_current(index_dir))
        folder = index_dir / f"{_PREFIX}{secrets.token_hex(4)}"
        folder.mkdir()  # with the rights of the index folder, so that who may read that may read this
        try:
            yield folder
            _make_current(folder)
        finally:
            _clear(index_dir, keep=_current(index_dir))


def wait_for_build(index_dir: Path, *, seconds: float = _PATIENCE) -> None:
    """Wait until no build of an index is running, and say so.

    Raises:
        IndexLockedError: It still runs after so many seconds.
        IndexWriteError: The folder cannot be written.
    """
    logger.warning(
        "waiting for another build of %s, %.0f minutes at most", printable(index_dir), seconds / 60
    )
    with _locked(index_dir, seconds):
        pass


@contextlib.contextmanager
def _locked(index_dir: Path, seconds: float = 0) -> Iterator[None]:
    """Keep other builds out; wait so many seconds for the one that runs."""
    try:
        index_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(index_dir / _LOCK, timeout=seconds):
            yield
    except Timeout as error:
        raise IndexLockedError(
            f"another build of {printable(index_dir)} is running; wait until it ends, then run {build_command(index_dir)}"
        ) from error
    except OSError as error:
        raise IndexWriteError(
            f"cannot write the index to {printable(index_dir)} ({error.strerror or error}); "
            "make the folder writable or name another with --index"
        ) from error


def _make_current(folder: Path) -> None:
    """Let CURRENT name a generation, once all of it is on the disk: what is flushed later may be lost before."""
    index_dir = folder.parent
    pointer = index_dir / f"{_CURRENT}.new"
    pointer.write_text(folder.name, encoding="utf-8")
    for path in (*folder.rglob("*"), folder, pointer, index_dir):
        _flush(path)
    pointer.replace(index_dir / _CURRENT)  # the one atomic step
    _flush(index_dir)  # before the old generation is removed


def _flush(path: Path) -> None:
    """Have the content of a file, or the names in a folder, reach the disk."""
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in _NO_FLUSH):
            raise


def _current(index_dir: Path) -> str:
    try:
        return (index_dir / _CURRENT).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _clear(index_dir: Path, keep: str) -> None:
    """Remove all generations but one."""
    (index_dir / f"{_CURRENT}.new").unlink(missing_ok=True)
    for folder in index_dir.glob(f"{_PREFIX}*"):
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


def corpus_checksums(corpus_dir: Path) -> dict[str, str]:
    """Return the SHA-256 of every file that an index of this corpus depends on.

    Raises:
        CorpusError: There is no such folder, no source in it, or a file cannot be read.
    """
    try:
        return {path.name: file_sha256(path) for path in corpus_files(corpus_dir)}
    except OSError as error:
        raise CorpusError(
            f"cannot read the corpus {printable(corpus_dir)} ({error.strerror}); check its permissions"
        ) from error


def save(
    folder: Path,
    catalogue: Catalogue,
    vectors: Vectors,
    *,
    encoder: Encoder,
    corpus: Mapping[str, str],
    corpus_dir: Path,
    with_sidecars: bool,
) -> Manifest:
    """Write a generation: texts, vectors, faiss and BM25 indexes, last the manifest with all checksums."""
    texts = {
        "documents": [asdict(document) for document in catalogue.documents],
        "facts": [asdict(fact) for fact in catalogue.facts],
        "unanswerable": catalogue.unanswerable,
        "metadata_questions": catalogue.metadata_questions,
    }
    (folder / "catalogue.json").write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")
    np.save(folder / "tokens.npy", vectors.tokens)
    np.save(folder / "answer-tokens.npy", vectors.answer_tokens)
    np.save(folder / "lower-states.npy", vectors.lower_states)
    np.save(folder / "clause-starts.npy", vectors.clause_starts)
    np.save(folder / "token-ends.npy", vectors.token_ends)
    for grain, embeddings in vectors.embeddings.items():
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(embeddings)
        (folder / f"{grain}.faiss").write_bytes(faiss.serialize_index(index).tobytes())
    for name, terms in lexical_corpora(catalogue).items():
        if any(terms):
            (folder / f"{name}{_BM25}").write_bytes(pack_bm25(terms))
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        package_version=__version__,
        splitter_version=SPLITTER_VERSION,
        encoder=encoder.name,
        encoder_fingerprint=encoder.fingerprint,
        adapter=adapter_fingerprint(encoder.name),
        corpus_dir=os.path.relpath(corpus_dir.resolve(), folder.parent.resolve()),
        with_sidecars=with_sidecars,
        corpus=dict(corpus),
        counts={
            "documents": len(catalogue.documents),
            "facts": len(catalogue.facts),
            "metadata_questions": catalogue.metadata_questions,
            **{grain: len(vectors.embeddings[grain]) for grain in GRAINS},
        },
        files={path.relative_to(folder).as_posix(): file_sha256(path) for path in paths},
    )
    content = json.dumps(asdict(manifest), indent=1)
    checked = {"sha256": sha256(content.encode()).hexdigest(), "manifest": content}
    (folder / _MANIFEST).write_text(json.dumps(checked), encoding="utf-8")
    return manifest


def read_manifest(index_dir: Path) -> tuple[Manifest, Path]:
    """Return the manifest of an index and the folder of its current generation.

    Raises:
        IndexNotFoundError: There is no index.
        IndexDamagedError: The manifest is not what was written.
        IndexMismatchError: Another version of the package wrote it.
    """
    return _settled(index_dir, lambda: _read_manifest(index_dir))


def _settled(index_dir: Path, read: Callable[[], _Read]) -> _Read:
    """Read an index again for as long as a build replaces it meanwhile."""
    for _ in range(_ATTEMPTS):
        generation = _current(index_dir)
        try:
            return read()
        except (IndexDamagedError, IndexMismatchError):
            if _current(index_dir) == generation:
                raise
    return read()


def _read_manifest(index_dir: Path) -> tuple[Manifest, Path]:
    shown, mend = printable(index_dir), partial(build_command, index_dir)
    if not (index_dir / _CURRENT).is_file():
        raise IndexNotFoundError(f"there is no index in {shown}; run {mend()}")
    folder = index_dir / (_current(index_dir) or "-")
    try:
        checked = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        content = checked["manifest"]
        intact = sha256(content.encode()).hexdigest() == checked["sha256"]
        fields = json.loads(content) if intact else {}
        if fields["format_version"] == FORMAT_VERSION:
            return _checked(Manifest(**fields)), folder
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamagedError(f"the manifest of the index in {shown} is damaged; run {mend()}") from error
    raise IndexMismatchError(f"the index in {shown} was written by another version of dawu_qa; run {mend()}")


def _checked(manifest: Manifest) -> Manifest:
    for mapping in (manifest.corpus, manifest.counts, manifest.files):
        if not isinstance(mapping, dict):
            raise TypeError("not a mapping")
    if not isinstance(manifest.corpus_dir, str):
        raise TypeError("not a path")
    return manifest


def stale_reason(manifest: Manifest, index_dir: Path, corpus_dir: Path | None = None) -> str:
    """Return what of the corpus or the package has changed since the index was built; empty if nothing has.

    A corpus that is no longer where it was (an index that was moved by itself) is not held against it.
    """
    now_written = (SPLITTER_VERSION, __version__, adapter_fingerprint(manifest.encoder))
    if (manifest.splitter_version, manifest.package_version, manifest.adapter) != now_written:
        return "dawu_qa has changed since"
    folder = corpus_dir if corpus_dir is not None else index_dir / manifest.corpus_dir
    if not folder.is_dir():
        return ""
    try:
        now = corpus_checksums(folder)
    except CorpusError as error:
        return str(error)
    changed = sorted(name for name in {*now, *manifest.corpus} if now.get(name) != manifest.corpus.get(name))
    return f"the corpus has changed since ({printable(', '.join(changed[:3]))})" if changed else ""


def load(index_dir: Path, *, corpus_dir: Path | None = None) -> Index:
    """Load an index; every byte is verified before anything reads it.

    Raises:
        IndexNotFoundError, IndexDamagedError, IndexMismatchError: It is missing, damaged or stale.
    """
    return _settled(index_dir, lambda: _load(index_dir, corpus_dir))


def _load(index_dir: Path, corpus_dir: Path | None) -> Index:
    manifest, folder = _read_manifest(index_dir)
    shown, mend = printable(index_dir), partial(build_command, index_dir, index_dir / manifest.corpus_dir)
    if reason := stale_reason(manifest, index_dir, corpus_dir):
        raise IndexMismatchError(f"the index in {shown} is stale: {reason}; run {mend()}")
    files = {}
    for name, digest in manifest.files.items():
        with contextlib.suppress(OSError, ValueError):
            files[name] = (folder / name).read_bytes()
        if name not in files or sha256(files[name]).hexdigest() != digest:
            raise IndexDamagedError(f"{printable(name)} of the index in {shown} is damaged; run {mend()}")
    try:
        return _assembled(manifest, files)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, BadZipFile) as error:
        raise IndexDamagedError(f"the index in {shown} does not hold together; run {mend()}") from error


def _assembled(manifest: Manifest, files: Mapping[str, bytes]) -> Index:
    """Make an index of the verified content of its files."""
    keep_faiss_to_one_thread()
    catalogue = _read_catalogue(json.loads(files["catalogue.json"]))
    dense = {
        grain: faiss.deserialize_index(np.frombuffer(files[f"{grain}.faiss"], np.uint8)) for grain in GRAINS
    }
    embeddings = {grain: index.reconstruct_n(0, index.ntotal) for grain, index in dense.items()}
    arrays = ("tokens", "answer-tokens", "lower-states", "clause-starts", "token-ends")
    vectors = Vectors(embeddings, *(np.load(BytesIO(files[f"{name}.npy"])) for name in arrays))
    lexical = {
        name.removesuffix(_BM25): unpack_bm25(content)
        for name, content in files.items()
        if name.endswith(_BM25)
    }
    encoded = {grain: len(texts) for grain, texts in catalogue.texts().items()}
    if encoded != {grain: index.ntotal for grain, index in dense.items()}:
        raise ValueError("texts and vectors are not as many")
    return Index(manifest, catalogue, vectors, dense, lexical)


def _read_catalogue(texts: dict[str, Any]) -> Catalogue:
    return Catalogue(
        tuple(_read_document(fields) for fields in texts["documents"]),
        tuple(
            Fact(
                Span(**fact["sentence"]),
                Span(**fact["answer"]) if fact["answer"] else None,
                tuple(fact["questions"]),
            )
            for fact in texts["facts"]
        ),
        tuple(texts["unanswerable"]),
        texts["metadata_questions"],
    )


def _read_document(fields: dict[str, Any]) -> Document:
    return Document(
        fields["source"],
        fields["text"],
        {name: Span(**span) for name, span in fields["metadata"].items()},
        tuple(Block(**block) for block in fields["blocks"]),
        tuple(
            Passage(**{**passage, "headings": tuple(passage["headings"])}) for passage in fields["passages"]
        ),
    )
