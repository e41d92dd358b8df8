"""An index on disk: damage of every file, builds that are stopped, replaced or made from a moving corpus."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from dawu_qa import (
    CorpusError,
    IndexDamagedError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexWriteError,
    QAPipeline,
    build_index,
)
from dawu_qa.corpus.folder import read_corpus
from dawu_qa.index import storage
from dawu_qa.index.build import encode
from dawu_qa.index.contents import GRAINS, Catalogue
from dawu_qa.retrieval.query import Query
from torture import crash
from torture.common import Bench, Tally


@pytest.fixture
def index_dir(small_corpus, tmp_path, hash_encoder):
    build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    return tmp_path / "index"


def generation(index_dir):
    return index_dir / (index_dir / "CURRENT").read_text()


def forge(index_dir, **changes):
    """Rewrite the manifest with its checksum, as damage does not."""
    path = generation(index_dir) / "manifest.json"
    content = json.dumps({**json.loads(json.loads(path.read_text())["manifest"]), **changes})
    path.write_text(json.dumps({"sha256": sha256(content.encode()).hexdigest(), "manifest": content}))


def record_flushes(monkeypatch):
    """Return a list that fills with the names of the files and folders flushed and renamed, in order."""
    steps, fsync, replace = [], os.fsync, Path.replace

    def flushed(descriptor):
        steps.append(("flush", Path(f"/proc/self/fd/{descriptor}").resolve().name))
        fsync(descriptor)

    def replaced(path, target):
        steps.append(("rename", path.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", replaced)
    return steps


def opened_by(call):
    """Return the paths of all files that a call opens, whichever way it does."""
    paths, watching = [], True

    def watch(event, args):
        if watching and event == "open" and isinstance(args[0], (str, os.PathLike)):
            paths.append(Path(args[0]))

    sys.addaudithook(watch)
    call()
    watching = False  # a hook stays for good
    return paths


def one_line(caught):
    return str(caught.value).isprintable()


def test_every_grain_agrees_with_brute_force(index_dir, hash_encoder):
    index = storage.load(index_dir)
    query = Query.of("清理河道花了多少钱", hash_encoder).embedding[None]
    for grain in GRAINS:
        rows = index.vectors.embeddings[grain]
        scores, found = index.dense[grain].search(query, max(len(rows), 1))
        expected = rows @ query[0]
        np.testing.assert_allclose(scores[0][: len(rows)], np.sort(expected)[::-1], rtol=1e-5)
        np.testing.assert_allclose(expected[found[0][: len(rows)]], scores[0][: len(rows)], rtol=1e-5)


def test_faiss_pads_what_is_missing_and_no_passage_comes_of_it(index_dir, hash_encoder):
    index = storage.load(index_dir)
    query = Query.of("图书馆", hash_encoder).embedding[None]
    assert index.dense["passages"].search(query, 99)[1][0][-1] == -1
    for top_k in (1, 2, 99, 2**31):
        passages = [
            scored.passage
            for scored in QAPipeline.load(index_dir, encoder=hash_encoder).ask("图书馆", top_k=top_k).passages
        ]
        assert len(passages) == len(set(passages)) == min(top_k, len(index.catalogue.passages))


def test_vectors_and_texts_are_saved_as_they_were(small_corpus, index_dir, hash_encoder):
    catalogue = Catalogue.of(read_corpus(small_corpus))
    vectors, loaded = encode(catalogue, hash_encoder), storage.load(index_dir)
    assert loaded.catalogue == catalogue
    for grain in GRAINS:
        np.testing.assert_array_equal(loaded.vectors.embeddings[grain], vectors.embeddings[grain])
    for name in ("tokens", "clause_starts", "token_ends"):
        np.testing.assert_array_equal(getattr(loaded.vectors, name), getattr(vectors, name))


def test_each_fact_stands_in_its_passage(small_corpus):
    catalogue = Catalogue.of(read_corpus(small_corpus))
    for fact, at in zip(catalogue.facts, catalogue.fact_passages, strict=True):
        passage = catalogue.passages[at]
        assert passage.source == fact.sentence.source
        assert passage.start <= fact.sentence.start <= fact.sentence.end <= passage.end
    last = catalogue.passages[-1]
    with pytest.raises(ValueError, match="no passage holds"):
        catalogue.passage_of(type(catalogue.facts[0].sentence)("x", last.source, last.end, last.end + 1))
    with pytest.raises(ValueError, match="no passage holds"):
        catalogue.passage_of(type(catalogue.facts[0].sentence)("x", "elsewhere.txt", 0, 1))


@pytest.mark.parametrize("sidecar", ["", "\n", '{"sentence": null, "questions": []}\n'])
def test_an_empty_sidecar_is_as_good_as_none(small_corpus, tmp_path, hash_encoder, sidecar):
    (small_corpus / "library.questions.jsonl").write_text(sidecar)
    manifest = build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    assert manifest.counts["questions"] == manifest.counts["metadata_questions"]
    assert QAPipeline.load(tmp_path / "index", encoder=hash_encoder).ask("种树多少棵?").passages


@pytest.mark.parametrize("text", ["Привет мир. Сколько стоит?", "مرحبا بالعالم.", "😀a😀", "x" * 1000, "〇"])
def test_a_corpus_in_any_script_is_indexed_and_asked(tmp_path, hash_encoder, text):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "CON.txt").write_text(text, encoding="utf-8")
    build_index(tmp_path / "corpus", tmp_path / "index", encoder=hash_encoder)
    assert QAPipeline.load(tmp_path / "index", encoder=hash_encoder).ask("мир?", top_k=9).passages


def test_folders_with_any_name_are_built_and_asked(small_corpus, tmp_path, hash_encoder):
    odd = tmp_path / "县志 第1卷\nline\udcff"
    odd.mkdir()
    corpus = small_corpus.rename(odd / "corpus")
    build_index(corpus, odd / "index", encoder=hash_encoder)
    assert QAPipeline.load(odd / "index", encoder=hash_encoder).ask("种树多少棵?").passages
    (corpus / "river.md").write_text("变了。", encoding="utf-8")
    with pytest.raises(IndexMismatchError, match=r"river\.md") as caught:
        storage.load(odd / "index")
    assert one_line(caught)


def test_a_flipped_bit_anywhere_in_any_file_is_refused(index_dir):
    folder = generation(index_dir)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        for at in {*range(0, len(whole), max(len(whole) // 12, 1)), len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            with pytest.raises(
                (IndexDamagedError, IndexMismatchError), match="run `dawu-qa index --index"
            ) as caught:
                storage.load(index_dir)
            assert one_line(caught)
        path.write_bytes(whole)
    storage.load(index_dir)


def test_files_cut_emptied_swapped_or_replaced_by_folders_are_refused(index_dir):
    folder = generation(index_dir)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for path, other in zip(paths, paths[1:] + paths[:1], strict=True):
        whole = path.read_bytes()
        for content in (b"", whole[: len(whole) // 2], whole + b"\0", other.read_bytes()):
            path.write_bytes(content)
            with pytest.raises(IndexDamagedError, match="run `dawu-qa index --index"):
                storage.load(index_dir)
        path.unlink()
        path.mkdir()
        with pytest.raises(IndexDamagedError, match="run `dawu-qa index --index"):
            storage.load(index_dir)
        path.rmdir()
        path.write_bytes(whole)
    storage.load(index_dir)


@pytest.mark.parametrize("content", [b"", b"generation-gone", b"../..", b"\xff\xfe", b"a\0b", b"."])
def test_a_damaged_pointer_is_refused_and_mended_by_a_build(index_dir, small_corpus, hash_encoder, content):
    (index_dir / "CURRENT").write_bytes(content)
    with pytest.raises(IndexDamagedError, match="run `dawu-qa index --index") as caught:
        storage.load(index_dir)
    assert one_line(caught)
    build_index(small_corpus, index_dir, encoder=hash_encoder)
    storage.load(index_dir)


def test_a_missing_pointer_is_a_missing_index(index_dir):
    (index_dir / "CURRENT").unlink()
    with pytest.raises(IndexNotFoundError, match="run `dawu-qa index --index"):
        storage.load(index_dir)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {}},
        {"files": []},
        {"corpus": 3},
        {"corpus_dir": None},
        {"unknown": 1},
        {"files": {"a\0": "0"}},
    ],
)
def test_a_manifest_that_does_not_fit_the_files_is_refused(index_dir, changes):
    forge(index_dir, **changes)
    with pytest.raises(IndexDamagedError, match="run `dawu-qa index --index"):
        storage.load(index_dir)


@pytest.mark.parametrize(
    "changes", [{"format_version": 1}, {"splitter_version": 0}, {"package_version": "0"}]
)
def test_an_index_of_another_version_is_refused(index_dir, changes):
    forge(index_dir, **changes)
    with pytest.raises(IndexMismatchError, match="run `dawu-qa index --index"):
        storage.load(index_dir)


def test_what_the_manifest_does_not_list_is_not_read(index_dir):
    folder = generation(index_dir)
    known = set(storage.load(index_dir).lexical)
    (folder / "evil.bm25").write_text("{")
    (folder / "extra.faiss").write_text("no index")
    assert set(storage.load(index_dir).lexical) == known == {"text", "expanded", "pinyin", "questions"}


def test_each_file_is_opened_once_and_verified_and_parsed_from_that_reading(index_dir):
    folder = generation(index_dir)
    opened = [path.name for path in opened_by(lambda: storage.load(index_dir)) if path.parent == folder]
    assert sorted(opened) == sorted(path.name for path in folder.iterdir())


def test_an_index_replaced_while_it_is_read_is_read_anew(index_dir, small_corpus, hash_encoder, monkeypatch):
    read, rebuilt = Path.read_bytes, []

    def replaced(path):
        if path.name == "tokens.npy" and not rebuilt:
            rebuilt.append(path)
            build_index(small_corpus, index_dir, encoder=hash_encoder)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", replaced)
    index = storage.load(index_dir)
    assert not rebuilt[0].exists()
    assert index.manifest == storage.read_manifest(index_dir)[0]


def test_readers_and_a_builder_do_not_disturb_each_other(index_dir, small_corpus, hash_encoder):
    stop, failures = threading.Event(), []

    def reading():
        while not stop.is_set():
            try:
                storage.load(index_dir)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                failures.append(error)

    threads = [threading.Thread(target=reading) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        build_index(small_corpus, index_dir, encoder=hash_encoder)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_corpus_that_changes_while_it_is_built_makes_the_index_stale(small_corpus, tmp_path, hash_encoder):
    class Editing(type(hash_encoder)):
        def encode_passage(self, texts):
            (small_corpus / "river.md").write_text("# 清河\n\n改了。\n", encoding="utf-8")
            return super().encode_passage(texts)

    manifest = build_index(small_corpus, tmp_path / "index", encoder=Editing())
    with pytest.raises(IndexMismatchError, match=r"changed since \(river\.md\)"):
        storage.load(tmp_path / "index")
    _, folder = storage.read_manifest(tmp_path / "index")
    river = json.loads((folder / "catalogue.json").read_text(encoding="utf-8"))["documents"][1]["text"]
    assert manifest.corpus["river.md"] == sha256(river.encode()).hexdigest()


def test_a_source_added_or_a_sidecar_removed_makes_the_index_stale(index_dir, small_corpus):
    (small_corpus / "new.txt").write_text("新的。", encoding="utf-8")
    with pytest.raises(IndexMismatchError, match=r"new\.txt"):
        storage.load(index_dir)
    (small_corpus / "new.txt").unlink()
    storage.load(index_dir)
    (small_corpus / "library.questions.jsonl").unlink()
    with pytest.raises(IndexMismatchError, match=r"library\.questions\.jsonl"):
        storage.load(index_dir)


def test_all_of_a_generation_is_flushed_before_it_is_named_and_its_name_before_the_old_one_goes(
    index_dir, small_corpus, hash_encoder, monkeypatch
):
    old, steps = generation(index_dir), record_flushes(monkeypatch)
    removed = shutil.rmtree
    monkeypatch.setattr(
        shutil,
        "rmtree",
        lambda path, **kwargs: (steps.append(("remove", path.name)), removed(path, **kwargs)),
    )
    build_index(small_corpus, index_dir, encoder=hash_encoder)
    new = generation(index_dir)
    files = {("flush", path.name) for path in new.iterdir()}
    assert set(steps[: len(files)]) == files
    assert steps[len(files) :] == [
        ("flush", new.name),
        ("flush", "CURRENT.new"),
        ("flush", "index"),
        ("rename", "CURRENT.new"),
        ("flush", "index"),
        ("remove", old.name),
    ]


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EINVAL])
def test_an_index_is_built_where_no_folder_can_be_flushed(
    small_corpus, tmp_path, hash_encoder, monkeypatch, refusal
):
    open_ = os.open

    def no_folders(path, flags, *args, **kwargs):
        if Path(path).is_dir():
            raise OSError(refusal, os.strerror(refusal))
        return open_(path, flags, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_folders)
        build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    storage.load(tmp_path / "index")


@pytest.mark.parametrize("refusal", [errno.EIO, errno.EINVAL])
def test_a_file_that_cannot_be_flushed_leaves_the_old_index(
    index_dir, small_corpus, hash_encoder, monkeypatch, refusal
):
    def refused(descriptor):
        raise OSError(refusal, os.strerror(refusal))

    before = generation(index_dir)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refused)
        with pytest.raises(IndexWriteError, match="cannot write"):
            build_index(small_corpus, index_dir, encoder=hash_encoder)
    assert generation(index_dir) == before
    storage.load(index_dir)


def test_a_loss_of_power_leaves_the_old_or_the_new_index():
    tally = Tally()
    with Bench.set_up() as bench:
        crash.power_lost_at_every_flush(bench, tally, range(4, 99, 6))
    assert tally.failures == []


@pytest.mark.parametrize("stage", ["encode_passage", "encode_query", "replace", "write"])
def test_a_build_stopped_at_any_stage_leaves_the_old_index(
    index_dir, small_corpus, hash_encoder, monkeypatch, stage
):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    encoder = type(hash_encoder)()
    before, (manifest, _) = generation(index_dir), storage.read_manifest(index_dir)
    with monkeypatch.context() as patch:
        if stage.startswith("encode"):
            patch.setattr(encoder, stage, stopped, raising=True)
        else:
            patch.setattr(*{"replace": (Path, "replace", stopped), "write": (np, "save", stopped)}[stage])
        with pytest.raises(KeyboardInterrupt):
            build_index(small_corpus, index_dir, encoder=encoder)
    assert {path.name for path in index_dir.iterdir()} <= {"CURRENT", ".lock", before.name}
    assert storage.load(index_dir).manifest == manifest
    build_index(small_corpus, index_dir, encoder=hash_encoder)


@pytest.mark.parametrize("size", [0, 1, 2048, 8192])
def test_a_full_disk_is_an_error_with_its_mend_and_leaves_the_old_index(
    index_dir, small_corpus, hash_encoder, size
):
    manifest, _ = storage.read_manifest(index_dir)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(IndexWriteError, match=r"cannot write the index to .*--index"):
            build_index(small_corpus, index_dir, encoder=hash_encoder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(list(index_dir.glob("generation-*"))) == 1
    assert storage.load(index_dir).manifest == manifest


def test_a_folder_that_may_not_be_written_keeps_the_old_index(
    index_dir, small_corpus, hash_encoder, monkeypatch
):
    def refused(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refused)
        with pytest.raises(IndexWriteError, match=r"Permission denied.*writable"):
            build_index(small_corpus, index_dir, encoder=hash_encoder)
    storage.load(index_dir)


def test_leftovers_are_cleared_whatever_they_are(index_dir, small_corpus, hash_encoder):
    (index_dir / "generation-a" / "folder").mkdir(parents=True)
    (index_dir / "CURRENT.new").write_text("generation-a")
    (index_dir / "notes.txt").write_text("kept")
    build_index(small_corpus, index_dir, encoder=hash_encoder)
    current = (index_dir / "CURRENT").read_text()
    assert {path.name for path in index_dir.iterdir()} == {"CURRENT", ".lock", "notes.txt", current}


def test_a_corpus_error_leaves_neither_index_nor_leftovers(small_corpus, tmp_path, hash_encoder):
    (small_corpus / "empty.txt").write_text("")
    with pytest.raises(CorpusError, match=r"empty\.txt"):
        build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    assert {path.name for path in (tmp_path / "index").iterdir()} <= {".lock"}


def test_a_build_of_the_same_corpus_is_the_same_in_every_process(index_dir, small_corpus, tmp_path):
    script = (
        "import sys; from dawu_qa import build_index; from hash_encoder import HashEncoder; "
        "build_index(sys.argv[1], sys.argv[2], encoder=HashEncoder())"
    )
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        again = [sys.executable, "-c", script, str(small_corpus), str(tmp_path / seed)]
        subprocess.run(again, env=environment, check=True)
        assert storage.read_manifest(tmp_path / seed)[0] == storage.read_manifest(index_dir)[0]


def test_who_may_read_the_index_folder_may_read_its_files(index_dir):
    folder = generation(index_dir)
    assert folder.stat().st_mode == index_dir.stat().st_mode
    assert {path.stat().st_mode for path in folder.iterdir() if path.is_file()} == {
        (index_dir / "CURRENT").stat().st_mode
    }
