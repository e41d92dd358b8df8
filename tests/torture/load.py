"""Thousands of questions at twenty at a time, and two hundred at once: nothing lost, nothing wrong, memory flat."""

import contextlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dawu_qa import QAPipeline, build_index
from dawu_qa.evaluation import read_labelled
from dawu_qa.web.settings import WebSettings
from torture.common import run

_ROOT = Path(__file__).parents[2]
_LABELLED = _ROOT / "evals/labelled/validation"
_AT_ONCE, _OVERLOAD = 20, 200
_PAGE = 4096
#: What the server's memory may grow by over the load, once it is warm.
_GROWTH = 0.05
_BUSY = 503


@dataclass(frozen=True)
class Reply:
    """What the server said to a question, and after how many seconds."""

    question: str
    status: int
    body: dict
    seconds: float


class Client:
    """Asks over one connection."""

    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, question):
        began = time.perf_counter()
        body = json.dumps({"question": question})
        self._connection.request("POST", "/api/ask", body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        told = json.loads(response.read())
        return Reply(question, response.status, told, time.perf_counter() - began)


class Server:
    """A served page in a process of its own."""

    def __init__(self, index, data):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {"DAWU_QA_INDEX": str(index), "DAWU_QA_DATA": str(data)}
        command = [sys.executable, "-m", "dawu_qa", "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)

    def wait(self, path, seconds=120):
        """Wait until a path is there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
                connection.request("GET", path)
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
            time.sleep(0.1)
        raise TimeoutError("the server did not come up")

    @property
    def resident(self):
        """Bytes of memory that the server holds."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE

    def ask(self, questions, at_once):
        """Ask all questions, so many at a time; return the replies and how many came a second."""
        clients = [Client(self.port) for _ in range(at_once)]
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as pool:
            parts = pool.map(
                lambda at: [clients[at].ask(question) for question in questions[at::at_once]], range(at_once)
            )
            replies = [reply for part in parts for reply in part]
        return replies, len(replies) / (time.perf_counter() - began)


@contextlib.contextmanager
def served(index, data, path="/readyz"):
    """Serve an index, as soon as a path is there."""
    server = Server(index, data)
    try:
        server.wait(path)
        yield server
    finally:
        server.process.terminate()
        server.process.wait(30)


def expected_of(index, questions):
    """Return the right texts, and how many questions the pipeline alone answers a second, in as many threads as are best."""
    pipeline = QAPipeline.load(index)
    texts = {question: pipeline.ask(question).text for question in questions}
    rates = []
    for threads in (1, 2, 4):
        began = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(pipeline.ask, questions))
        rates.append(len(questions) / (time.perf_counter() - began))
    return texts, max(rates)


def count(tally, kind, replies, asked, texts, *, busy=False):
    """Count every question that was asked: its reply is the right one, or, where that is allowed, "busy"."""
    for reply in replies:
        refused = busy and reply.status == _BUSY
        right = reply.status == http.HTTPStatus.OK and reply.body["text"] == texts[reply.question]
        tally.count(kind, "" if right or refused else f"{reply.status} {reply.body}", reply.question)
    if len(replies) != asked:
        tally.count(kind, f"{asked - len(replies)} lost")


def percentiles(replies):
    cuts = statistics.quantiles([reply.seconds for reply in replies], n=100)
    return {name: cuts[at] * 1e3 for name, at in (("p50", 49), ("p95", 94), ("p99", 98))}


def main(tally, cases, say: Callable[[str], None] = print):
    questions = [
        one.question
        for name in ("answerable", "unanswerable")
        for one in read_labelled(_LABELLED / f"{name}.jsonl")
    ]
    with tempfile.TemporaryDirectory() as name:
        index, data = Path(name) / "index", Path(name) / "data"
        # Not on the main thread: torch would keep a pool of threads for it that slows the pipeline asked by others.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(build_index, _ROOT / "corpus", index).result()
            texts, alone = aside.submit(expected_of, index, questions).result()
        with served(index, data) as server:
            server.ask(list(islice(cycle(questions), min(500, cases))), _AT_ONCE)  # warm
            single, _ = server.ask(questions[: max(100, min(cases, len(questions)))], 1)
            count(tally, "answers, one at a time", single, len(single), texts)
            before = server.resident
            asked = list(islice(cycle(questions), cases))
            replies, rate = server.ask(asked, _AT_ONCE)
            after = server.resident
            count(tally, f"answers, {_AT_ONCE} at a time", replies, cases, texts)
            one, many = percentiles(single), percentiles(replies)
            for number in one:
                say(
                    f"{number}: one at a time {one[number]:.0f} ms, {_AT_ONCE} at a time {many[number]:.0f} ms,"
                    f" ratio {many[number] / one[number]:.1f}"
                )
            say(f"{rate:.1f} questions a second, {rate / alone:.2f} of the pipeline alone ({alone:.1f})")
            growth = after / before - 1
            say(f"memory {before / 2**20:.0f} MiB before, {after / 2**20:.0f} MiB after, growth {growth:.1%}")
            tally.count("memory flat", "" if growth <= _GROWTH else f"grew by {growth:.1%}")
            overload, _ = server.ask(list(islice(cycle(questions), _OVERLOAD)), _OVERLOAD)
            count(
                tally, f"{_OVERLOAD} at once: answered or told to wait", overload, _OVERLOAD, texts, busy=True
            )
            refused = sum(reply.status == _BUSY for reply in overload)
            room = WebSettings().concurrency + WebSettings().waiting
            say(
                f"{_OVERLOAD} at once: {_OVERLOAD - refused} answered, {refused} told to wait (room for {room})"
            )
            again, _ = server.ask(questions[:_AT_ONCE], _AT_ONCE)
            count(tally, "answers after it", again, _AT_ONCE, texts)


if __name__ == "__main__":
    run("load", main, cases=5000)
