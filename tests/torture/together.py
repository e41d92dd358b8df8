"""Many asking while the index is rebuilt, builds at once, two servers: each answer is of one index or the other."""

import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dawu_qa import IndexLockedError, QAPipeline
from dawu_qa.index.storage import read_manifest
from dawu_qa.web.source import PipelineSource
from torture.common import ENCODER, QUESTIONS, WORKERS, Bench, Tally, alike, build, run

_THREADS = 16
#: The clock of a server's look at the index runs this much faster than time.
_HASTE = 50


class Server:
    """Takes up a rebuilt index as the page does, asks all the time, and checks each answer that it gets.

    The file `sign` holds the fingerprint of the index that it serves.
    """

    def __init__(self, bench, sign):
        self.source = PipelineSource(
            lambda _: QAPipeline.load(bench.index, encoder=ENCODER),
            lambda: read_manifest(bench.index)[0].fingerprint,
            clock=lambda: _HASTE * time.monotonic(),
        )
        self.expected = [dict(zip(QUESTIONS, answers, strict=True)) for answers in bench.answers]
        self.tally, self._sign, self._served, self._counting = Tally(), sign, "", threading.Lock()

    def ask_until(self, stopped):
        """Ask in sixteen threads until told to stop; return the tally."""
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda first: self._asking(first, stopped), range(_THREADS)))
        return self.tally

    def _asking(self, first, stopped):
        for question in islice(cycle(QUESTIONS), first, None):
            if stopped():
                return
            fault = self._fault(question)
            with self._counting:
                self.tally.count("answers under rebuilds", fault, question)

    def _fault(self, question):
        try:
            library = self.source.library()
            if library.fingerprint != self._served:
                self._served = library.fingerprint
                self._sign.write_text(self._served)
            answer = library.pipeline.ask(question)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return repr(error)
        texts = {document.source: document.text for document in library.documents}
        if any(texts[span.source][span.start : span.end] != span.text for span in answer.spans):
            return f"no slice of its source: {answer.text}"
        if answer.text != "；".join(span.text for span in answer.spans):
            return f"more than its spans: {answer.text}"
        return (
            ""
            if any(alike([answer], [known[question]]) for known in self.expected)
            else f"a mixture: {answer}"
        )


def _serve(bench, sign, stop):
    return Server(bench, sign).ask_until(stop.exists)


def asking_while_rebuilt(bench, tally, cases, answers=250):
    """Sixteen threads in each of two servers ask while another process rebuilds their index.

    Args:
        bench: Its two corpora take turns.
        tally: Counts every answer, and every rebuild that both servers took up.
        cases: How often the index is rebuilt.
        answers: How many this process's server gives between two rebuilds, or more.
    """
    bench.build(0)
    stop, *signs = (bench.folder / name for name in ("stop", "served-here", "served-there"))
    stop.unlink(missing_ok=True)
    server = Server(bench, signs[0])
    with ProcessPoolExecutor(2, WORKERS) as processes, ThreadPoolExecutor(1) as thread:
        asking = [
            thread.submit(server.ask_until, stop.exists),
            processes.submit(_serve, bench, signs[1], stop),
        ]
        try:
            _wait(lambda: _served(bench, signs))
            for at in range(cases):
                processes.submit(build, bench.corpora[1 - at % 2], bench.index).result()
                goal = server.tally.cases.total() + answers
                _wait(lambda goal=goal: server.tally.cases.total() >= goal and _served(bench, signs))
                tally.count("rebuilds taken up", "")
        except TimeoutError:
            tally.count("rebuilds taken up", "not in time")
        finally:
            stop.touch()
        for one in asking:
            tally.add(one.result())


def _served(bench, signs):
    now = read_manifest(bench.index)[0].fingerprint
    return all(sign.is_file() and sign.read_text() == now for sign in signs)


def _wait(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)


def builds_at_once(bench, tally, cases):
    """Two processes build one index from two corpora: the index is that of one, and the other is told so."""
    with ProcessPoolExecutor(2, WORKERS) as pool:
        for at in range(cases):
            builds = [pool.submit(build, corpus, bench.index) for corpus in bench.corpora]
            refused = [error for error in (each.exception() for each in builds) if error]
            fault = "" if all(isinstance(error, IndexLockedError) for error in refused) else repr(refused)
            fault = fault or ("" if len(refused) < 2 else "both refused") or bench.fault(0, 1)
            tally.count("builds at once", fault or bench.fault_after_build(at % 2), f"at {at}")


def main(tally, cases):
    with Bench.set_up() as bench:
        asking_while_rebuilt(bench, tally, cases)
        builds_at_once(bench, tally, 2 * cases)


if __name__ == "__main__":
    run("together", main, cases=20)
