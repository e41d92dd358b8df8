"""Which kind of answer a question is after, learned from questions in Chinese and English.

A linear model over the question's vectors; `evals/train_kinds.py` fits it and writes `data/kinds.safetensors`. It
knows what no list of asking words does: that 掏了多少 is after money and 覆盖了多少 after a share.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from safetensors.numpy import load

from dawu_qa import default_model
from dawu_qa.reader.candidates import KINDS
from dawu_qa.retrieval.query import Query
from dawu_qa.types import FloatArray


def question_vector(embedding: FloatArray, lower: FloatArray) -> FloatArray:
    """Return what the model looks at: the embedding and the mean of what the lower layers make of the tokens.

    Args:
        embedding: Shape (dim,).
        lower: Shape (1 + tokens, dim).
    """
    mean = lower.mean(axis=0)
    return np.concatenate([embedding, mean / max(float(np.linalg.norm(mean)), 1e-9)]).astype(np.float32)


def kind_logs(query: Query, encoder: str) -> FloatArray:
    """Return the logs of the kinds' probabilities, shape (kinds,); all alike where the encoder has no such model."""
    weight, bias = _model()
    if encoder != default_model.NAME or weight.shape[1] != len(query.embedding) + query.lower.shape[1]:
        return np.full(len(KINDS), -np.log(len(KINDS)), np.float32)
    logits = weight @ question_vector(query.embedding, query.lower) + bias
    logits -= logits.max()
    return np.asarray(logits - np.log(np.exp(logits).sum()), np.float32)


@cache
def _model() -> tuple[FloatArray, FloatArray]:
    stored = load(default_model.KINDS.read_bytes())
    return stored["weight"].astype(np.float32), stored["bias"].astype(np.float32)
