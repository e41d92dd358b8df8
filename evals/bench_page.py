"""Speed of the page in Chromium, with the real server and model: `make bench`.

A question is timed in the page from the key that sends it to the frame that shows its answer, each once the page has
come to rest from the one before; the same questions at `/api/ask` and by `ask()` in this process, one behind the other.
Usable is a page whose box can be typed into, after a new browser's first navigation (cold) and after another page was
open in the same one (warm). A server is started with its index built, and asked as soon as it opens the page.
"""

from __future__ import annotations

import http
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import ROOT, milliseconds
from playwright.sync_api import Browser, sync_playwright

from dawu_qa import QAPipeline, build_index
from dawu_qa.evaluation import read_labelled

sys.path += [str(ROOT / "tests"), str(ROOT / "tests/torture")]
from load import Client, served

from test_browser import ARGUMENTS, CHROMIUM

_BOX = "#dq-box textarea"
_OPENED, _QUESTIONS, _STARTED = 7, 40, 5
#: Seconds after which nothing moves any more: the interview has come to the cited place, its light has faded in.
_REST = 1.0
#: Looked at in every frame by the page's own clock, which starts with the navigation: `wait_for_selector` looks after
#: growing pauses of up to half a second.
_USABLE = "box => document.querySelector(box) && performance.now()"
_ASKED = """([question, count]) => new Promise(done => {
  const began = performance.now();
  const watcher = new MutationObserver(() => {
    if (document.querySelectorAll('.dq-answer').length > count) {
      watcher.disconnect();
      requestAnimationFrame(() => done(performance.now() - began));
    }
  });
  watcher.observe(document.body, {childList: true, subtree: true});
  document.querySelector('#dq-box textarea')
    .dispatchEvent(new KeyboardEvent('keypress', {key: 'Enter', bubbles: true}));
})"""


def usable(browser: Browser, address: str) -> tuple[float, float, int]:
    """Return after how many seconds a page can be typed into, cold and warm, and the bytes that the first took."""
    context = browser.new_context()
    seconds = []
    taken = 0
    for _ in range(2):
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[int] = []
        session.on(
            "Network.loadingFinished", lambda event, sizes=sizes: sizes.append(event["encodedDataLength"])
        )
        page.goto(address, wait_until="commit")
        since = page.wait_for_function(_USABLE, arg=f"{_BOX}:enabled", polling="raf").json_value()
        seconds.append(since / 1000)
        page.wait_for_load_state("networkidle")
        taken = taken or int(sum(sizes))
        page.close()
    context.close()
    return seconds[0], seconds[1], taken


def through_the_page(browser: Browser, address: str) -> Callable[[str], float]:
    """Return what asks a question in the page and tells after how many milliseconds it was answered."""
    page: Any = browser.new_page()
    page.goto(address)
    page.wait_for_selector(".dq-welcome")

    def ask(question: str) -> float:
        page.fill(_BOX, question)
        time.sleep(_REST)
        count = page.locator(".dq-answer").count()
        return float(page.evaluate(_ASKED, [question, count]))

    return ask


def start(index: Path, data: Path) -> tuple[float, float]:
    """Return after how many seconds a new server opens the page, and answers a question asked then."""
    began = time.perf_counter()
    with served(index, data, "/") as server:
        opened = time.perf_counter() - began
        assert Client(server.port).ask("贫困村有多少个?").status == http.HTTPStatus.OK
        return opened, time.perf_counter() - began


def main() -> None:
    labelled = read_labelled(ROOT / "evals/labelled/validation/answerable.jsonl")
    questions = [one.question for one in labelled if not one.context][:_QUESTIONS]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")
        build_index(ROOT / "corpus", index)
        starts = [start(index, Path(folder, "data")) for _ in range(_STARTED)]
        opened, answered = (statistics.median(column) for column in zip(*starts, strict=True))
        print(f"a new server opens the page after {opened:.1f} s and has answered after {answered:.1f} s")
        with sync_playwright() as driver, served(index, Path(folder, "data")) as server:
            address = f"http://127.0.0.1:{server.port}/"
            opened = []
            for _ in range(_OPENED):
                browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
                opened.append(usable(browser, address))
                browser.close()
            cold, warm, taken = (statistics.median(column) for column in zip(*opened, strict=True))
            print(
                f"page usable after {cold:.2f} s cold, {warm:.2f} s warm; {taken / 1024:.0f} KiB over the wire"
            )
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            ask = through_the_page(browser, address)
            shown = statistics.median([ask(question) for question in questions][5:])
            browser.close()
            api = milliseconds(Client(server.port).ask, questions)
        direct = milliseconds(QAPipeline.load(index).ask, questions)
    print(
        f"a question p50: {shown:.0f} ms in the page, {api:.0f} ms at /api/ask, {direct:.0f} ms by ask(): "
        f"{shown - direct:.0f} ms above it"
    )


if __name__ == "__main__":
    main()
