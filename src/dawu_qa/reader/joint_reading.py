"""Reading the likeliest sentences together with the question."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dawu_qa.joint import SENTENCES, JointLayers, hints
from dawu_qa.types import FloatArray

#: So many tokens are read at once, those of the question aside; the reader was trained with as many.
_READ_TOKENS = 150
#: What a token or a sentence counts that was not read, and the least that one counts which was.
UNREAD, LEAST = -12.0, -10.0


@dataclass(frozen=True, slots=True)
class JointReading:
    """By how much each token as the begin and the end of the answer, and each sentence as telling it, exceeds "none".

    Shapes (tokens,), (tokens,) and (sentences,), in logits; UNREAD where nothing was read.
    """

    begin: FloatArray
    end: FloatArray
    sentence: FloatArray


class JointReader:
    """Picks sentences and reads them with the question.

    Args:
        encoder: Its layers are asked for with the first question.
        states: What its lower layers make of all tokens of the corpus, shape (tokens, dim); without columns where it
            has no such layers.
        sentence_tokens: The first token of each sentence and the one behind its last, shape (sentences, 2).
    """

    def __init__(
        self, encoder: object, states: NDArray[np.float16], sentence_tokens: NDArray[np.int64]
    ) -> None:
        self._encoder = encoder
        self._states = torch.from_numpy(states)
        self._tokens = sentence_tokens
        self._sizes = sentence_tokens[:, 1] - sentence_tokens[:, 0]
        self._lock = threading.Lock()

    def read(self, question: FloatArray, similarities: FloatArray, order: NDArray[np.intp]) -> JointReading:
        """Read sentences with a question.

        Args:
            question: What the lower layers make of it, shape (1 + its tokens, dim).
            similarities: Cosines of its tokens and those of the corpus, shape (its tokens, tokens).
            order: Sentences, the likeliest first; as many are read as there is room for.
        """
        begin, end = (np.full(len(self._states), UNREAD, np.float32) for _ in range(2))
        sentence = np.full(len(self._tokens), UNREAD, np.float32)
        layers: JointLayers | None = getattr(self._encoder, "joint_layers", None)
        if layers is not None and len(question) and self._states.shape[1]:
            chosen = self._chosen(order)
            rows = np.concatenate([np.arange(*self._tokens[at]) for at in chosen])
            told, absent = self._run(layers, question, similarities[:, rows], rows, chosen)
            over = np.maximum((told - absent).numpy(), LEAST)
            begin[rows], end[rows] = over[:, 0], over[:, 1]
            raw, sizes = (told[:, 2] - absent[2]).numpy(), self._sizes[chosen]
            starts = np.cumsum(sizes) - sizes
            sentence[chosen] = np.maximum(np.add.reduceat(raw, starts) / sizes, LEAST)
        return JointReading(begin, end, sentence)

    def _chosen(self, order: NDArray[np.intp]) -> list[int]:
        """Return the first sentences that there is room for, in the corpus's order; one at least."""
        chosen: list[int] = []
        room = _READ_TOKENS
        for at in order:
            size = int(self._sizes[at])
            if size and (size <= room or not chosen):
                chosen.append(int(at))
                room -= size
            if len(chosen) == SENTENCES:
                break
        return sorted(chosen)

    def _run(
        self,
        layers: JointLayers,
        question: FloatArray,
        similarities: FloatArray,
        rows: NDArray[Any],
        chosen: list[int],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        asked = torch.from_numpy(question)
        dtype = layers.told.weight.dtype
        states = torch.cat([asked.to(dtype), self._states[torch.from_numpy(rows)].to(dtype)])
        sizes = [len(asked), *self._sizes[chosen].tolist()]
        marks = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        hinted = hints(torch.from_numpy(similarities), marks[len(asked) :] - 1)
        with self._lock, torch.inference_mode():
            told, absent = layers(states[None], marks[None], hinted[None])
        return told[0, len(asked) :].float(), absent[0].float()
