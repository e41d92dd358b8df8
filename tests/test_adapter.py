"""The adapter: what it changes, and for which encoder."""

import numpy as np
import pytest
import torch

from dawu_qa import default_model
from dawu_qa.adapter import QuestionHead, adapter_of


def tokens(count, dim=384):
    rows = np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_no_head_leaves_cosines_counts_all_tokens_alike_and_points_nowhere():
    none, rows = QuestionHead.none(384), tokens(5)
    torch.testing.assert_close(none.tokens(rows), rows)
    torch.testing.assert_close(none.weights(rows), torch.full((5,), 0.2))
    assert not none.pointers(rows, rows[0]).any()


def test_no_head_is_of_single_precision_whatever_torch_s_default_is_meanwhile():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        none = QuestionHead.none(4)
    finally:
        torch.set_default_dtype(before)
    assert {tensor.dtype for tensor in vars(none).values()} == {torch.float32}


def test_the_shipped_head_gives_unit_vectors_weights_that_sum_to_one_and_pointers():
    head, rows = adapter_of(default_model.NAME, 384).head, tokens(7)
    torch.testing.assert_close(head.tokens(rows).norm(dim=-1), torch.ones(7))
    weights = head.weights(rows)
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(weights.std()) > 0
    begin, end = head.pointers(rows, rows[0])
    assert float((begin - end).norm()) > 0


def test_another_encoder_has_no_adapter():
    assert adapter_of("another", 384) is None
    assert adapter_of(default_model.NAME, 64) is None
    assert default_model.adapter_fingerprint("another") == ""


@pytest.mark.model
def test_updates_change_answers_and_leave_the_encoder_as_it_was(pipeline):
    encoder = pipeline.encoder
    text = ["镇图书馆2019年5月建成,投入资金320万元。"]
    before = encoder.encode_passage(text)[0].tokens
    updated = encoder.updated(adapter_of(encoder.name, encoder.dim).updates)
    adapted = updated.encode_passage(text)[0]
    assert adapted.tokens.shape == before.shape
    assert np.abs(adapted.tokens - before).max() > 0.05
    np.testing.assert_array_equal(encoder.encode_passage(text)[0].tokens, before)
    shared, own = (each.model[0].model.embeddings.word_embeddings.weight for each in (updated, encoder))
    assert shared is own
