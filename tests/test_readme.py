"""Every Python snippet of the READMEs runs, and both say the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def snippets(name, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.model
def test_the_python_snippets_run(built_index, monkeypatch, capsys):
    monkeypatch.setenv("DAWU_QA_INDEX", str(built_index))
    for snippet in snippets("README.md", "python"):
        exec(compile(snippet, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "True 11665万元"
    assert printed[-1].startswith("False ")


@pytest.mark.parametrize("language", ["python", "json", "console"])
def test_both_readmes_hold_the_same_snippets(language):
    def commands(snippet):
        return re.sub(r"\s+#.*", "", snippet)

    english, chinese = snippets("README.md", language), snippets("README.zh-CN.md", language)
    assert [commands(snippet) for snippet in english] == [commands(snippet) for snippet in chinese]
