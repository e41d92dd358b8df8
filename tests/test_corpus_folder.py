"""Which files of a folder are its sources, and what is refused by name."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from dawu_qa import CorpusError
from dawu_qa.corpus.folder import corpus_files, read_corpus, source_files


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("桥长312米。\n", encoding="utf-8")
    return folder


def names(paths):
    return [path.name for path in paths]


def test_sources_are_text_and_markdown_by_name(corpus):
    for name in (
        "b.md",
        "C.MARKDOWN",
        "d.TXT",
        "README.md",
        "readme.txt",
        ".hidden.txt",
        "e.pdf",
        "f.jsonl",
        "g",
    ):
        (corpus / name).write_text("宽9米。", encoding="utf-8")
    (corpus / "folder.txt").mkdir()
    os.mkfifo(corpus / "pipe.txt")
    assert names(source_files(corpus)) == ["C.MARKDOWN", "a.txt", "b.md", "d.TXT"]


@pytest.mark.parametrize(
    "name",
    [
        "CON.txt",
        "with space .md",
        "line\nbreak.txt",
        "县志 第1卷.txt",
        "-f.txt",
        "a'b\"c.txt",
        "%s{0}.md",
        "\u202etxt.txt",
    ],
)
def test_a_source_may_have_any_name(corpus, name):
    (corpus / name).write_text("宽9米。", encoding="utf-8")
    assert {entry.document.source for entry in read_corpus(corpus)} == {"a.txt", name}


def test_a_name_that_is_not_text_is_refused_in_one_line(corpus):
    Path(os.fsdecode(os.fsencode(corpus) + b"/\xff\n.txt")).write_text("宽9米。", encoding="utf-8")
    with pytest.raises(CorpusError, match="rename the file") as caught:
        read_corpus(corpus)
    assert str(caught.value).isprintable()


def test_links_out_of_the_corpus_are_ignored(corpus, tmp_path):
    outside = tmp_path / "secret.txt"
    outside.write_text("不该看到。", encoding="utf-8")
    (corpus / "out.txt").symlink_to(outside)
    (corpus / "up.txt").symlink_to("../secret.txt")
    (corpus / "loop.txt").symlink_to("loop.txt")
    (corpus / "gone.txt").symlink_to("nowhere.txt")
    (corpus / "a.questions.jsonl").symlink_to(outside)
    (corpus / "inside.txt").symlink_to("a.txt")
    assert names(corpus_files(corpus)) == ["a.txt", "inside.txt"]
    assert [entry.sidecar.facts for entry in read_corpus(corpus)] == [(), ()]


def test_a_corpus_folder_may_be_a_link_itself(corpus, tmp_path):
    (tmp_path / "link").symlink_to(corpus)
    assert names(source_files(tmp_path / "link")) == ["a.txt"]


@pytest.mark.parametrize("path", ["missing", "corpus/a.txt", "a\0b", "line\nbreak"])
def test_a_missing_folder_is_named_with_the_mend(corpus, tmp_path, path):
    with pytest.raises(CorpusError, match=r"there is no corpus folder .*create it") as caught:
        read_corpus(tmp_path / path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", ["", "\n\n \t\n", "\ufeff", "。。。\n——\n", "---\ntitle: 空\n---\n"[:4]])
def test_a_source_without_text_is_refused_by_name(corpus, content):
    (corpus / "empty\n.txt").write_text(content, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"empty.\.txt holds no text.*fill it or remove it") as caught:
        read_corpus(corpus)
    assert str(caught.value).isprintable()


def test_an_unreadable_file_or_folder_is_named(corpus, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(CorpusError, match=r"cannot read a\.txt \(Permission"):
        read_corpus(corpus)
    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(CorpusError, match=r"cannot read the corpus .*permissions"):
        read_corpus(corpus)


def test_the_checksums_are_those_of_the_bytes_that_were_parsed(corpus, monkeypatch):
    """A file that changes between two readings is caught: there is but one."""
    read, readings = Path.read_bytes, []

    def changing(path):
        content = read(path)
        readings.append(path.name)
        path.write_bytes(content + "又添一句。".encode())
        return content

    before = (corpus / "a.txt").read_bytes()
    monkeypatch.setattr(Path, "read_bytes", changing)
    (entry,) = read_corpus(corpus)
    assert readings == ["a.txt"]
    assert entry.document.text.encode() == before
    assert entry.checksums == {"a.txt": sha256(before).hexdigest()}


def test_a_sidecar_counts_for_the_checksums_even_where_it_is_not_read(corpus):
    (corpus / "a.questions.jsonl").write_bytes(b"not json")
    (entry,) = read_corpus(corpus, with_sidecars=False)
    assert set(entry.checksums) == {"a.txt", "a.questions.jsonl"}
    with pytest.raises(CorpusError, match=r"a\.questions\.jsonl, line 1: not valid JSON"):
        read_corpus(corpus)
