"""A linear projection of token vectors, trained so that a question's tokens meet those of the sentence that answers.

The encoder was trained to compare whole texts; its token vectors are compared better after a linear map for each side,
as in ColBERT (Khattab and Zaharia 2020), and with a weight for each token of the question. `evals/train_projection.py`
fits both on open reading-comprehension data and writes `data/token_projection.safetensors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch

from dawu_qa import default_model
from dawu_qa.types import FloatArray


@dataclass(frozen=True)
class TokenProjection:
    """Maps of the tokens of questions and passages, shape (dim, dim), their shifts, and what weighs a question's token.

    `weight` is the vector whose product with a token of the question gives the logarithm of its weight, up to a constant.
    """

    query_map: torch.Tensor
    query_shift: torch.Tensor
    passage_map: torch.Tensor
    passage_shift: torch.Tensor
    weight: torch.Tensor

    def passage_tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """Project the tokens of passages, shape (tokens, dim), to unit length."""
        return torch.nn.functional.normalize(tokens @ self.passage_map - self.passage_shift, dim=-1)

    def query_tokens(self, tokens: FloatArray) -> torch.Tensor:
        """Project the tokens of a question, shape (tokens, dim), to unit length."""
        projected = torch.from_numpy(tokens) @ self.query_map - self.query_shift
        return torch.nn.functional.normalize(projected, dim=-1)

    def query_weights(self, tokens: FloatArray) -> FloatArray:
        """Return how much each token of a question counts, shape (tokens,); the weights sum to 1."""
        weights: FloatArray = torch.softmax(torch.from_numpy(tokens) @ self.weight, dim=-1).numpy()
        return weights


def no_projection(dim: int) -> TokenProjection:
    """Return the projection that changes nothing."""
    # transformers changes the default type of the whole process while it loads a model
    none, zeros = torch.eye(dim, dtype=torch.float32), torch.zeros(dim, dtype=torch.float32)
    return TokenProjection(none, zeros, none, zeros, zeros)


def trained_projection(encoder: str, dim: int) -> TokenProjection:
    """Return the trained projection of the default encoder's tokens; for any other encoder, the one that changes nothing."""
    return _trained() if encoder == default_model.NAME else no_projection(dim)


@cache
def _trained() -> TokenProjection:
    from safetensors.torch import load

    stored = load(files("dawu_qa").joinpath("data/token_projection.safetensors").read_bytes())
    return TokenProjection(**{name: tensor.float() for name, tensor in stored.items()})
