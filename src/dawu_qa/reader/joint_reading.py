"""Reading the likeliest sentences together with the question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dawu_qa.joint import READ_TOKENS, SENTENCES, JointLayers, hints
from dawu_qa.types import FloatArray

#: What a token, a sentence or a candidate counts that was not read, and the least that one counts which was.
UNREAD, LEAST = -12.0, -10.0
#: So many times sentences are read at most: where none of the candidates is as likely as "none", the next are read, too.
READINGS = 2


@dataclass(frozen=True, slots=True)
class JointReading:
    """By how much each token as the begin and the end of the answer, each sentence as telling it and each candidate exceed "none".

    Shapes (tokens,), (tokens,), (sentences,) and (candidates,), in logits; UNREAD where nothing was read.
    """

    begin: FloatArray
    end: FloatArray
    sentence: FloatArray
    candidate: FloatArray


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """What is read at once: its tokens in the corpus, shape (n,), and its candidates with their tokens, from 0, in it."""

    rows: NDArray[np.int64]
    candidates: NDArray[np.intp]
    spans: NDArray[np.int64]


class JointReader:
    """Picks sentences and reads them with the question.

    Args:
        encoder: Its layers are asked for with the first question.
        states: What its lower layers make of all tokens of the corpus, shape (tokens, dim); without columns where it
            has no such layers.
        sentence_tokens: The first token of each sentence and the one behind its last, shape (sentences, 2).
        candidate_tokens: The same for each candidate, shape (candidates, 2).
    """

    def __init__(
        self,
        encoder: object,
        states: NDArray[np.float16],
        sentence_tokens: NDArray[np.int64],
        candidate_tokens: NDArray[np.int64],
    ) -> None:
        self._encoder = encoder
        self._states = torch.from_numpy(states)
        self._tokens = sentence_tokens
        self._sizes = sentence_tokens[:, 1] - sentence_tokens[:, 0]
        self._candidates = candidate_tokens
        self._by_begin = np.argsort(candidate_tokens[:, 0], kind="stable")
        self._begins = candidate_tokens[self._by_begin, 0]

    def read(self, question: FloatArray, similarities: FloatArray, order: NDArray[np.intp]) -> JointReading:
        """Read sentences with a question.

        Args:
            question: What the lower layers make of it, shape (1 + its tokens, dim).
            similarities: Cosines of its tokens and those of the corpus, shape (its tokens, tokens).
            order: Sentences, the likeliest first; as many are read as there is room for, and again where no candidate is likelier than none.
        """
        begin, end = (np.full(len(self._states), UNREAD, np.float32) for _ in range(2))
        sentence = np.full(len(self._tokens), UNREAD, np.float32)
        candidate = np.full(len(self._candidates), UNREAD, np.float32)
        layers: JointLayers | None = getattr(self._encoder, "joint_layers", None)
        if layers is None or len(question) != 1 + len(similarities) or not self._states.shape[1]:
            return JointReading(begin, end, sentence, candidate)
        for _ in range(READINGS):
            chosen = self._chosen(order)
            excerpt = self._excerpt(chosen)
            rows = excerpt.rows
            told, answers, absent = self._run(
                layers, question, similarities[:, rows], excerpt, self._sizes[chosen]
            )
            over = np.maximum((told - absent[:3]).numpy(), LEAST)
            begin[rows], end[rows] = over[:, 0], over[:, 1]
            candidate[excerpt.candidates] = np.maximum((answers - absent[3]).numpy(), LEAST)
            raw, sizes = (told[:, 2] - absent[2]).numpy(), self._sizes[chosen]
            starts = np.cumsum(sizes) - sizes
            sentence[chosen] = np.maximum(np.add.reduceat(raw, starts) / sizes, LEAST)
            if candidate.max(initial=UNREAD) > 0:
                break
            order = order[~np.isin(order, chosen)]
            if not self._sizes[order].any():
                break
        return JointReading(begin, end, sentence, candidate)

    def _chosen(self, order: NDArray[np.intp]) -> list[int]:
        """Return the first sentences that there is room for, in the corpus's order; one at least."""
        chosen: list[int] = []
        room = READ_TOKENS
        for at in order:
            size = int(self._sizes[at])
            if size and (size <= room or not chosen):
                chosen.append(int(at))
                room -= size
            if len(chosen) == SENTENCES:
                break
        return sorted(chosen)

    def _excerpt(self, chosen: list[int]) -> _Excerpt:
        """Put sentences together, with the candidates that lie within one of them."""
        rows, candidates, spans, place = [], [], [], 0
        for at in chosen:
            first, behind = self._tokens[at]
            low, high = np.searchsorted(self._begins, (first, behind))
            inside = self._by_begin[low:high]
            inside = inside[self._candidates[inside, 1] <= behind]
            rows.append(np.arange(first, behind))
            candidates.append(inside)
            spans.append(self._candidates[inside] - first + place)
            place += int(self._sizes[at])
        return _Excerpt(np.concatenate(rows), np.concatenate(candidates), np.concatenate(spans))

    def _run(
        self,
        layers: JointLayers,
        question: FloatArray,
        similarities: FloatArray,
        excerpt: _Excerpt,
        sentence_sizes: NDArray[np.int64],
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        asked = torch.from_numpy(question)
        dtype = layers.told.weight.dtype
        states = torch.cat([asked.to(dtype), self._states[torch.from_numpy(excerpt.rows)].to(dtype)])
        sizes = [len(asked), *sentence_sizes.tolist()]
        marks = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
        hinted = hints(torch.from_numpy(similarities), marks[len(asked) :] - 1)
        with torch.inference_mode():
            told, answers, absent = layers(
                states[None], marks[None], hinted[None], torch.from_numpy(excerpt.spans + len(asked))[None]
            )
        return told[0, len(asked) :].float(), answers[0].float(), absent[0].float()
