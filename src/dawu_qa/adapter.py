"""What was trained so that passages meet the questions that they answer.

The encoder was trained to compare whole texts. Beside it stand low-rank updates of its weights (LoRA, Hu et al. 2021),
with which the passages are encoded a second time when an index is built, and a linear head over the vectors of a
question. What the encoder itself makes of questions stays as it is: nothing more is encoded when one is asked.
`evals/train_adapter.py` trains both on open reading-comprehension data and writes `data/adapter.safetensors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, partial

import torch

from dawu_qa import default_model

_UP, _DOWN, _HEAD = ".up", ".down", "head."


@dataclass(frozen=True)
class QuestionHead:
    """Turns the vectors of a question into those that the tokens of its answer are near to.

    `query_map`, shape (dim, dim), and `query_shift`, shape (dim,), project its tokens (late interaction, Khattab and
    Zaharia 2020); `weight`, shape (dim,), weighs them. `attend`, shape (2, dim), `token_map` and `text_map`, both of
    shape (2, dim, dim), make two vectors of it, whose products with a token are the logits that the answer begins
    and ends there (Lee et al. 2021). `absent`, shape (3, dim), says what a text that tells the answer exceeds: in
    late interaction and in both logits (like the null answer of Devlin et al. 2019).
    """

    query_map: torch.Tensor
    query_shift: torch.Tensor
    weight: torch.Tensor
    attend: torch.Tensor
    token_map: torch.Tensor
    text_map: torch.Tensor
    absent: torch.Tensor

    @classmethod
    def none(cls, dim: int) -> QuestionHead:
        """Return the head that projects nothing, weighs all tokens alike and points nowhere."""
        zeros = partial(torch.zeros, dtype=torch.float32)
        square = zeros(2, dim, dim)
        return cls(
            torch.eye(dim, dtype=torch.float32),
            zeros(dim),
            zeros(dim),
            zeros(2, dim),
            square,
            square,
            zeros(3, dim),
        )

    def tokens(self, tokens: torch.Tensor) -> torch.Tensor:
        """Project a question's tokens, shape (tokens, dim), to unit length."""
        return torch.nn.functional.normalize(tokens @ self.query_map - self.query_shift, dim=-1)

    def weights(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return how much each token of a question counts, shape (tokens,); the weights sum to 1."""
        return torch.softmax(tokens @ self.weight, dim=-1)

    def pointers(self, tokens: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """Return the vectors that point at the first and the last token of the answer, shape (2, dim)."""
        attended = torch.softmax(tokens @ self.attend.T, dim=0).T @ tokens
        return torch.einsum("sd,sde->se", attended, self.token_map) + embedding @ self.text_map


@dataclass(frozen=True)
class Adapter:
    """The factors of the updates of the encoder's weights, by the name of the weight, and the head that goes with them.

    Of a weight of shape (out, in) they have the shapes (out, rank) and (rank, in).
    """

    factors: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    head: QuestionHead

    @property
    def updates(self) -> dict[str, torch.Tensor]:
        """What is added to each weight; as large as the weights, so made only to build an index."""
        return {name: up @ down for name, (up, down) in self.factors.items()}


def adapter_of(encoder: str, dim: int) -> Adapter | None:
    """Return the adapter of an encoder; there is one for the default encoder only."""
    if encoder != default_model.NAME:
        return None
    adapter = _shipped()
    return adapter if len(adapter.head.weight) == dim else None


@cache
def _shipped() -> Adapter:
    from safetensors.torch import load

    stored = {name: tensor.float() for name, tensor in load(default_model.ADAPTER.read_bytes()).items()}
    head = QuestionHead(**{field.name: stored[_HEAD + field.name] for field in fields(QuestionHead)})
    factors = {
        name.removesuffix(_UP): (tensor, stored[name.removesuffix(_UP) + _DOWN])
        for name, tensor in stored.items()
        if name.endswith(_UP)
    }
    return Adapter(factors, head)
