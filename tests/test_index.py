"""Building an index, keeping it, and refusing what is not what was written."""

import json
import math
import shlex
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

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
    pipeline,
)
from dawu_qa.config import Settings
from dawu_qa.index import storage
from dawu_qa.index.lexical import pack_bm25, unpack_bm25
from dawu_qa.index.mend import build_command
from dawu_qa.retrieval.query import Query
from dawu_qa.retrieval.retrievers import Dense, lexical_scores


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
    with pytest.raises(IndexNotFoundError, match="run `dawu-qa index --index"):
        storage.load(tmp_path)


def test_the_mend_of_an_index_with_a_known_corpus_can_be_run_as_it_stands(small_index, small_corpus):
    (small_corpus / "river.md").write_text("# 清河\n\n今年又种树100棵。\n", encoding="utf-8")
    with pytest.raises(IndexMismatchError) as caught:
        storage.load(small_index)
    command = shlex.split(str(caught.value).split("`")[1])
    assert command == ["dawu-qa", "index", "--index", str(small_index), "--corpus", str(small_corpus)]


def test_the_own_index_is_mended_without_options(monkeypatch):
    monkeypatch.delenv("DAWU_QA_INDEX", raising=False)
    assert build_command(Settings.from_environment().index_dir) == "`dawu-qa index`"


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


class SlowlyBuilt:
    """Stands in for the own corpus's index: the first build ends when it is let, and fails if it is to."""

    def __init__(self, monkeypatch, corpus, index_dir, encoder):
        self.begun, self.let, self.built, self.fails = threading.Event(), threading.Event(), [], False
        settings = Settings(index_dir, corpus, own_index=True, data_dir=index_dir)

        class Slow(type(encoder)):
            def encode_passage(slow, texts):
                slow_down = not self.begun.is_set()
                self.begun.set()
                if slow_down and not (self.let.wait(60) and not self.fails):
                    raise CorpusError("stopped")
                return super().encode_passage(texts)

        def build(corpus_dir, index_dir, **kwargs):
            self.built.append(build_index(corpus_dir, index_dir, encoder=Slow(), **kwargs))

        monkeypatch.setattr(Settings, "from_environment", lambda: settings)
        monkeypatch.setattr(pipeline, "build_index", build)
        monkeypatch.setattr("dawu_qa.encoder.SentenceTransformerEncoder", lambda _name, lazy: encoder)


@pytest.fixture
def slowly_built(monkeypatch, small_corpus, tmp_path, hash_encoder):
    return SlowlyBuilt(monkeypatch, small_corpus, tmp_path / "index", hash_encoder)


@pytest.mark.parametrize(("fails", "builds"), [(False, 1), (True, 1)])
def test_who_finds_the_index_being_built_waits_for_it_and_builds_only_what_is_not(
    slowly_built, monkeypatch, caplog, fails, builds
):
    waiting, wait = threading.Event(), storage.wait_for_build
    monkeypatch.setattr(storage, "wait_for_build", lambda folder: (waiting.set(), wait(folder)))
    slowly_built.fails = fails
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(pipeline.open_pipeline)
        assert slowly_built.begun.wait(60)
        second = threads.submit(pipeline.open_pipeline)
        assert waiting.wait(60)
        assert not second.done()
        slowly_built.let.set()
        assert second.result(60).ask("种树多少棵?").passages
        assert isinstance(first.exception(60), CorpusError) == fails
    assert len(slowly_built.built) == builds
    lines = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert len(lines) == 1
    assert "10 minutes at most" in lines[0]


def test_the_own_index_is_opened_on_the_thread_that_computes(
    small_index, small_corpus, hash_encoder, tmp_path, monkeypatch
):
    own = Settings(small_index, small_corpus, own_index=True, data_dir=tmp_path)
    monkeypatch.setattr(Settings, "from_environment", lambda: own)
    monkeypatch.setattr("dawu_qa.encoder.SentenceTransformerEncoder", lambda _name, lazy: hash_encoder)
    opened, begin = [], QAPipeline.__init__

    def note(opening, *arguments):
        opened.append(threading.current_thread().name)
        begin(opening, *arguments)

    monkeypatch.setattr(QAPipeline, "__init__", note)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(pipeline.open_pipeline).result(60)
    assert [name.startswith("dawu_qa-torch") for name in opened] == [True]


def test_a_build_is_not_waited_for_without_end(small_index):
    with FileLock(small_index / ".lock"), pytest.raises(IndexLockedError, match="another build"):
        storage.wait_for_build(small_index, seconds=0.1)
    storage.wait_for_build(small_index, seconds=0.1)


def test_scores_of_an_index_that_was_kept_are_those_of_the_formula():
    texts = [["镇", "图书馆", "a"], [], ["图书馆", "图书馆", "\ud800", "\n"], ["镇"]]
    bm25 = unpack_bm25(pack_bm25(texts))
    mean = sum(map(len, texts)) / len(texts)

    def score(text, term):
        holders = sum(term in other for other in texts)
        rarity = math.log(1 + (len(texts) - holders + 0.5) / (holders + 0.5))
        count = text.count(term)
        return rarity * count / (count + 1.2 * (1 - 0.75 + 0.75 * len(text) / mean))

    for query in (["图书馆", "镇"], ["a"], ["\ud800"], ["\n", "河"], ["河"], [""]):
        expected = [sum(score(text, term) for term in query if term in bm25.vocab_dict) for text in texts]
        np.testing.assert_allclose(lexical_scores(bm25, query), expected, rtol=1e-5)


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
