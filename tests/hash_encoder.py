"""A small deterministic encoder that stands in where the model is not the subject."""

import hashlib
from functools import cache

import numpy as np

from dawu_qa.types import EncodedText


class HashEncoder:
    """Characters as random but fixed unit vectors; a text is their mean. Alike texts have alike vectors."""

    name = "hash"
    fingerprint = "hash-1"
    dim = 64

    def encode_query(self, texts):
        return [self._encode(text) for text in texts]

    encode_passage = encode_query

    def _encode(self, text):
        rows = [_vector(character, self.dim) for character in text] or [np.zeros(self.dim, np.float32)]
        mean = np.mean(rows, axis=0)
        norm = np.linalg.norm(mean)
        ends = np.arange(1, len(rows) + 1) if text else np.zeros(1)
        return EncodedText(
            (mean / norm if norm else mean).astype(np.float32),
            np.stack(rows),
            ends.astype(np.int64),
            np.zeros((1 + len(rows), 0), np.float32),
        )


@cache
def _vector(character, dim):
    seed = int.from_bytes(hashlib.sha256(character.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    row = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return row / np.linalg.norm(row)
