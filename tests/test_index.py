"""Building an index, keeping it, and refusing what is not what was written."""

import json
import shutil

import numpy as np
import pytest
from filelock import FileLock

from dawu_qa import (
    CorpusError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexWriteError,
    QAPipeline,
    build_index,
)
from dawu_qa.index import storage
from dawu_qa.retrieval.query import Query
from dawu_qa.retrieval.retrievers import Dense


@pytest.fixture
def small_index(small_corpus, tmp_path, hash_encoder):
    folder = tmp_path / "index"
    build_index(small_corpus, folder, encoder=hash_encoder)
    return folder


def generation(folder):
    return folder / (folder / "CURRENT").read_text()


def test_what_was_saved_is_what_is_loaded(small_index, hash_encoder):
    index = storage.load(small_index)
    assert [document.source for document in index.catalogue.documents] == ["library.txt", "river.md"]
    assert index.catalogue.unanswerable == ("图书馆有几层楼?",)
    assert any(fact.answer and fact.answer.text == "320万元" for fact in index.catalogue.facts)
    assert index.manifest.encoder_fingerprint == hash_encoder.fingerprint
    assert len(index.vectors.token_ends) == len(index.vectors.tokens) == index.vectors.clause_starts[-1]


def test_dense_scores_agree_with_brute_force_cosine(small_index, hash_encoder):
    index = storage.load(small_index)
    query = Query.of("修图书馆", hash_encoder)
    units = [unit.passage for unit in index.catalogue.sentences]
    dense = Dense("sentences", index.dense["sentences"], units, len(index.catalogue.passages))
    expected = index.vectors.embeddings["sentences"] @ query.embedding
    np.testing.assert_allclose(dense.unit_scores(query), expected, rtol=1e-5)
    best = [
        max(expected[at] for at, unit in enumerate(units) if unit == passage)
        for passage in sorted(set(units))
    ]
    np.testing.assert_allclose(dense.scores(query)[sorted(set(units))], best, rtol=1e-5)


def test_more_passages_may_be_asked_for_than_there_are(small_index, hash_encoder):
    answer = QAPipeline.load(small_index, encoder=hash_encoder).ask("图书馆", top_k=50)
    passages = [scored.passage for scored in answer.passages]
    assert len(passages) == len(set(passages)) == len(storage.load(small_index).catalogue.passages)


def test_a_corpus_without_a_sidecar_is_indexed_and_asked(small_corpus, tmp_path, hash_encoder):
    (small_corpus / "library.questions.jsonl").unlink()
    build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    assert QAPipeline.load(tmp_path / "index", encoder=hash_encoder).ask("种树多少棵?").passages


def test_every_damaged_byte_region_is_noticed(small_index):
    for name in storage.read_manifest(small_index)[0].files:
        path = generation(small_index) / name
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(IndexDamagedError, match="dawu-qa index"):
                storage.load(small_index)
        path.write_bytes(whole[:-1])
        with pytest.raises(IndexDamagedError):
            storage.load(small_index)
        path.unlink()
        with pytest.raises(IndexDamagedError):
            storage.load(small_index)
        path.write_bytes(whole)
    storage.load(small_index)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"manifest": "{}", "sha256": "0"}', '{"manifest": 3, "sha256": "0"}']
)
def test_a_damaged_manifest_is_refused(small_index, content):
    (generation(small_index) / "manifest.json").write_text(content)
    with pytest.raises(IndexDamagedError, match="manifest"):
        storage.load(small_index)


def test_a_missing_index_names_the_mend(tmp_path):
    with pytest.raises(IndexNotFoundError, match="run `dawu-qa index`"):
        storage.load(tmp_path)


def test_a_changed_corpus_makes_the_index_stale(small_index, small_corpus):
    (small_corpus / "river.md").write_text("# 清河\n\n今年又种树100棵。\n", encoding="utf-8")
    with pytest.raises(IndexMismatchError, match=r"river\.md"):
        storage.load(small_index)


def test_a_removed_source_makes_the_index_stale(small_index, small_corpus):
    (small_corpus / "river.md").unlink()
    with pytest.raises(IndexMismatchError, match=r"river\.md"):
        storage.load(small_index)


def test_an_index_moved_without_its_corpus_still_answers(small_index, tmp_path, hash_encoder):
    moved = tmp_path / "elsewhere" / "deep" / "index"
    shutil.copytree(small_index, moved)
    assert QAPipeline.load(moved, encoder=hash_encoder).ask("种树").passages


def test_a_foreign_encoder_is_refused(small_index, hash_encoder):
    class Other(type(hash_encoder)):
        fingerprint = "other"

    with pytest.raises(IndexMismatchError, match="another encoder"):
        QAPipeline.load(small_index, encoder=Other())


def test_an_interrupted_build_leaves_the_old_index(small_index, small_corpus, hash_encoder):
    class Interrupted(type(hash_encoder)):
        def encode_passage(self, texts):
            raise KeyboardInterrupt

    before = (small_index / "CURRENT").read_text()
    with pytest.raises(KeyboardInterrupt):
        build_index(small_corpus, small_index, encoder=Interrupted())
    assert (small_index / "CURRENT").read_text() == before
    assert [path.name for path in small_index.glob("generation-*")] == [before]
    storage.load(small_index)


def test_leftovers_of_a_killed_build_are_cleared_by_the_next(small_index, small_corpus, hash_encoder):
    (small_index / "generation-killed").mkdir()
    build_index(small_corpus, small_index, encoder=hash_encoder)
    assert len(list(small_index.glob("generation-*"))) == 1


def test_two_builds_do_not_run_at_once(small_index, small_corpus, hash_encoder):
    with FileLock(small_index / ".lock"), pytest.raises(IndexLockedError, match="wait"):
        build_index(small_corpus, small_index, encoder=hash_encoder)


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(small_corpus, tmp_path, hash_encoder):
    (tmp_path / "file").write_text("")
    with pytest.raises(IndexWriteError, match="--index"):
        build_index(small_corpus, tmp_path / "file" / "index", encoder=hash_encoder)


def test_an_empty_corpus_folder_is_refused_and_the_old_index_stays(small_index, tmp_path, hash_encoder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match="no source"):
        build_index(tmp_path / "empty", small_index, encoder=hash_encoder)
    storage.load(small_index)


def test_a_file_that_is_no_text_is_refused_by_name(small_corpus, tmp_path, hash_encoder):
    (small_corpus / "noise.txt").write_bytes(bytes(range(256)) * 8)
    with pytest.raises(CorpusError, match=r"noise\.txt"):
        build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)


def test_gb18030_is_read(small_corpus, tmp_path, hash_encoder):
    (small_corpus / "old.txt").write_bytes(
        "桥梁情况\n\n全镇有石桥十七座,最老的建于1872年。\n".encode("gb18030")
    )
    build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)
    assert any(
        "石桥十七座" in passage.text for passage in storage.load(tmp_path / "index").catalogue.passages
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "JSON"),
        ("[1]", "object"),
        ('{"sentence": "没有这句话", "questions": ["有吗?"]}', "does not stand"),
        ('{"sentence": "藏书2.6万册", "answer": "三万册", "questions": ["多少册?"]}', "answer"),
        ('{"sentence": "藏书2.6万册", "questions": [" "]}', "questions"),
        ('{"sentence": 3, "questions": ["?"]}', "sentence"),
    ],
)
def test_a_bad_sidecar_line_stops_the_build_with_its_number(
    small_corpus, tmp_path, hash_encoder, line, reason
):
    with (small_corpus / "library.questions.jsonl").open("a", encoding="utf-8") as sidecar:
        sidecar.write(line + "\n")
    with pytest.raises(CorpusError, match=rf"line 3: .*{reason}"):
        build_index(small_corpus, tmp_path / "index", encoder=hash_encoder)


def test_the_manifest_holds_every_file(small_index):
    manifest, folder = storage.read_manifest(small_index)
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert on_disk - {"manifest.json"} == set(manifest.files)
    assert json.loads(json.dumps(dict(manifest.counts)))["documents"] == 2
