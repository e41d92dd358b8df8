"""What the torture tests share: two corpora that answer differently, whether an index is whole, and the tally."""

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tqdm import tqdm

from dawu_qa import QAPipeline, build_index
from hash_encoder import HashEncoder

tqdm.set_lock(threading.RLock())  # its own lock outlives a process that is killed
ENCODER = HashEncoder()
#: Children come from a process without threads that has imported already what a build and a server need.
WORKERS = multiprocessing.get_context("forkserver")
WORKERS.set_forkserver_preload(["dawu_qa.pipeline", "dawu_qa.web.source", "opencc", "pypinyin"])

_PLACES = ("图书馆", "自来水厂", "中心小学", "清河大桥", "养老院")
_QUESTIONS = ("建{}花了多少钱?", "{} 投资", "{}种了多少棵树?", "{}有几层楼?")
QUESTIONS = tuple(question.format(place) for place in _PLACES for question in _QUESTIONS)


@dataclass
class Tally:
    """How many cases of each kind held, and what was wrong with the others."""

    held: Counter = field(default_factory=Counter)
    cases: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)

    def count(self, kind, fault, case=""):
        """Count a case; `fault` is empty where it held."""
        self.cases[kind] += 1
        self.held[kind] += not fault
        if fault:
            self.failures.append(f"{kind} {case}: {fault}")

    def add(self, other):
        self.held += other.held
        self.cases += other.cases
        self.failures += other.failures

    def __str__(self):
        return ", ".join(f"{kind} {self.held[kind]} of {count}" for kind, count in self.cases.items())


@dataclass(frozen=True)
class Bench:
    """A folder with two corpora, an index folder, and for each corpus the answers that it gives."""

    folder: Path
    corpora: tuple
    answers: tuple

    @property
    def index(self):
        return self.folder / "index"

    @classmethod
    @contextmanager
    def set_up(cls):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            corpora = tuple(_write_corpus(folder / f"corpus-{seed}", seed) for seed in (1, 2))
            answers = tuple(_answers_alone(corpus, folder / "alone") for corpus in corpora)
            if any(first == second for first, second in zip(*answers, strict=True)):
                raise AssertionError("the corpora cannot be told apart")
            yield cls(folder, corpora, answers)

    def build(self, which):
        build(self.corpora[which], self.index)

    def fault(self, *which):
        """Return why the index is not whole and that of one of these corpora; empty if it is."""
        try:
            found = answers(self.index)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return f"does not load: {error!r}"
        return "" if any(alike(found, self.answers[one]) for one in which) else "answers otherwise"

    def fault_after_build(self, which):
        """Return what a build cannot put right, or leaves behind; empty if all is well."""
        try:
            self.build(which)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return f"cannot be rebuilt: {error!r}"
        left = sorted(path.name for path in self.index.iterdir())
        if left != sorted([".lock", "CURRENT", (self.index / "CURRENT").read_text()]):
            return f"left behind: {left}"
        return self.fault(which)


def build(corpus, index):
    """Build an index; at the top of the module so that a child process can."""
    build_index(corpus, index, encoder=ENCODER)


def alike(some, others):
    """Tell whether answers are equal field by field; numbers within what processes differ by when they add floats."""
    return len(some) == len(others) and all(map(_equal, some, others))


def _equal(one, other):
    numbers = [[answer.confidence, *(scored.score for scored in answer.passages)] for answer in (one, other)]
    words = [
        replace(answer, confidence=0.0, passages=tuple(scored.passage for scored in answer.passages))
        for answer in (one, other)
    ]
    return words[0] == words[1] and numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def answers(index):
    """Return the answers of an index to all questions."""
    pipeline = QAPipeline.load(index, encoder=ENCODER)
    return [pipeline.ask(question) for question in QUESTIONS]


def _answers_alone(corpus, index):
    build(corpus, index)
    return answers(index)


def _write_corpus(folder, seed):
    folder.mkdir()
    for at, place in enumerate(_PLACES):
        cost, trees = 1000 * seed + 37 * at, 20000 * seed + 91 * at
        sentence = f"{place}20{10 + at}年5月建成,投入资金{cost}万元"
        (folder / f"{at}.md").write_text(
            f"# {place}\n\n## 建设\n\n{sentence}。\n\n## 绿化\n\n三年来{place}种树{trees}棵。\n",
            encoding="utf-8",
        )
        facts = (
            {"sentence": sentence, "answer": f"{cost}万元", "questions": [_QUESTIONS[0].format(place), _QUESTIONS[1].format(place)]},
            {"sentence": None, "questions": [_QUESTIONS[3].format(place)]},
        )  # fmt: skip
        lines = (json.dumps(fact, ensure_ascii=False) + "\n" for fact in facts)
        (folder / f"{at}.questions.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def run(name, torture, *, cases):
    """Run a script's torture with as many cases as asked for; print its figures and exit 1 if anything failed."""
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--cases", type=int, default=cases)
    began, tally = time.perf_counter(), Tally()
    torture(tally, parser.parse_args().cases)
    for failure in tally.failures:
        print(failure, file=sys.stderr)
    print(f"{name}: {tally}; {len(tally.failures)} failed; {time.perf_counter() - began:.0f} s")
    sys.exit(bool(tally.failures))
