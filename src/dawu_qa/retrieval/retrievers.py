"""The retrievers. Each gives every passage a score for a query; higher is better, scales are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from dawu_qa.adapter import QuestionHead
from dawu_qa.index.contents import Catalogue, Vectors
from dawu_qa.retrieval.query import Query
from dawu_qa.types import FloatArray

_CANDIDATE_K = 2048
#: A corpus of more tokens is compared with a query only where other retrievers found something.
COMPARED_TOKENS = 250_000


class Retriever(Protocol):
    """Scores all passages for a query."""

    name: str

    def scores(self, query: Query) -> FloatArray:
        """Return the passages' scores, shape (passages,)."""
        ...


class Dense:
    """Exact cosines between the query and the units of one grain; a passage has the score of its best unit."""

    def __init__(self, name: str, index: Any, unit_passages: Sequence[int], passages: int) -> None:
        self.name = name
        self._index = index
        self._unit_passages = np.asarray(unit_passages, np.intp)
        self._passages = passages

    def unit_scores(self, query: Query) -> FloatArray:
        """Return the cosine of each unit, shape (units,); those not among the best have the lowest that was seen."""
        top_k = min(_CANDIDATE_K, self._index.ntotal)
        found, at = self._index.search(query.embedding[None], top_k)
        scores = np.full(self._index.ntotal, found[0, -1], np.float32)
        scores[at[0]] = found[0]
        return scores

    def scores(self, query: Query) -> FloatArray:
        """Return the best cosine of each passage's units."""
        return self.by_passage(self.unit_scores(query))

    def by_passage(self, unit_scores: FloatArray) -> FloatArray:
        """Return the best score of each passage's units, shape (passages,)."""
        return best_by_group(unit_scores, self._unit_passages, self._passages)


class Lexical:
    """BM25 over the passages' terms (Robertson and Zaragoza 2009), by bm25s."""

    def __init__(self, name: str, bm25: Any, *, syllables: bool = False) -> None:
        self.name = name
        self._bm25 = bm25
        self._syllables = syllables

    def scores(self, query: Query) -> FloatArray:
        """Return the BM25 score of each document."""
        return lexical_scores(self._bm25, query.syllables if self._syllables else query.terms)

    def coverage(self, query: Query) -> float:
        """Return how much of the query the index knows, in [0, 1]."""
        terms = query.syllables if self._syllables else query.terms
        return sum(term in self._bm25.vocab_dict for term in terms) / max(len(terms), 1)


@dataclass(frozen=True, slots=True)
class TokenMatch:
    """How the tokens of a query match those of the corpus.

    `weights`, shape (query tokens,), say how much each counts and sum to 1; `similarities`, shape (query tokens,
    tokens), are cosines; `clause_maxima`, shape (query tokens, clauses), the best of each clause; `pointers`, shape
    (2, tokens), the logits that the answer begins and ends with a token; `absent`, shape (3,), what the late
    interaction and the two logits exceed where the text tells the answer.
    """

    weights: FloatArray
    similarities: FloatArray
    clause_maxima: FloatArray
    pointers: FloatArray
    absent: FloatArray


class LateInteraction:
    """The weighted mean, over the query's tokens, of the best cosine among a clause's, sentence's or passage's tokens.

    Source: Khattab and Zaharia 2020 (ColBERT), with a weighted mean for the sum, over a frozen encoder. Without a head
    all tokens of a query count alike, and nothing is pointed at. A corpus of more than COMPARED_TOKENS tokens stays in
    half precision, and only the tokens of candidates are compared.
    """

    def __init__(
        self,
        name: str,
        catalogue: Catalogue,
        vectors: Vectors,
        tokens: NDArray[np.float16],
        head: QuestionHead | None,
    ) -> None:
        self.name = name
        self._head = head
        self.is_large = len(tokens) > COMPARED_TOKENS
        kept = torch.from_numpy(tokens)
        self._tokens = kept if self.is_large else kept.float().T.contiguous()
        self._starts = vectors.clause_starts[:-1]
        self._nowhere = np.zeros((2, len(tokens)), np.float32)
        owners = np.asarray([unit.passage for unit in catalogue.clauses], np.intp)
        self._first_clauses = np.searchsorted(owners, np.arange(len(catalogue.passages)))
        borders = np.append(self._starts[self._first_clauses], len(tokens))
        self._passage_tokens = np.stack([borders[:-1], borders[1:]], axis=1)

    def match(self, query: Query, candidates: Sequence[int] = ()) -> TokenMatch:
        """Compare all tokens of a query with those of the corpus.

        The product is torch's: threads of a second BLAS, spinning beside those of torch, slow the encoder tenfold.

        Args:
            query: What is searched for.
            candidates: The passages to compare with where the corpus is large; the others have the lowest of their values.
        """
        tokens, embedding = torch.from_numpy(query.tokens), torch.from_numpy(query.embedding)
        if self._head is None:
            similarities = self._products(tokens, candidates)
            maxima = np.maximum.reduceat(similarities, self._starts, axis=1)
            alike = np.full(len(tokens), 1 / max(len(tokens), 1), np.float32)
            return TokenMatch(alike, similarities, maxima, self._nowhere, np.zeros(3, np.float32))
        asked = torch.cat([self._head.tokens(tokens), self._head.pointers(tokens, embedding)])
        products = self._products(asked, candidates)
        similarities, pointers = products[:-2], products[-2:]
        maxima = np.maximum.reduceat(similarities, self._starts, axis=1)
        weights, absent = self._head.weights(tokens), self._head.absent @ embedding
        return TokenMatch(weights.numpy(), similarities, maxima, pointers, absent.numpy())

    def _products(self, asked: torch.Tensor, candidates: Sequence[int]) -> FloatArray:
        """Return the products of vectors with the tokens, shape (vectors, tokens)."""
        if not self.is_large:
            return np.asarray(torch.matmul(asked, self._tokens).numpy())
        rows = np.concatenate([np.arange(*self._passage_tokens[at]) for at in sorted(candidates)])
        found = torch.matmul(asked, self._tokens[torch.from_numpy(rows)].float().T).numpy()
        products = np.repeat(found.min(axis=1, keepdims=True), len(self._tokens), axis=1)
        products[:, rows] = found
        return products

    def scores(self, query: Query) -> FloatArray:
        """Return the weighted mean over the query's tokens of the best cosine in each passage."""
        return self.by_passage(self.match(query))

    def by_passage(self, match: TokenMatch) -> FloatArray:
        """Return the passages' scores from what `match` gives."""
        return np.asarray(
            match.weights @ np.maximum.reduceat(match.clause_maxima, self._first_clauses, axis=1)
        )

    def pointed(self, match: TokenMatch) -> FloatArray:
        """Return how well the best answer of each passage is pointed at, shape (passages,): a begin and an end logit."""
        return np.asarray(
            np.maximum.reduceat(match.pointers, self._starts[self._first_clauses], axis=1).sum(0)
        )


def lexical_scores(bm25: Any, terms: Sequence[str]) -> FloatArray:
    """Return the BM25 score of each document for the terms; zero for all where none is known."""
    known = [bm25.vocab_dict[term] for term in terms if term in bm25.vocab_dict]
    if not known:
        return np.zeros(bm25.scores["num_docs"], np.float32)
    return np.asarray(bm25.get_scores_from_ids(known), np.float32)


def best_by_group(scores: FloatArray, groups: np.ndarray[Any, np.dtype[np.intp]], count: int) -> FloatArray:
    """Return the best score of each group, shape (count,); a group without members has the lowest score of all."""
    best = np.full(count, scores.min() if len(scores) else 0.0, np.float32)
    np.maximum.at(best, groups, scores)
    return best
