"""The page in Chromium: what people see and do."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

import pytest

from dawu_qa.corpus import parse
from dawu_qa.feedback import FILE_NAME, FeedbackStore, export_lines
from dawu_qa.web import WebSettings
from dawu_qa.web.source import PipelineSource
from web_pipeline import WATER, FakePipeline, served

pytestmark = pytest.mark.browser
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
BOX = "#dq-box textarea"
ANSWER = ".dq-answer"
MARK = "#dq-interview mark"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).is_file():
        reason = f"{CHROMIUM} is missing: apt-get install chromium fonts-noto-cjk"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pipeline():
    return FakePipeline()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def address(pipeline, data_dir):
    with served(pipeline, WebSettings(data_dir=data_dir)) as address:
        yield address


@dataclass
class Watched:
    """A page with what it asked for and what went wrong on it."""

    page: object
    context: object
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser) -> Iterator[Callable[..., Watched]]:
    """Open pages; afterwards, no request may have left the machine and no error may stand in the console."""
    watched: list[Watched] = []

    def open_page(
        url: str, *, width: int = 1280, height: int = 800, locale: str = "zh-CN", **options
    ) -> Watched:
        context = options.pop("context", None) or browser.new_context(
            viewport={"width": width, "height": height}, locale=locale, **options
        )
        seen = Watched(context.new_page(), context)
        watched.append(seen)
        seen.page.set_default_timeout(15_000)
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on(
            "console", lambda message: seen.errors.append(message.text) if message.type == "error" else None
        )
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.goto(url)
        seen.page.wait_for_selector(BOX)
        seen.page.wait_for_selector("#dq-interview article", state="attached")
        return seen

    yield open_page
    for seen in watched:
        with contextlib.suppress(Exception):
            seen.context.close()
    assert not [
        url
        for seen in watched
        for url in seen.requests
        if not re.match(r"(https?://127\.0\.0\.1[:/]|data:|blob:)", url)
    ]
    assert not [error for seen in watched for error in seen.errors]


def ask(page, question: str) -> None:
    """Type a question, send it, and wait for its answer."""
    before = page.locator(ANSWER).count()
    page.fill(BOX, question)
    page.press(BOX, "Enter")
    page.wait_for_function("n => document.querySelectorAll('.dq-answer').length > n", arg=before)


def in_view(page, selector: str) -> bool:
    return page.evaluate(
        """selector => {
          const box = document.querySelector('#dq-interview .dq-scroll').getBoundingClientRect();
          const mark = document.querySelector(selector).getBoundingClientRect();
          return mark.top >= box.top && mark.bottom <= box.bottom;
        }""",
        selector,
    )


def test_a_question_is_answered_with_the_exact_figure_and_its_place_lit(opened, address):
    page = opened(address).page
    ask(page, "饮水安全花了多少钱?")
    assert page.inner_text(f"{ANSWER} strong") == WATER
    assert page.inner_text(f"{ANSWER} blockquote mark") == WATER
    assert "(二)统筹资金落实政策 · 03" in page.inner_text(".dq-where")
    page.wait_for_selector(MARK)
    assert page.inner_text(MARK) == WATER
    page.wait_for_function("document.querySelector('#dq-interview .dq-scroll').scrollTop > 200")
    page.wait_for_timeout(700)
    assert in_view(page, MARK)
    assert page.evaluate("scrollY") == 0


def test_starting_and_related_questions_are_asked_by_a_click(opened, address):
    page = opened(address).page
    page.click(".dq-welcome .dq-ask >> nth=0")
    page.wait_for_selector(f"{ANSWER} strong")
    assert page.locator(".dq-related .dq-ask").count() == 3
    page.click(".dq-related .dq-ask >> nth=0")
    page.wait_for_function("document.querySelectorAll('.dq-answer').length == 2")
    assert page.inner_text(f"{ANSWER} >> nth=1 >> strong") == "2.68亿元"
    assert page.locator(".dq-related").count() == 1


def test_a_follow_up_is_asked_with_the_questions_before(opened, address, pipeline):
    page = opened(address).page
    ask(page, "饮水安全花了多少钱?")
    ask(page, "那教育呢?")
    assert page.inner_text(f"{ANSWER} >> nth=1 >> strong") == "2.68亿元"
    assert pipeline.asked[-1] == ("那教育呢?", ("饮水安全花了多少钱?",))


def test_several_spans_are_numbered_and_each_opens_its_place(opened, address):
    page = opened(address).page
    ask(page, "饮水和教育各花了多少?")
    assert page.locator(f"{ANSWER} .dq-cite").all_inner_texts() == ["[1]", "[2]"]
    page.click(f"{ANSWER} .dq-cite >> nth=1")
    page.wait_for_function("document.querySelector('#dq-interview mark').textContent == '2.68亿元'")
    assert page.evaluate("document.activeElement.id") == "dq-lit"


def test_what_the_source_does_not_say_is_declined_with_what_it_covers(opened, address):
    page = opened(address).page
    ask(page, "今天天气怎么样?")
    assert "原文没有提到" in page.inner_text(ANSWER)
    assert page.locator(".dq-covered a").count() == 8
    page.click(".dq-covered a >> nth=2")
    page.wait_for_function("document.activeElement.id == 'dq-lit'")


def test_a_middling_confidence_asks_back_and_a_greeting_is_returned(opened, address):
    page = opened(address).page
    ask(page, "饮水大概怎样")
    assert "你是不是想问" in page.inner_text(ANSWER)
    assert page.locator(".dq-did-you-mean .dq-ask").count() == 3
    assert page.locator(f"{ANSWER} strong").count() == 0
    ask(page, "你好呀")
    assert "您好" in page.inner_text(f"{ANSWER} >> nth=1")


def test_a_span_over_broken_lines_is_lit_without_showing_them(opened, address):
    page = opened(address).page
    ask(page, "哪年收官?")
    page.wait_for_selector(MARK)
    assert "".join(page.locator(MARK).all_inner_texts()) == "收官之年"


PAYLOADS = (
    '<img src="http://evil.example/a.png" onerror="window.hit=1">',
    "![x](http://evil.example/b.png) [l](javascript:window.hit=1)",
    '<form action="http://evil.example"><button>go</button></form><style>body{display:none}</style>',
    "</div><script>window.hit=1</script>${window.hit=1}{{constructor}}",
    '"><a href="http://evil.example">x</a> `code` **bold** # head | $x$ <svg onload=window.hit=1>',
)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_in_a_question_is_shown_as_typed_and_reaches_nothing(opened, address, payload):
    page = opened(f"{address}/?q={quote(payload)}").page
    page.wait_for_selector(ANSWER)
    said = page.inner_text('#dq-chat [data-testid="user"]').strip()
    assert said == payload
    assert page.evaluate("window.hit") is None
    assert (
        page.locator("#dq-chat [data-testid] :is(img, form, script, style, svg, a[href*=evil])").count() == 0
    )


def test_a_shared_address_asks_at_once_and_follows_what_is_asked(opened, address):
    page = opened(f"{address}/?q={quote('主持人是谁?')}").page
    page.wait_for_selector(f"{ANSWER} strong")
    assert page.inner_text(f"{ANSWER} strong") == "魏嘉瑜"
    ask(page, "饮水安全花了多少钱?")
    page.wait_for_function("new URL(location.href).searchParams.get('q') == '饮水安全花了多少钱?'")
    page.reload()
    page.wait_for_function("document.querySelectorAll('.dq-answer').length == 2")


def test_the_chat_survives_a_reload_and_a_new_server_and_can_be_cleared(opened, pipeline, tmp_path, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    with served(pipeline, WebSettings(data_dir=tmp_path)) as address:
        page = opened(address, context=context).page
        ask(page, "饮水安全花了多少钱?")
        page.wait_for_timeout(300)
        kept = context.storage_state()
    port = address.rsplit(":", 1)[1]
    with served(pipeline, WebSettings(data_dir=tmp_path)) as again:
        kept["origins"][0]["origin"] = kept["origins"][0]["origin"].replace(port, again.rsplit(":", 1)[1])
        page = opened(again, storage_state=kept).page
        page.wait_for_selector(f"{ANSWER} strong")
        assert page.inner_text(f"{ANSWER} strong") == WATER
        page.wait_for_selector(MARK)
        page.click("#dq-new")
        page.wait_for_selector(".dq-welcome")
        assert page.locator(MARK).count() == 0
        page.reload()
        page.wait_for_selector(".dq-welcome")
        page.wait_for_timeout(300)
        assert page.locator(ANSWER).count() == 0


def test_a_paragraph_offers_the_questions_it_answers(opened, address):
    page = opened(address).page
    page.click("#dq-interview [data-offers]:has-text('提升安全饮水')")
    page.click(".dq-offer .dq-ask")
    page.wait_for_selector(f"{ANSWER} strong")
    assert page.inner_text(f"{ANSWER} strong") == WATER


def test_on_a_phone_the_interview_is_a_sheet_that_a_citation_opens(opened, address):
    page = opened(address, width=390, height=844).page
    assert not page.is_visible("#dq-interview")
    ask(page, "饮水安全花了多少钱?")
    assert not page.is_visible("#dq-interview")
    page.click(".dq-cite")
    page.wait_for_selector(MARK)
    page.wait_for_timeout(600)
    assert in_view(page, MARK)
    page.keyboard.press("Escape")
    assert not page.is_visible("#dq-interview")
    assert page.evaluate("document.activeElement.className") == "dq-cite"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_enter_that_ends_a_composition_does_not_send(opened, address):
    page = opened(address).page
    page.focus(BOX)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Input.imeSetComposition", {"text": "yinshui", "selectionStart": 7, "selectionEnd": 7})
    key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 229}
    devtools.send("Input.dispatchKeyEvent", {"type": "keyDown", **key})
    devtools.send("Input.dispatchKeyEvent", {"type": "char", "text": "\r", "unmodifiedText": "\r", **key})
    devtools.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
    page.wait_for_timeout(400)
    assert page.locator(ANSWER).count() == 0
    devtools.send("Input.insertText", {"text": "饮水花了多少"})
    page.press(BOX, "Enter")
    page.wait_for_selector(ANSWER)
