"""The projection of token vectors: what it changes, and for which encoder."""

import numpy as np
import pytest
import torch

from dawu_qa import default_model
from dawu_qa.retrieval.projection import no_projection, trained_projection


def tokens(count, dim=384):
    rows = np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_none_leaves_cosines_and_counts_all_tokens_alike():
    none, rows = no_projection(384), tokens(5)
    np.testing.assert_allclose(none.query_tokens(rows).numpy(), rows, atol=1e-6)
    np.testing.assert_allclose(none.passage_tokens(torch.from_numpy(rows)).numpy(), rows, atol=1e-6)
    np.testing.assert_allclose(none.query_weights(rows), 0.2, atol=1e-6)


def test_another_default_type_changes_nothing():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        none = no_projection(4)
    finally:
        torch.set_default_dtype(before)
    assert {tensor.dtype for tensor in vars(none).values()} == {torch.float32}


def test_the_trained_one_gives_unit_vectors_and_weights_that_sum_to_one():
    trained, rows = trained_projection(default_model.NAME, 384), tokens(7)
    for projected in (trained.query_tokens(rows), trained.passage_tokens(torch.from_numpy(rows))):
        np.testing.assert_allclose(projected.norm(dim=-1).numpy(), 1.0, atol=1e-5)
    weights = trained.query_weights(rows)
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    assert weights.std() > 0


def test_another_encoder_is_not_projected():
    rows = tokens(3, 64)
    np.testing.assert_allclose(trained_projection("another", 64).query_tokens(rows).numpy(), rows, atol=1e-6)
