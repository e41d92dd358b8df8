"""The layers that read a question and a text together.

The encoder's lower layers see questions and passages apart, so what they make of the passages is kept in the index;
copies of its upper layers, trained for it, then read the question and a few sentences as one (deferred interaction:
Cao et al. 2020), with a hint of how near each token comes to the other side (as Chen et al. 2017 do). For each token
they say whether the answer begins and ends there and whether its sentence tells the answer, for each candidate whether
it is the answer (known by its ends and what lies between, as spans are to Lee et al. 2017), and what these exceed where
none is. `evals/train_reader.py` trains them and writes `data/reader.safetensors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from dawu_qa.layers import TransformerLayer

#: How many of the encoder's layers see questions and passages apart, and how many read them together.
LOWER, UPPER = 6, 6
#: So many tokens are read at once, those of the question aside, in at most so many sentences, each with its mark.
READ_TOKENS, SENTENCES = 110, 16
#: How many numbers a hint has, and where cosines of this encoder begin and how far they reach.
HINTS, _FLOOR, _RANGE = 2, 0.8, 0.1


def hints(similarities: torch.Tensor, sentence: torch.Tensor) -> torch.Tensor:
    """Return the hints for the tokens of a question and of sentences, shape (1 + question tokens + tokens, HINTS).

    The first number of a hint is how near a token comes to any of the other side, the second how near its sentence
    comes to the question by late interaction, the nearest being 0. The question's first token stands for no word.

    Args:
        similarities: Cosines, shape (question tokens, tokens); one question token at least.
        sentence: For each token its sentence's place among those read, from 0, shape (tokens,).
    """
    count = int(sentence[-1]) + 1
    best = torch.full((len(similarities), count), -1.0).scatter_reduce(
        1, sentence[None].expand(len(similarities), -1), similarities, "amax"
    )
    late = best.mean(dim=0)
    found = torch.zeros(1 + sum(similarities.shape), HINTS)
    asked = 1 + len(similarities)
    found[1:asked, 0] = (similarities.amax(1) - _FLOOR) / _RANGE
    found[asked:, 0] = (similarities.amax(0) - _FLOOR) / _RANGE
    found[asked:, 1] = (late - late.max())[sentence] / _RANGE * 2
    return found


class JointLayers(nn.Module):
    """Copies of an encoder's upper layers with a mark for each sentence and heads for tokens and for spans.

    Args:
        layers: The encoder's upper layers, as transformers' BERT has them; copied.
        dim: How many dimensions its vectors have.
    """

    def __init__(self, layers: Sequence[nn.Module], dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(layer) for layer in layers)
        self.marks = nn.Embedding(SENTENCES + 1, dim)
        self.hints = nn.Linear(HINTS, dim)
        self.told = nn.Linear(dim, 3)
        self.span = nn.Sequential(nn.Linear(3 * dim, dim), nn.GELU(), nn.Linear(dim, 1))
        self.absent = nn.Linear(dim, 4)
        for weight in (self.marks.weight, self.hints.weight):
            nn.init.normal_(weight, std=0.02)

    def forward(
        self,
        states: torch.Tensor,
        marks: torch.Tensor,
        hints: torch.Tensor,
        spans: torch.Tensor,
        mask: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return begin, end and sentence logits of each token, the logit of each span, and those of there being none.

        Args:
            states: What the lower layers made of the question (its first token first) and of the sentences behind it,
                shape (questions, tokens, dim).
            marks: 0 for the question's tokens and the sentence's number for those of a sentence, from 1.
            hints: What `hints` gives for each token, shape (questions, tokens, HINTS).
            spans: The first token of each span and the one behind its last, shape (questions, spans, 2).
            mask: True where there is a token, shape (questions, tokens); by default everywhere.

        Returns:
            Shapes (questions, tokens, 3), (questions, spans) and (questions, 4), the last for the span.
        """
        dtype = self.hints.weight.dtype
        hidden: Any = states + (self.marks(marks) + self.hints(hints.to(dtype))).to(states.dtype)
        attended = mask[:, None, None, :] if mask is not None else None
        for layer in self.layers:
            hidden = layer(hidden, attended)
        return self.told(hidden), self._spans(hidden, spans), self.absent(hidden[:, 0])

    def _spans(self, hidden: torch.Tensor, spans: torch.Tensor) -> torch.Tensor:
        """Return the logits of spans from the states of their first and last tokens and the mean of all theirs."""
        rows = torch.arange(len(hidden))[:, None]
        first, behind = spans.unbind(-1)
        sums = torch.nn.functional.pad(hidden.float().cumsum(1), (0, 0, 1, 0))
        mean = (sums[rows, behind] - sums[rows, first]) / (behind - first).clamp(min=1)[..., None]
        ends = hidden[rows, first], hidden[rows, behind - 1]
        logits: torch.Tensor = self.span(torch.cat([*ends, mean.to(hidden.dtype)], dim=-1))
        return logits[..., 0]
