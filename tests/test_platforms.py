"""The command line where less is given than usual: no UTF-8 locale, no home, paths in Chinese, nothing to write to."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_model
from conftest import ROOT
from dawu_qa.default_model import model_folder

#: A locale that is not UTF-8, which Python does not put right by itself, and no home folder.
BARE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PATH": os.defpath}
USUAL = {"LC_ALL": "C.UTF-8", "PATH": os.defpath}
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'


def dawu_qa(*arguments, env, cwd, before=()):
    """Run the command line in a process of its own; return its exit status, output and errors."""
    command = [*before, sys.executable, "-m", "dawu_qa", *arguments]
    done = subprocess.run(command, env=env, cwd=cwd, capture_output=True, check=False, timeout=120)
    errors = done.stderr.decode()
    assert "Traceback" not in errors
    return done.returncode, done.stdout.decode(), errors


def is_clear(errors):
    """Tell whether errors are one line for people, with the mend."""
    return errors.startswith("dawu-qa: ") and errors.count("\n") == 1 and "codec" not in errors


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model of some kilobytes in a folder, to build with."""
    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        tiny_model.install(patch, folder, tiny_model.packed_model()[0])
        return Path(shutil.copytree(model_folder(), folder / "model"))


@pytest.fixture
def library(tmp_path):
    """A folder with a corpus whose path has Chinese and spaces."""
    (tmp_path / "县志 第 1 卷" / "corpus").mkdir(parents=True)
    source = tmp_path / "县志 第 1 卷" / "corpus" / "图书馆 开放.txt"
    source.write_text("图书馆开放情况\n\n镇图书馆2019年5月建成,投入资金320万元。\n", encoding="utf-8")
    return tmp_path / "县志 第 1 卷"


@pytest.mark.parametrize("env", [pytest.param(USUAL, id="no home"), pytest.param(BARE, id="no UTF-8 locale")])
def test_paths_may_have_chinese_and_spaces(library, tiny, env):
    index, corpus = str(library / "index"), str(library / "corpus")
    status, output, errors = dawu_qa(
        "index", "--index", index, "--corpus", corpus, "--encoder", str(tiny), env=env, cwd=library
    )
    assert status == 0, errors
    assert index in output
    status, output, errors = dawu_qa("ask", "花了多少钱?", "--index", index, "--json", env=env, cwd=library)
    assert status == 0, errors
    assert json.loads(output)["passages"][0]["passage"]["source"] == "图书馆 开放.txt"
    status, output, errors = dawu_qa("info", "--index", index, env=env, cwd=library)
    assert (status, errors) == (0, "")
    assert "up to date" in output


@pytest.mark.parametrize("arguments", [("ask", "x"), ("info",)], ids=lambda arguments: arguments[0])
def test_a_missing_index_is_named_in_any_locale(tmp_path, arguments):
    missing = str(tmp_path / "no index")
    status, output, errors = dawu_qa(*arguments, "--index", missing, env=BARE, cwd=tmp_path)
    assert (status, output) == (1, "")
    assert is_clear(errors)
    assert missing in errors


@pytest.fixture
def read_only(tmp_path):
    """A checkout without its index, how to run a command where nothing can be written to it, and its environment."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("src", "corpus"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    before = ("unshare", "-rm", "sh", "-c", READ_ONLY, str(checkout))
    try:
        subprocess.run([*before, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system lets nobody mount")
    return checkout, before, {**BARE, "PATH": os.environ["PATH"], "PYTHONPATH": str(checkout / "src")}


@pytest.mark.model
def test_a_read_only_checkout_is_asked_without_home_and_utf8_locale(read_only, built_index, tmp_path):
    checkout, before, env = read_only
    shutil.copytree(built_index, checkout / "index")
    status, output, errors = dawu_qa("ask", "饮水安全花了多少钱?", env=env, cwd=tmp_path, before=before)
    assert (status, errors) == (0, "")
    assert output.startswith("11665万元\n")
    status, output, errors = dawu_qa("index", env=env, cwd=tmp_path, before=before)
    assert status == 0, errors
    assert "up to date, nothing to do" in output
    status, output, errors = dawu_qa("info", env=env, cwd=tmp_path, before=before)
    assert (status, errors) == (0, "")
    assert str(checkout) in output


def test_a_read_only_checkout_without_an_index_says_what_to_do(read_only, tmp_path):
    checkout, before, env = read_only
    for command in (("index",), ("ask", "饮水安全花了多少钱?"), ("info",)):
        status, output, errors = dawu_qa(*command, env=env, cwd=tmp_path, before=before)
        assert (status, output) == (1, "")
        assert errors.splitlines()[-1].startswith("dawu-qa: ")
        assert str(checkout / "index") in errors.splitlines()[-1]
