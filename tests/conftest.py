"""Shared by the tests: the own corpus, an encoder that stands in, and an index built with the real one."""

from pathlib import Path

import pytest
from hypothesis import settings

from dawu_qa import build_index
from hash_encoder import HashEncoder

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "corpus"
INTERVIEW = CORPUS / "dawu-poverty-alleviation-interview-2021-01-19.txt"


@pytest.fixture(scope="session")
def hash_encoder():
    return HashEncoder()


@pytest.fixture(scope="session")
def interview():
    from dawu_qa.corpus import parse

    return parse(INTERVIEW.name, INTERVIEW.read_bytes().decode("utf-8"))


@pytest.fixture(scope="session")
def built_index(tmp_path_factory):
    """The index of the own corpus, built with the real encoder."""
    folder = tmp_path_factory.mktemp("index") / "index"
    build_index(CORPUS, folder)
    return folder


@pytest.fixture(scope="session")
def pipeline(built_index):
    from dawu_qa import QAPipeline

    return QAPipeline.load(built_index)


@pytest.fixture
def small_corpus(tmp_path):
    """Two short sources, one with a sidecar."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "library.txt").write_text(
        "图书馆开放情况\n\n镇图书馆2019年5月建成,投入资金320万元,藏书2.6万册。\n\n每周开放六天,全年接待读者15000人次。\n",
        encoding="utf-8",
    )
    (folder / "library.questions.jsonl").write_text(
        '{"sentence": "镇图书馆2019年5月建成,投入资金320万元,藏书2.6万册", "answer": "320万元", "questions": ["建图书馆花了多少钱?", "图书馆 投资"]}\n'
        '{"sentence": null, "questions": ["图书馆有几层楼?"]}\n',
        encoding="utf-8",
    )
    (folder / "river.md").write_text(
        "# 清河\n\n## 治理\n\n三年来清理河道12公里,种树8000棵。\n", encoding="utf-8"
    )
    return folder
