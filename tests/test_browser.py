"""The page in Chromium over the real server and model: what people see and do.

Where a test needs a pipeline to be slow, to fail, or to be of few figures, one that does as it is told stands in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from behind_nginx import FOLDER, behind_nginx
from dawu_qa import QAPipeline
from dawu_qa.corpus import parse
from dawu_qa.feedback import FILE_NAME, FeedbackStore, export_lines
from dawu_qa.web import WebSettings
from dawu_qa.web.source import PipelineSource
from dawu_qa.web.texts import LANGUAGES, LOCALES, text
from web_pipeline import WATER, FakePipeline, NotingPipeline, served

pytestmark = [pytest.mark.browser, pytest.mark.model]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BOX = "#dq-box textarea"
ANSWER = ".dq-answer"
MARK = "#dq-interview mark"
DOWN = ".scroll-down-button-container button"


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
def pipeline(built_index):
    return NotingPipeline(QAPipeline.load(built_index))


@pytest.fixture(scope="module")
def scripted_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("scripted")


@pytest.fixture(scope="module")
def scripted(scripted_dir):
    """The page over a pipeline that does as it is told."""
    with served(FakePipeline(), WebSettings(data_dir=scripted_dir)) as address:
        yield address


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


IN_VIEW = """selector => {
  const box = document.querySelector('#dq-interview .dq-scroll').getBoundingClientRect();
  const mark = document.querySelector(selector).getBoundingClientRect();
  return box.height < innerHeight && mark.height > 0 && mark.top >= box.top && mark.bottom <= box.bottom;
}"""


def in_view(page, selector: str) -> bool:
    return page.evaluate(IN_VIEW, selector)


def wait_until_in_view(page, selector: str) -> None:
    """Wait out the smooth scrolling."""
    page.wait_for_function(IN_VIEW, arg=selector)


def test_a_question_is_answered_with_the_exact_figure_and_its_place_lit(opened, address):
    page = opened(address).page
    ask(page, "饮水安全花了多少钱?")
    assert page.inner_text(f"{ANSWER} strong") == WATER
    assert page.inner_text(f"{ANSWER} blockquote mark") == WATER
    assert "(二)统筹资金落实政策 · 03" in page.inner_text(".dq-where")
    page.wait_for_selector(MARK)
    assert page.inner_text(MARK) == WATER
    wait_until_in_view(page, MARK)
    assert page.evaluate("scrollY") == 0


def test_starting_and_related_questions_are_asked_by_a_click(opened, scripted):
    page = opened(scripted).page
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
    ask(page, "后天会不会下雪?")
    assert "原文没有回答" in page.inner_text(ANSWER)
    assert page.locator(".dq-covered a").count() == 8
    page.click(".dq-covered a >> nth=2")
    page.wait_for_function("document.activeElement.id == 'dq-lit'")


def test_a_middling_confidence_asks_back_and_a_greeting_is_returned(opened, scripted):
    page = opened(scripted).page
    ask(page, "饮水大概怎样")
    assert "您是不是想问" in page.inner_text(ANSWER)
    assert page.locator(".dq-did-you-mean .dq-ask").count() == 3
    assert page.locator(f"{ANSWER} strong").count() == 0
    ask(page, "你好呀")
    assert "您好" in page.inner_text(f"{ANSWER} >> nth=1")


def test_a_span_over_broken_lines_is_lit_without_showing_them(opened, scripted):
    page = opened(scripted).page
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


def test_each_tab_keeps_its_own_conversation_and_a_new_one_goes_on_from_the_last(
    opened, pipeline, tmp_path, browser
):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")

    def answers(page) -> list[str]:
        page.wait_for_selector(f"{BOX}:not([disabled])")
        return page.locator(f"{ANSWER} strong").all_inner_texts()

    def reloaded(page) -> list[str]:
        page.reload()
        return answers(page)

    with served(pipeline, WebSettings(data_dir=tmp_path)) as address:
        first, second = (opened(address, context=context).page for _ in range(2))
        ask(first, "饮水安全花了多少钱?")
        ask(second, "教育资助了多少?")
        assert [reloaded(page) for page in (first, second)] == [[WATER], ["2.68亿元"]]
        assert answers(opened(address, context=context).page) == ["2.68亿元"]
        ask(first, "主持人是谁?")
        assert reloaded(second) == ["2.68亿元"]
        assert answers(opened(address, context=context).page) == [WATER, "魏嘉瑜"]
    with served(pipeline, WebSettings(data_dir=tmp_path), port=int(address.rsplit(":", 1)[1])):
        assert [reloaded(page) for page in (first, second)] == [[WATER, "魏嘉瑜"], ["2.68亿元"]]
        first.click("#dq-new")
        first.wait_for_selector(".dq-welcome")
        assert [reloaded(page) for page in (first, second)] == [[], ["2.68亿元"]]
        assert answers(opened(address, context=context).page) == []


def test_a_paragraph_offers_the_questions_it_answers(opened, scripted):
    page = opened(scripted).page
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
    wait_until_in_view(page, MARK)
    page.keyboard.press("Escape")
    assert not page.is_visible("#dq-interview")
    assert page.evaluate("document.activeElement.className") == "dq-cite"
    page.click("#dq-open")
    assert page.is_visible("#dq-interview")
    page.click(".dq-close")
    assert page.evaluate("document.activeElement.id") == "dq-open"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [390, 900])
def test_the_figures_are_as_wide_as_their_pane(opened, address, width):
    page = opened(address, width=width, height=844).page
    page.click('#dq-tabs [role="tab"] >> nth=1')
    page.wait_for_selector("#dq-table tbody tr")
    assert page.evaluate(
        "['#dq-csv', '.dq-bars', '.dq-wide'].every(each => document.querySelector(each).getBoundingClientRect().right"
        " <= document.querySelector('#dq-left').getBoundingClientRect().right)"
    )
    assert page.evaluate("document.querySelector('#dq-left').getBoundingClientRect().right <= innerWidth")


def test_what_lies_over_the_chat_is_not_pierced_by_its_buttons(opened, address):
    page = opened(address, width=390, height=844, reduced_motion="reduce").page
    for question in ("后天会不会下雪?", "饮水安全花了多少钱?", "饮水和教育各花了多少?"):
        ask(page, question)
    page.wait_for_timeout(300)
    page.evaluate("document.querySelector('#dq-chat [role=log]').scrollTo(0, 0)")
    page.wait_for_selector(DOWN)
    page.click("#dq-open")
    at = "[...document.querySelectorAll('%s')].map(e => e.getBoundingClientRect()).map(r => document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2))"
    assert page.evaluate(at % DOWN + ".every(e => e.closest('#dq-interview'))")


def test_enter_that_ends_a_composition_does_not_send(opened, address):
    page = opened(address).page
    page.click(BOX)  # waits until the box is open, which focus does not
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


def test_a_vote_is_kept_for_the_editors_and_can_be_taken_back(opened, scripted, scripted_dir):
    page = opened(scripted).page
    ask(page, "搬迁了多少人?")
    page.click(".dq-vote-up")
    page.wait_for_selector('.dq-vote-up[aria-pressed="true"]')
    assert "谢谢" in page.inner_text(".dq-thanks")
    store = FeedbackStore(scripted_dir / FILE_NAME)
    assert [(row["question"], row["vote"]) for row in store.votes()] == [("搬迁了多少人?", "up")]
    assert json.loads(next(export_lines(store)))["answer"] == "8803户17830人"
    page.reload()
    page.wait_for_selector('.dq-vote-up[aria-pressed="true"]')
    page.click(".dq-vote-figure")
    page.wait_for_selector('.dq-vote-figure[aria-pressed="true"]')
    assert [row["vote"] for row in store.votes()] == ["figure"]
    page.click(".dq-vote-figure")
    page.wait_for_selector('.dq-vote-figure[aria-pressed="false"]')
    assert store.votes() == []


def test_a_question_without_an_answer_is_kept_for_the_editors(opened, address, data_dir):
    page = opened(address).page
    ask(page, "县里有几座机场?")
    kept = {row["question"] for row in FeedbackStore(data_dir / FILE_NAME).questions()}
    assert "县里有几座机场?" in kept


def test_an_answer_is_copied_as_it_reads(opened, address):
    seen = opened(address)
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(seen.page, "饮水安全花了多少钱?")
    seen.page.click(".dq-copy")
    seen.page.wait_for_function("document.querySelector('.dq-thanks').textContent == '已复制'")
    copied = seen.page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0].startswith(WATER)
    assert "投入资金11665万元,解决了全县5.13万贫困人口" in copied
    assert "&#" not in copied


def test_an_error_is_told_in_the_language_of_the_page_and_the_chat_goes_on(opened, scripted):
    page = opened(scripted).page
    ask(page, "炸")
    assert "出了点问题" in page.inner_text(ANSWER)
    assert "secret words" not in page.content()
    ask_again = page.locator(ANSWER).count()
    page.fill(BOX, "饮水安全花了多少钱?")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{ANSWER} strong")
    assert ask_again == page.locator(ANSWER).count() == 1


def test_a_busy_server_says_so_at_once(opened, tmp_path):
    slow = FakePipeline()
    with served(slow, WebSettings(data_dir=tmp_path, concurrency=1, waiting=0)) as address:
        first, second = opened(address).page, opened(address, locale="en-US").page
        slow.delay = 3.0
        first.fill(BOX, "饮水安全花了多少钱?")
        first.press(BOX, "Enter")
        first.wait_for_timeout(300)
        ask(second, "water?")
        assert "Many people are asking" in second.inner_text(ANSWER)
        first.wait_for_selector(f"{ANSWER} strong")
        slow.delay = 0.0
        second.click(".dq-retry .dq-ask")
        second.wait_for_selector(f"{ANSWER} strong")


TOLD = "#dq-connection"
UNREACHED = [("zh", "连接不上服务器"), ("en", "The server cannot be reached")]


@pytest.mark.parametrize(("language", "told"), UNREACHED)
def test_a_server_that_went_is_told_of_and_asking_goes_on_once_it_is_back(opened, tmp_path, language, told):
    pipeline, settings = FakePipeline(), WebSettings(data_dir=tmp_path)
    with served(pipeline, settings) as address:
        seen = opened(address, locale=LOCALES[language])
        page = seen.page
        ask(page, "饮水安全花了多少钱?")
        page.evaluate("window.unchanged = true")
    page.fill(BOX, "教育资助了多少?")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{TOLD}:has-text('{told}')")
    page.wait_for_timeout(3000)
    assert not page.evaluate(WALK, language)
    assert page.locator(".toast-body").count() == 0
    assert page.input_value(BOX) == "教育资助了多少?"
    with served(pipeline, settings, port=int(address.rsplit(":", 1)[1])):
        page.wait_for_function("document.querySelectorAll('.dq-answer').length == 2")
        assert not page.inner_text(TOLD)
        ask(page, "搬迁了多少人?")
        assert page.locator(f"{ANSWER} strong").last.inner_text() == "8803户17830人"
        assert page.evaluate("window.unchanged")
    assert [error for error in seen.errors if "ERR_CONNECTION" in error]
    seen.errors[:] = [error for error in seen.errors if "ERR_CONNECTION" not in error]


@pytest.mark.parametrize(("language", "told"), UNREACHED)
def test_a_server_that_falls_silent_is_told_of(opened, address, language, told):
    page = opened(address, locale=LOCALES[language]).page
    page.wait_for_selector(".dq-welcome")
    silent = re.compile("/gradio_api/run/|/healthz")
    page.route(silent, lambda route: None)
    page.fill(BOX, "饮水安全花了多少钱?")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{TOLD}:has-text('{told}')")
    page.unroute(silent)
    page.wait_for_selector(f"{ANSWER} strong")
    assert not page.inner_text(TOLD)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("status", "body"), [(500, '{"error": null}'), (413, "<h1>Too Large</h1>")])
def test_a_request_that_is_refused_is_told_in_the_language_of_the_page(
    opened, address, language, status, body
):
    seen = opened(address, locale=LOCALES[language])
    page = seen.page
    page.wait_for_selector(".dq-welcome")
    page.route("**/gradio_api/run/**", lambda route: route.fulfill(status=status, body=body))
    page.fill(BOX, "饮水安全花了多少钱?")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{TOLD}:has-text('{text('notice.error', language)}')")
    assert not page.evaluate(WALK, language)
    assert page.locator(".toast-body").count() == 0
    page.unroute("**/gradio_api/run/**")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{ANSWER} strong")
    assert not page.inner_text(TOLD)
    seen.errors[:] = [error for error in seen.errors if f"status of {status}" not in error]


def test_a_page_opened_before_the_model_says_so_and_answers_once_it_is_there(opened, tmp_path):
    loaded = threading.Event()

    class Slow(FakePipeline):
        def warm_up(self) -> None:
            loaded.wait(30)

    with served(PipelineSource(lambda _: Slow()), WebSettings(data_dir=tmp_path)) as address:
        page = opened(address).page
        page.wait_for_function("document.querySelector('#dq-status').textContent.includes('模型正在载入')")
        page.fill(BOX, "饮水花了多少?")
        page.press(BOX, "Enter")
        loaded.set()
        page.wait_for_selector(ANSWER)
        assert WATER in page.locator(ANSWER).last.inner_text()
        page.wait_for_function("!document.querySelector('#dq-status').textContent")


def test_blank_and_overlong_questions_are_met_gently(opened, address, pipeline):
    page = opened(address).page
    asked = len(pipeline.asked)
    page.fill(BOX, "   ")
    page.press(BOX, "Enter")
    page.wait_for_timeout(300)
    assert page.locator(ANSWER).count() == 0
    ask(page, "长" * 2001)
    assert "太长" in page.inner_text(ANSWER)
    assert len(pipeline.asked) == asked


def test_a_notice_is_brought_into_view(opened, address):
    page = opened(address, reduced_motion="reduce").page
    for question in ("后天会不会下雪?", "饮水和教育各花了多少?", "后天会不会下雪?", "长" * 2001):
        ask(page, question)
    page.wait_for_function(
        "() => { const [log, said] = ['#dq-chat [role=log]', '.dq-notice'].map(e => document.querySelector(e).getBoundingClientRect());"
        " return said.top >= log.top && said.bottom <= log.bottom; }"
    )


def test_a_long_conversation_shows_each_answer_from_its_beginning(opened, address):
    page = opened(address, reduced_motion="reduce").page
    for question in ("后天会不会下雪?", "饮水和教育各花了多少?", "主持人是谁?", "后天会不会下雪?"):
        ask(page, question)
    page.wait_for_timeout(300)
    log, said = (
        page.locator(selector).last.bounding_box()
        for selector in ("#dq-chat [role=log]", '#dq-chat [data-testid="user"]')
    )
    assert log["y"] <= said["y"] <= log["y"] + 80 or page.locator(ANSWER).last.bounding_box()["y"] > log["y"]
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"


def test_reduced_motion_moves_at_once(opened, address):
    page = opened(address, reduced_motion="reduce").page
    ask(page, "饮水安全花了多少钱?")
    page.wait_for_selector(MARK)
    assert in_view(page, MARK)


def test_the_figures_are_sorted_filtered_saved_and_open_their_place(opened, scripted):
    page = opened(scripted).page
    page.click('#dq-tabs [role="tab"] >> nth=1')
    page.wait_for_selector("#dq-table tbody tr")
    assert page.inner_text("#dq-count") == "显示 5 / 5 项"
    first = "#dq-table tbody tr:not([hidden]) >> nth=0"
    page.click('#dq-table [data-sort="1"]')
    assert "6118户" in page.inner_text(first)
    page.click('#dq-table [data-sort="0"]')
    page.click('#dq-table [data-sort="0"]')
    assert "50.98亿元" in page.inner_text(first)
    page.select_option("#dq-unit", "元")
    page.fill("#dq-filter", "饮水")
    assert page.inner_text("#dq-count") == "显示 1 / 5 项"
    page.click(f"{first} >> td >> nth=3")
    page.wait_for_selector(MARK)
    assert page.inner_text(MARK) == WATER
    page.click(".dq-bars a >> nth=0")
    page.wait_for_function("document.querySelector('#dq-interview mark').textContent == '50.98亿元'")
    with page.expect_download() as saved:
        page.click("#dq-csv")
    assert Path(saved.value.path()).read_text("utf-8-sig").startswith("原文写法,数值,单位")


def test_the_language_can_be_switched_and_is_remembered(opened, address):
    page = opened(f"{address}/?q={quote('饮水安全花了多少钱?')}").page
    page.wait_for_selector(f"{ANSWER} strong")
    page.click("#dq-language")
    page.wait_for_function("document.documentElement.lang == 'en'")
    page.wait_for_selector(".dq-note:has-text('Quoted from the Chinese original')")
    assert "lang=" not in page.url
    assert "q=" in page.url
    page.reload()
    page.wait_for_selector("#dq-language:has-text('中文')")


WALK = """language => {
  const other = language === 'zh' ? /[A-Za-z]{3,}/ : /[\\u3400-\\u9fff]/;
  const own = language === 'zh' ? 'zh' : 'en';
  const found = [];
  const speaks = element => (element.closest('[lang]') || document.documentElement).lang;
  const visible = element => element.checkVisibility && element.checkVisibility();
  for (const element of document.body.querySelectorAll('*')) {
    if (['SCRIPT', 'STYLE'].includes(element.tagName) || element.closest('svg') || !visible(element)) continue;
    if (!speaks(element).startsWith(own)) continue;
    const texts = [...element.childNodes].filter(node => node.nodeType === 3).map(node => node.data);
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) if (element.hasAttribute(name)) texts.push(element.getAttribute(name));
    for (const text of texts) if (other.test(text)) found.push(element.tagName + ': ' + text);
  }
  return found;
}"""


@pytest.mark.parametrize(("language", "locale"), [("zh", "zh-CN"), ("zh", "zh-TW"), ("en", "en-US")])
def test_no_text_is_left_untranslated(opened, scripted, language, locale):
    page = opened(scripted, locale=locale).page
    page.wait_for_selector(".dq-welcome")
    allowed = {"SUMMARY: CSV", "A: 下载 CSV"}

    def untranslated() -> set[str]:
        page.wait_for_timeout(300)
        return set(page.evaluate(WALK, language)) - allowed

    assert not untranslated()
    page.click(".dq-tools summary")
    assert not {line for line in untranslated() if "one" not in line}
    page.click(".dq-title")
    page.click(".dq-contents summary")
    assert not untranslated()
    page.click(".dq-what >> nth=0")
    for question in ("饮水和教育各花了多少?", "天气?", "饮水大概", "你好", "长" * 2001):
        ask(page, question)
        assert not untranslated()
    page.evaluate("document.querySelector('#dq-chat [role=log]').scrollTo(0, 0)")
    page.wait_for_selector(DOWN)
    assert not untranslated()
    page.click('#dq-tabs [role="tab"] >> nth=1')
    page.wait_for_selector("#dq-table tbody tr")
    assert not untranslated()
    assert page.evaluate("document.title").count("·") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_no_rule_of_accessibility_is_broken(opened, scripted, scheme, width, height):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(scripted, width=width, height=height, color_scheme=scheme, reduced_motion="reduce").page
    page.wait_for_selector(".dq-welcome")

    def broken() -> list[str]:
        page.wait_for_timeout(200)
        found = axe.run(page).response["violations"]
        return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found]

    assert not broken()
    ask(page, "饮水安全花了多少钱?")
    assert not broken()
    if width < 768:
        page.click(".dq-cite")
        assert not broken()
        page.keyboard.press("Escape")
    for question in ("后天会不会下雪?", "饮水大概"):
        ask(page, question)
        assert not broken()
    page.click('#dq-tabs [role="tab"] >> nth=1')
    page.wait_for_selector("#dq-table tbody tr")
    assert not broken()


def test_everything_is_reached_by_keyboard_with_a_name_and_a_visible_focus(opened, address):
    page = opened(address, reduced_motion="reduce").page
    ask(page, "饮水安全花了多少钱?")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
              const element = document.activeElement;
              if (!element || element === document.body) return null;
              const style = getComputedStyle(element);
              const name = element.getAttribute('aria-label') || element.innerText || element.title || element.placeholder || '';
              return [element.id || element.className || element.tagName, name.trim(), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2];
            }"""
        )
        if at is None:
            continue
        kind, name, ring = at
        assert name, kind
        assert ring, kind
        reached.update(kind.split())
    assert {
        "dq-language",
        "dq-cite",
        "dq-copy",
        "dq-vote",
        "dq-ask",
        "dq-what",
        "dq-scroll",
        "dq-new",
    } <= reached


@pytest.fixture
def under_way(opened, tmp_path):
    """A pipeline that takes its time, and a page whose first question it is at."""
    slow = FakePipeline()
    with served(slow, WebSettings(data_dir=tmp_path)) as address:
        page = opened(address).page
        page.wait_for_selector(".dq-welcome")
        slow.delay = 0.8
        page.click(".dq-welcome .dq-ask >> nth=0")
        yield slow, page


def test_a_second_question_waits_for_the_answer_to_the_first(under_way):
    slow, page = under_way
    page.fill(BOX, "教育资助了多少?")
    page.press(BOX, "Enter")
    page.wait_for_selector(f"{ANSWER} strong")
    assert len(slow.asked) == 1
    slow.delay = 0.0
    ask(page, "教育资助了多少?")
    assert page.locator(ANSWER).count() == 2


def test_the_chat_is_not_cleared_while_an_answer_is_on_its_way(under_way):
    _, page = under_way
    page.click("#dq-new")
    page.wait_for_selector(f"{ANSWER} strong")
    page.click("#dq-new")
    page.wait_for_selector(".dq-welcome")
    page.reload()
    page.wait_for_selector(".dq-welcome")
    assert page.locator(ANSWER).count() == 0


def test_a_citation_and_an_offer_work_by_keyboard(opened, address):
    page = opened(address, reduced_motion="reduce").page
    ask(page, "饮水安全花了多少钱?")
    page.focus(".dq-cite")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "dq-lit"
    page.focus("#dq-interview .dq-cited .dq-what")
    page.keyboard.press("Enter")
    page.focus(".dq-offer .dq-ask")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.dq-answer').length == 2")


def test_several_sources_have_a_picker_and_the_cited_one_opens(opened, pipeline, tmp_path):
    second = parse("b.md", "# 桥梁访谈\n\n## 桥修好了吗?\n\n修好桥梁三座。\n")
    both = FakePipeline([second, *pipeline.documents])
    with served(both, WebSettings(data_dir=tmp_path)) as address:
        page = opened(address).page
        assert page.is_visible("#dq-interview article >> nth=0")
        ask(page, "饮水安全花了多少钱?")
        page.wait_for_selector(MARK)
        assert page.is_visible("#dq-interview article >> nth=1")
        assert page.input_value(".dq-picker") == "1"
        page.select_option(".dq-picker", "0")
        assert page.is_visible("text=修好桥梁三座")


def test_an_index_that_was_rebuilt_is_taken_up_under_an_open_page(opened, pipeline, tmp_path):
    current = ["one"]
    document = pipeline.documents[0]
    changed = parse(document.source, document.text.replace("\n\n2020年", "\n\n新加了一段。\n\n2020年", 1))
    versions = {"one": FakePipeline([document], "one"), "two": FakePipeline([changed], "two")}
    source = PipelineSource(lambda _: versions[current[0]], lambda: current[0])
    with served(source, WebSettings(data_dir=tmp_path)) as address:
        page = opened(address).page
        ask(page, "饮水安全花了多少钱?")
        assert page.locator("text=新加了一段").count() == 0
        current[0] = "two"
        page.wait_for_timeout(1100)
        ask(page, "教育资助了多少?")
        page.wait_for_selector("text=新加了一段")
        page.click(".dq-cite >> nth=0")
        page.wait_for_function(f"document.querySelector('#dq-interview mark')?.textContent == '{WATER}'")


@contextlib.contextmanager
def behind_a_proxy_that_leaves_the_folder_out(settings: WebSettings, tmp_path: Path) -> Iterator[str]:
    with served(FakePipeline(), settings, folder=FOLDER) as address:
        yield address + FOLDER


@pytest.mark.parametrize("proxy", [behind_nginx, behind_a_proxy_that_leaves_the_folder_out])
def test_the_page_works_behind_a_proxy_that_serves_it_in_a_folder(opened, proxy, tmp_path):
    with proxy(WebSettings(data_dir=tmp_path, root_path=FOLDER), tmp_path) as address:
        page = opened(f"{address}/?lang=en").page
        assert page.evaluate("document.documentElement.lang") == "en"
        ask(page, "water?")
        assert page.inner_text(f"{ANSWER} strong") == WATER
        page.wait_for_selector(MARK)
        page.click('#dq-tabs [role="tab"] >> nth=1')
        page.wait_for_selector("#dq-table tbody tr")
        with page.expect_download():
            page.click("#dq-csv")


def test_credentials_open_the_page(opened, pipeline, tmp_path):
    settings = WebSettings(data_dir=tmp_path, credentials="editor:sesame")
    with served(pipeline, settings) as address:
        page = opened(address, http_credentials={"username": "editor", "password": "sesame"}).page
        ask(page, "饮水安全花了多少钱?")
        assert page.inner_text(f"{ANSWER} strong") == WATER


def test_the_real_pipeline_answers_in_the_page(opened, address):
    page = opened(address).page
    ask(page, "饮水安全花了多少钱?")
    assert WATER in page.inner_text(f"{ANSWER} strong")
    page.wait_for_selector(MARK)
    assert WATER in page.inner_text(MARK)
    page.click("#dq-new")
    page.wait_for_selector(".dq-welcome")
    ask(page, "后天会不会下雪?")
    assert "原文没有回答" in page.inner_text(ANSWER)


def test_what_the_real_pipeline_offers_is_asked_with_its_own_answers(opened, address, pipeline, data_dir):
    page = opened(address).page
    for at, offers in enumerate((".dq-welcome .dq-ask >> nth=0", ".dq-related .dq-ask >> nth=0"), 1):
        offered = page.inner_text(offers).strip()
        page.click(offers)
        page.wait_for_function("n => document.querySelectorAll('.dq-answer').length == n", arg=at)
        asked, history = pipeline.asked[-1]
        assert asked == offered
        told = [span.text for span in pipeline.ask(asked, history=history).spans]
        assert told
        assert page.locator(f"{ANSWER} >> nth={at - 1} >> strong").all_inner_texts() == told
    first, value = pipeline.asked[-1][1][0], page.inner_text(f"{ANSWER} >> nth=0 >> strong")
    page.click(".dq-vote-up >> nth=0")
    page.wait_for_selector('.dq-vote-up[aria-pressed="true"]')
    store = FeedbackStore(data_dir / FILE_NAME)
    assert [row["question"] for row in store.votes()] == [first]
    assert value in [json.loads(line).get("answer") for line in export_lines(store)]
    paragraph = "#dq-interview [data-offers]:has-text('提升安全饮水')"
    words = page.inner_text(paragraph)
    page.click(paragraph)
    page.click(".dq-offer .dq-ask >> nth=0")
    page.wait_for_function("document.querySelectorAll('.dq-answer').length == 3")
    assert page.inner_text(f"{ANSWER} >> nth=2 >> strong") in words


def test_twenty_people_ask_at_once_and_each_has_the_answer_to_their_question(opened, address):
    pages = [opened(address).page for _ in range(20)]
    asked = [("饮水安全花了多少钱?", WATER), ("后天会不会下雪?", "原文没有回答")] * 10
    for page, (question, _) in zip(pages, asked, strict=True):
        page.fill(BOX, question)
    for page in pages:
        page.press(BOX, "Enter")
    for page, (_, answer) in zip(pages, asked, strict=True):
        page.wait_for_selector(ANSWER)
        assert page.locator(ANSWER).count() == 1
        assert answer in page.inner_text(ANSWER)
