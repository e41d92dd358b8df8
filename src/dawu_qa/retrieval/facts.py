"""Which fact a question asks for, told by the questions that editors wrote.

Questions for one fact differ in tone, length, script and language; what they differ in does not matter. The
covariance within facts shows these directions, and whitening by it turns them down, so that the mean of a fact's
questions is a good picture of the fact. This is linear discriminant analysis with equal priors, fitted on the
index's own questions while it loads (Fisher 1936; shrinkage towards the identity as in Ledoit and Wolf 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from dawu_qa.index.storage import Index
from dawu_qa.retrieval.query import Query
from dawu_qa.types import FloatArray

#: Shrinkage of the covariance for a thousand questions and more; fewer questions shrink it the more.
_SHRINKAGE, _MANY_QUESTIONS = 0.3, 1000


@dataclass(frozen=True)
class FactScores:
    """How near a query is to each fact's mean, shape (facts,), and to each unanswerable question; cosines."""

    facts: FloatArray
    unanswerable: FloatArray


class FactMatcher:
    """Compares queries with the means of the facts' questions in the whitened space."""

    def __init__(self, index: Index) -> None:
        questions = torch.from_numpy(index.vectors.embeddings["questions"]).double()
        owner = torch.from_numpy(np.asarray(index.catalogue.question_facts, np.int64))
        self._mean, self._whitening = _whitening(questions, owner, len(index.catalogue.facts))
        whitened = _unit((questions - self._mean) @ self._whitening)
        unanswerable = torch.from_numpy(index.vectors.embeddings["unanswerable"]).double()
        self._facts = _unit(_group_means(whitened, owner, len(index.catalogue.facts))).float()
        self._unanswerable = _unit((unanswerable - self._mean) @ self._whitening).float()
        self._mean, self._whitening = self._mean.float(), self._whitening.float()

    def scores(self, query: Query) -> FactScores:
        """Compare a query with all facts and all unanswerable questions."""
        vector = _unit((torch.from_numpy(query.embedding) - self._mean) @ self._whitening)
        return FactScores((self._facts @ vector).numpy(), (self._unanswerable @ vector).numpy())


def _whitening(questions: torch.Tensor, owner: torch.Tensor, facts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the questions' mean and the inverse square root of their covariance within facts."""
    dim = questions.shape[1]
    if not len(questions):
        return torch.zeros(dim, dtype=torch.float64), torch.eye(dim, dtype=torch.float64)
    within = questions - _group_means(questions, owner, facts)[owner]
    covariance = within.T @ within / len(within)
    shrinkage = _SHRINKAGE * max(1.0, _MANY_QUESTIONS / len(questions))
    scale = max(float(covariance.trace()) / dim, 1e-9)
    values, vectors = torch.linalg.eigh(covariance + shrinkage * scale * torch.eye(dim, dtype=torch.float64))
    return questions.mean(0), vectors @ torch.diag(values.rsqrt()) @ vectors.T


def _group_means(rows: torch.Tensor, owner: torch.Tensor, groups: int) -> torch.Tensor:
    sums = torch.zeros(groups, rows.shape[1], dtype=rows.dtype).index_add(0, owner, rows)
    return sums / torch.bincount(owner, minlength=groups).clamp(min=1)[:, None]


def _unit(rows: torch.Tensor) -> Any:
    return torch.nn.functional.normalize(rows, dim=-1)
