"""Transformer layers of BERT's kind, without what transformers does around them: for one question half the time."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import gelu

#: How much is dropped while training.
_DROPOUT = 0.1
#: What the logit of a token counts that is not attended to.
_MASKED = -1e4


class TransformerLayer(nn.Module):
    """A layer as Devlin et al. (2018) have it, with one product for queries, keys and values.

    Args:
        layer: A layer of transformers' BERT; its weights are copied.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        attention, output = layer.attention.self, layer.output
        self.heads = attention.num_attention_heads
        self.joined = _stacked(attention.query, attention.key, attention.value)
        self.attended = _stacked(layer.attention.output.dense)
        self.attended_norm = _copied(layer.attention.output.LayerNorm)
        self.wide = _stacked(layer.intermediate.dense)
        self.narrow = _stacked(output.dense)
        self.norm = _copied(output.LayerNorm)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the next states of tokens, shape (texts, tokens, dim).

        Args:
            hidden: Their states, of the same shape.
            mask: True where there is a token, shape (texts, 1, 1, tokens); by default everywhere.
        """
        texts, tokens, dim = hidden.shape
        parts = self.joined(hidden).view(texts, tokens, 3, self.heads, dim // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = self.attended(_attend(query, key, value, mask).transpose(1, 2).reshape(texts, tokens, dim))
        hidden = self.attended_norm(self.dropout(mixed) + hidden)
        narrow = self.narrow(gelu(self.wide(hidden)))
        states: torch.Tensor = self.norm(self.dropout(narrow) + hidden)
        return states


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """Return scaled dot-product attention (Vaswani et al. 2017); of few tokens torch's own takes longer, most to train."""
    logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    if mask is not None:
        logits = logits.masked_fill(~mask, _MASKED)
    return torch.softmax(logits, dim=-1).to(value.dtype) @ value


def _stacked(*parts: nn.Linear) -> nn.Linear:
    weight = torch.cat([part.weight.detach() for part in parts])
    stacked = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
    with torch.no_grad():
        stacked.weight.copy_(weight)
        stacked.bias.copy_(torch.cat([part.bias.detach() for part in parts]))
    return stacked


def _copied(norm: nn.LayerNorm) -> nn.LayerNorm:
    copy = nn.LayerNorm(norm.normalized_shape, eps=norm.eps, dtype=norm.weight.dtype)
    copy.load_state_dict(norm.state_dict())
    return copy
