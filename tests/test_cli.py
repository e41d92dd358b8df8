import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from conftest import ROOT
from dawu_qa import encoder
from dawu_qa.cli import cli
from dawu_qa.config import Settings
from dawu_qa.default_model import NAME
from hash_encoder import HashEncoder

pytestmark = pytest.mark.model


@pytest.fixture
def run(built_index, monkeypatch):
    monkeypatch.setenv("DAWU_QA_INDEX", str(built_index))
    return lambda *arguments: CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_ask_prints_the_answer_the_marked_sentence_and_the_place(run):
    result = run("ask", "饮水安全花了多少钱?")
    assert result.exit_code == 0
    assert result.stdout.startswith("11665万元\n")
    assert "投入资金【11665万元】" in result.stdout
    assert "(二)统筹资金落实政策 · 03" in result.stdout


def test_a_declined_question_is_a_success(run):
    result = run("ask", "明天会下雨吗?")
    assert result.exit_code == 0
    assert "没有" in result.stdout


def test_json_holds_the_whole_answer(run, interview):
    answer = json.loads(run("ask", "饮水安全花了多少钱?", "--json").stdout)
    assert answer["answered"] is True
    span = answer["spans"][0]
    assert interview.text[span["start"] : span["end"]] == span["text"] == answer["text"]
    assert len(answer["passages"]) == 3


def test_explain_shows_every_stage(run):
    stages = json.loads(run("ask", "饮水安全花了多少钱?", "--json", "--explain").stdout)["explanation"]
    reading = stages["readings"][0]
    assert reading["passages"][0]["retrievers"]
    assert reading["candidates"][0]["text"] == "11665万元"
    assert stages["thresholds"]["answer"] == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask", ""),
        ("ask", " "),
        ("ask", "问" * 3000),
        ("info", "--index", "nowhere"),
        ("ask", "人口", "--index", "nowhere"),
    ],
)
def test_an_error_is_one_line_and_exit_status_one(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments", [("ask",), ("ask", "人口", "--top-k", "0"), ("unknown",), ("eval", "nowhere.jsonl")]
)
def test_wrong_usage_is_exit_status_two(run, arguments):
    assert run(*arguments).exit_code == 2


def test_info_tells_what_is_in_the_index(run):
    found = json.loads(run("info", "--json").stdout)
    assert found["counts"]["documents"] == 1
    assert found["encoder"] == "multilingual-e5-small"


def test_an_index_that_is_up_to_date_is_not_built_again(run, built_index):
    result = run("index", "--index", built_index)
    assert result.exit_code == 0
    assert "up to date" in result.stdout


@pytest.fixture
def run_index(small_corpus, tmp_path, monkeypatch):
    """Runs `dawu-qa index` over a small corpus with encoders that stand in and returns its note."""
    versions = {}

    class Named(HashEncoder):
        def __init__(self, name=NAME, *, lazy=False):
            self.name, self.fingerprint = f"hash-{name}", f"{name}-{versions.get(name, 1)}"

    def run(*arguments):
        folders = ["--corpus", str(small_corpus), "--index", str(tmp_path / "index")]
        result = CliRunner().invoke(cli, ["index", *folders, *arguments])
        assert result.exit_code == 0, result.stderr
        return result.stdout.splitlines()[0].partition("index: ")[2].partition(",")[0]

    monkeypatch.setattr(encoder, "SentenceTransformerEncoder", Named)
    run.versions = versions
    return run


@pytest.mark.parametrize(
    "options",
    [(), ("--encoder", "other"), ("--without-questions",), ("--encoder", "a", "--without-questions")],
)
def test_an_index_is_up_to_date_only_for_the_options_that_it_was_built_with(run_index, options):
    others = [(), ("--encoder", "third"), ("--without-questions",), ("--encoder", "a")]
    for other in others:
        if other != options:
            assert run_index(*options) == "built"
            assert run_index(*options) == "up to date"
            assert run_index(*options, "--force") == "built"
            assert run_index(*other) == "built"


def test_an_index_is_not_up_to_date_when_its_encoder_has_changed(run_index):
    assert run_index("--encoder", "other") == "built"
    run_index.versions["other"] = 2
    assert run_index("--encoder", "other") == "built"
    assert run_index("--encoder", "other") == "up to date"


def test_the_own_index_built_from_another_corpus_is_warned_of(small_corpus, tmp_path, monkeypatch):
    monkeypatch.delenv("DAWU_QA_INDEX", raising=False)
    own = Settings(tmp_path / "own", ROOT / "corpus", own_index=True, data_dir=tmp_path)
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda _cls: own))
    monkeypatch.setattr(encoder, "SentenceTransformerEncoder", lambda _name, lazy: HashEncoder())
    result = CliRunner().invoke(cli, ["index", "--corpus", str(small_corpus)])
    assert "name another folder with --index" in result.stderr
    named = CliRunner().invoke(
        cli, ["index", "--corpus", str(small_corpus), "--index", str(tmp_path / "index")]
    )
    assert "name another folder" not in named.stderr
    assert (result.exit_code, named.exit_code) == (0, 0)


def test_an_empty_corpus_folder_is_refused(run, tmp_path):
    result = run("index", "--corpus", tmp_path, "--index", tmp_path / "index")
    assert result.exit_code == 1
    assert "holds no source" in result.stderr


def test_an_unknown_encoder_is_refused_without_asking_a_hub(run, tmp_path):
    result = run("index", "--encoder", "no/such-model", "--index", tmp_path / "index")
    assert result.exit_code == 1
    assert "no/such-model" in result.stderr


def test_figures_are_listed_with_value_and_unit(run):
    assert "11665万元\t116650000\t元" in run("figures").stdout


def test_eval_prints_figures_with_intervals(run, tmp_path):
    rows = [
        {
            "id": "1",
            "question": "全县有多少家扶贫车间?",
            "style": "direct",
            "answerable": True,
            "answers": ["130家"],
            "evidence": ["全县已建设扶贫车间130家"],
        },
        {"id": "2", "question": "明天会下雨吗?", "style": "direct", "answerable": False, "note": "off-topic"},
    ]
    path = tmp_path / "labelled.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    report = json.loads(run("eval", path, "--json", "--save", tmp_path / "results").stdout)
    assert report["figures"]["correct"] == [1.0, 0.342, 1.0]
    assert report["ablation"]["fused"] == 1.0
    assert len(list((tmp_path / "results").glob("with-questions-*.json"))) == 1


def test_the_shipped_questions_pass_their_check(run):
    from conftest import INTERVIEW

    result = run("questions", "check", INTERVIEW)
    assert result.exit_code == 0, result.stdout + result.stderr


def test_help_is_quick_and_imports_nothing_heavy():
    code = "import sys; from dawu_qa.cli import cli; cli(['--help'], standalone_mode=False); print(sorted({'torch', 'faiss', 'gradio'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_output_is_utf8_in_a_locale_that_is_not(built_index):
    result = subprocess.run(
        [sys.executable, "-m", "dawu_qa", "ask", "饮水安全花了多少钱?", "--index", str(built_index)],
        capture_output=True,
        env={
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "HOME": str(built_index.parents[2]),
            "XDG_CACHE_HOME": _cache(),
        },
        check=True,
    )
    assert "11665万元" in result.stdout.decode("utf-8")


def _cache():
    from platformdirs import user_cache_dir

    return str(user_cache_dir())
