"""Late interaction: all tokens of a small corpus, those of candidates in a large one."""

from dataclasses import replace

import numpy as np
import pytest

from dawu_qa.index import storage
from dawu_qa.index.build import build_index
from dawu_qa.retrieval import retrievers
from dawu_qa.retrieval.query import Query
from hash_encoder import HashEncoder

TEXT = "镇图书馆2019年5月建成,投入资金320万元。\n\n周末开放到晚上九点,假日不休。\n\n馆里有藏书四万册,每月添书。\n"


@pytest.fixture
def index(tmp_path, hash_encoder):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/library.txt").write_text(TEXT, encoding="utf-8")
    build_index(tmp_path / "corpus", tmp_path / "index", encoder=hash_encoder)
    return storage.load(tmp_path / "index")


def late_interaction(index):
    return retrievers.LateInteraction("late", index.catalogue, index.vectors, index.vectors.tokens, None)


def test_a_large_corpus_gives_its_candidates_the_scores_of_a_small_one(index, hash_encoder, monkeypatch):
    query = Query.of("图书馆有多少藏书?", hash_encoder)
    small = late_interaction(index)
    whole = small.scores(query)
    monkeypatch.setattr(retrievers, "COMPARED_TOKENS", 10)
    large = late_interaction(index)
    assert large.is_large
    assert not small.is_large
    everywhere = large.by_passage(large.match(query, [2, 0, 1]))
    np.testing.assert_allclose(everywhere, whole, atol=1e-3)
    some = large.by_passage(large.match(query, [2, 1]))
    np.testing.assert_allclose(some[1:], whole[1:], atol=1e-3)


def test_what_is_no_candidate_of_a_large_corpus_comes_last(index, hash_encoder, monkeypatch):
    monkeypatch.setattr(retrievers, "COMPARED_TOKENS", 10)
    large = late_interaction(index)
    query = Query.of("周末几点关门?", hash_encoder)
    scores = large.by_passage(large.match(query, [1, 2]))
    assert scores[0] <= scores[1:].min()


def test_what_an_encoder_cuts_off_belongs_to_the_last_token_of_its_passage(tmp_path, index, hash_encoder):
    class Short(HashEncoder):
        fingerprint = "short-1"

        def _encode(self, text):
            whole = super()._encode(text)
            return replace(
                whole, tokens=whole.tokens[:5], token_ends=whole.token_ends[:5], lower=whole.lower[:6]
            )

    build_index(tmp_path / "corpus", tmp_path / "short", encoder=Short())
    short = storage.load(tmp_path / "short")
    starts = short.vectors.clause_starts
    assert starts.tolist() == sorted(starts)
    assert starts[-1] == len(short.vectors.tokens) == 15
    assert len(late_interaction(short).scores(Query.of("每月添书多少?", Short()))) == 3


def test_a_large_corpus_is_answered_from(tmp_path, hash_encoder, index, monkeypatch):
    from dawu_qa.retrieval.fusion import Fusion

    weights = {"passages": 1.0, "text": 1.0, "late_interaction": 1.0}
    query = Query.of("馆里有多少藏书", hash_encoder)
    ranking = Fusion(index, weights).retrieve(query).ranking
    monkeypatch.setattr(retrievers, "COMPARED_TOKENS", 10)
    assert Fusion(index, weights).retrieve(query).ranking[0] == ranking[0]
