"""The page's server side: texts, turns, escaping, the gate, the routes and their guard."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import html
import importlib.util
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from string import Formatter

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

import dawu_qa.web
from dawu_qa.corpus import parse
from dawu_qa.errors import IndexDamagedError, ServeError
from dawu_qa.types import Answer, Span
from dawu_qa.web import WebSettings, build_app
from dawu_qa.web.api import program
from dawu_qa.web.chat import Conversation
from dawu_qa.web.desk import Desk
from dawu_qa.web.figures import figures_csv, figures_html, number
from dawu_qa.web.gate import Busy, Gate, RateLimit, TooFast
from dawu_qa.web.interview import content, interview_html
from dawu_qa.web.library import Library
from dawu_qa.web.markup import literal, literal_kept, marked
from dawu_qa.web.server import listen
from dawu_qa.web.source import PipelineSource
from dawu_qa.web.texts import LANGUAGES, keys, preferred_language, table, text
from dawu_qa.web.turns import MAX_TURNS, Turn, from_browser, to_browser
from web_pipeline import WATER, FakePipeline, served

APP = str(Path(__file__).resolve().parents[1] / "app.py")
CJK = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def pipeline():
    return FakePipeline()


@pytest.fixture(scope="module")
def library(pipeline):
    return Library(pipeline)


@pytest.fixture(scope="module")
def address(pipeline, tmp_path_factory):
    with served(pipeline, WebSettings(data_dir=tmp_path_factory.mktemp("data"))) as address:
        yield address


def in_process(pipeline, settings: WebSettings, method: str, path: str, **options) -> httpx.Response:
    """Send one request to the app without a server."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(pipeline, settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.request(method, path, **options)

    return anyio.run(send)


# Texts


@pytest.mark.parametrize("key", keys())
def test_each_text_stands_in_both_languages_with_the_same_fields(key):
    chinese, english = (table(language)[key] for language in LANGUAGES)
    assert chinese.strip()
    assert english.strip()
    fields = [{name for _, name, _, _ in Formatter().parse(words) if name} for words in (chinese, english)]
    assert fields[0] == fields[1]
    if key not in {"page.switch", "page.switch_label"}:
        assert not CJK.search(english)
        assert CJK.search(chinese) or not re.search("[A-Za-z]{3}", chinese)


def test_the_script_asks_for_no_text_that_the_table_lacks():
    folder = Path(dawu_qa.web.__file__).parent / "static"
    asked = {
        key
        for path in folder.glob("*.js")
        for key in re.findall(r'"((?:page|chat|vote|doc|figures|notice)\.\w+)"', path.read_text("utf-8"))
    }
    assert asked
    assert asked <= set(keys())


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9", "en"),
        ("fr,en;q=0.5,zh;q=0.2", "en"),
        ("en;q=0.3, zh-TW;q=0.7", "zh"),
        ("en;q=0", "zh"),
        ("de", "zh"),
        ("en;q=x", "zh"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(header, language):
    assert preferred_language(header) == language


def test_the_page_knows_no_word_of_this_interview(pipeline):
    folder = Path(dawu_qa.web.__file__).parent
    code = "".join(
        path.read_text("utf-8") for path in folder.rglob("*") if path.suffix in {".py", ".js", ".css"}
    )
    names = [span.text for document in pipeline.documents for span in document.metadata.values()]
    assert not [name for name in [*names, "大悟", "脱贫", "扶贫", "孝感"] if name in code]


# Markup


@given(st.text())
def test_a_literal_text_reads_as_itself_and_holds_no_markup(words):
    shown = literal(words)
    assert html.unescape(shown) == " ".join(words.split())
    assert not re.search(r"[!\"$%'()*+,\-./:<=>?@\[\\\]^_`{|}~]", shown)


@given(st.text(alphabet="ab<&*\n 中文。,", max_size=30), st.integers(0, 30), st.integers(1, 30))
def test_a_mark_covers_its_span_and_nothing_else(words, start, length):
    span = Span("", "s", 100 + start, 100 + start + length)
    shown = marked(words, 100, [span])
    inside = re.search("<mark>(.*)</mark>", shown)
    expected = literal_kept(words[start : start + length])
    assert (inside.group(1) if inside else "") == expected or (
        not words[start : start + length] and not inside
    )
    assert "<" not in re.sub("</?mark>", "", shown)


def test_overlapping_spans_are_marked_once():
    shown = marked("一二三四五", 0, [Span("", "s", 1, 4), Span("", "s", 2, 5)])
    assert shown == "一<mark>二三四</mark><mark>五</mark>"


# Turns


def test_turns_survive_the_browser(pipeline):
    turns = [Turn.of(pipeline.ask(question)) for question in ("饮水花了多少?", "天气?", "饮水大概?", "你好")]
    kept = json.loads(json.dumps(to_browser(turns)))
    assert from_browser(kept) == turns


def test_only_the_latest_turns_are_kept(pipeline):
    turn = Turn.of(pipeline.ask("天气?"))
    assert len(to_browser([turn] * (MAX_TURNS + 5))) == MAX_TURNS
    assert len(from_browser(json.loads(json.dumps([turn.as_json()] * 500)))) == MAX_TURNS


@pytest.mark.parametrize("kept", [None, 3, "x", {}, [None, 1, "x", [], {}]])
def test_what_is_no_list_of_turns_is_left_out(kept):
    assert from_browser(kept) == []


@pytest.mark.parametrize(
    "change",
    [
        {"band": "evil"},
        {"band": "decline"},
        {"spans": []},
        {"spans": [{"text": "x", "source": "s", "start": 3, "end": 3}]},
        {"spans": [{"text": "x", "source": "s", "start": "1", "end": 2}]},
        {"spans": [{"text": "x" * 5000, "source": "s", "start": 1, "end": 2}]},
        {"question": 3},
        {"question": "x" * 3000},
        {"sentence": "x"},
        {"confidence": "much"},
        {"suggestions": ["x"] * 100},
        {"id": "x" * 100},
    ],
)
def test_a_malformed_turn_is_left_out(pipeline, change):
    whole = json.loads(json.dumps(Turn.of(pipeline.ask("饮水花了多少?")).as_json()))
    assert from_browser([whole])
    assert from_browser([whole | change]) == []


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "question",
                        "band",
                        "spans",
                        "sentence",
                        "nearest",
                        "confidence",
                        "suggestions",
                        "vote",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_nothing_that_a_browser_keeps_raises(kept):
    from_browser(kept)


# Conversation and interview


def test_an_answer_shows_value_quotation_place_and_votes(pipeline, library):
    reply = Conversation(library, "zh").reply(Turn.of(pipeline.ask("饮水花了多少?")))
    assert f'<strong lang="zh-CN">{WATER}</strong>' in reply
    assert f"<mark>{WATER}</mark>" in reply
    assert "把握 93&#37;" in reply
    assert reply.count("dq-vote-") == 4


def test_an_english_page_says_that_the_quotation_is_chinese(pipeline, library):
    reply = Conversation(library, "en").reply(Turn.of(pipeline.ask("water?")))
    assert "Quoted from the Chinese original" in reply


def test_two_spans_of_one_sentence_are_quoted_once(library, pipeline):
    spans = (pipeline.find("11665万元"), pipeline.find("5.13万贫困人口"))
    turn = replace(Turn.of(pipeline.ask("饮水花了多少?")), spans=spans)
    reply = Conversation(library, "zh").reply(turn)
    assert reply.count("<blockquote") == 1
    assert reply.count("<mark>") == 2


def test_a_span_that_moved_is_found_and_one_that_went_is_said_to_be_gone(pipeline):
    turn = Turn.of(pipeline.ask("饮水花了多少?"))
    document = pipeline.documents[0]
    moved = Library(FakePipelineOf(parse(document.source, "新的开头。\n\n" + document.text)))
    assert moved.locate(turn.spans[0]).start == turn.spans[0].start + 7
    gone = Library(FakePipelineOf(parse(document.source, "换了一篇文章。\n")))
    reply = Conversation(gone, "zh").reply(turn)
    assert "找不到这处引文" in reply
    assert "dq-cite" not in reply


class FakePipelineOf(FakePipeline):
    def __init__(self, *documents, fingerprint="two"):
        self.documents, self.fingerprint, self.starters, self.figures = documents, fingerprint, (), ()
        self.asked, self.delay = [], 0.0


def test_every_block_of_the_interview_stands_at_its_offsets(library, pipeline):
    shown = interview_html(library, "zh")
    document = pipeline.documents[0]
    blocks = re.findall(r'data-start="(\d+)" data-end="(\d+)">(.*?)</(?:p|h\d)>', shown, flags=re.DOTALL)
    assert len(blocks) == len(document.blocks)
    for start, end, inner in blocks:
        assert html.unescape(re.sub("<[^>]+>", "", inner)) == document.text[int(start) : int(end)]


def test_several_sources_get_a_picker_and_their_titles_in_the_place(pipeline):
    second = parse("b.md", "# 桥梁访谈\n\n## 桥修好了吗?\n\n修好桥梁三座。\n")
    both = Library(FakePipelineOf(pipeline.documents[0], second))
    shown = interview_html(both, "zh")
    assert shown.count("<article") == 2
    assert shown.count("<option") == 2
    at = second.text.index("三座")
    assert both.where(Span("三座", "b.md", at, at + 2))[0] == "桥梁访谈"


def test_markup_in_a_source_is_shown_as_written():
    document = parse("x.txt", "<script>alert(1)</script>怎么样?\n\n${x} {{y}} <img src=x onerror=y>是的。\n")
    shown = json.dumps(
        content(Library(FakePipelineOf(document)), "zh", feedback=True, logged=False), ensure_ascii=False
    )
    assert "<script" not in shown
    assert "<img" not in shown


def test_no_document_at_all_gives_an_empty_page():
    assert content(Library(FakePipelineOf()), "zh", feedback=False, logged=False)["header"] == ""


# Figures


def test_figures_are_compared_in_one_unit_and_open_their_place(library):
    shown = figures_html(library, "zh")
    assert 'data-value="116650000"' in shown
    assert shown.count("<tr data-unit") == 5
    assert shown.count('class="dq-bars"') == 3
    assert "没有" not in shown


def test_a_corpus_without_figures_says_so():
    assert "No figures" in figures_html(Library(FakePipelineOf()), "en")


def test_csv_holds_every_figure_and_no_formula(library):
    words = figures_csv(library, "zh")
    assert words.startswith("\ufeff原文写法,数值,单位,所指,时间,章节\r\n")
    assert "'=整合资金" in words
    assert words.count("\r\n") == 6


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "0"), (1986.0, "1,986"), (22.27, "22.27"), (5.098e9, "5,098,000,000")]
)
def test_numbers_are_grouped(value, shown):
    assert number(value) == shown


# Gate and source


def test_the_gate_lets_a_bounded_number_in():
    async def run() -> None:
        gate = Gate(1, 1, 0)
        entered = anyio.Event()

        async def hold() -> None:
            async with gate.question(None):
                entered.set()
                await anyio.sleep(0.05)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold)
            await entered.wait()
            tasks.start_soon(hold)
            await anyio.sleep(0.01)
            with pytest.raises(Busy):
                async with gate.question(None):
                    pass
        async with gate.question(None):
            pass

    anyio.run(run)


def test_a_client_is_slowed_down_and_let_in_again():
    now = [0.0]
    rate = RateLimit(2, clock=lambda: now[0])
    assert [rate.take("a"), rate.take("a"), rate.take("a"), rate.take("b")] == [True, True, False, True]
    now[0] = 30.0
    assert [rate.take("a"), rate.take("a")] == [True, False]


def test_whoever_sits_at_this_computer_is_not_slowed_down():
    async def run() -> None:
        gate = Gate(1, 0, 1)
        for _ in range(3):
            async with gate.question("127.0.0.1"):
                pass
        async with gate.question("10.0.0.9"):
            pass
        with pytest.raises(TooFast):
            async with gate.question("10.0.0.9"):
                pass

    anyio.run(run)


def test_a_rebuilt_index_is_taken_up_and_an_unusable_one_is_not(caplog):
    now, current = [0.0], ["one"]

    def load(former):
        if current[0] == "bad":
            raise IndexDamagedError("damaged; run `dawu-qa index`")
        return FakePipeline(fingerprint=current[0])

    source = PipelineSource(load, lambda: current[0], clock=lambda: now[0])
    assert not source.ready
    first = source.library()
    assert not source.ready
    source.warm_up()
    assert source.ready
    current[0] = "two"
    assert source.library() is first
    now[0] = 5.0
    assert source.library().fingerprint == "two"
    current[0], now[0] = "bad", 10.0
    assert source.library().fingerprint == "two"
    assert "stays in use" in caplog.text
    current[0], now[0] = "three", 20.0
    assert source.library().fingerprint == "three"


# Routes


def test_a_program_gets_the_whole_answer_as_json(address, pipeline):
    got = httpx.post(
        f"{address}/api/ask", json={"question": "那花了多少?", "history": ["饮水安全?"], "top_k": 1}
    ).json()
    document = pipeline.documents[0]
    assert got["answered"] is True
    assert got["text"] == WATER
    (span,) = got["spans"]
    assert document.text[span["start"] : span["end"]] == WATER
    assert got["passages"][0]["passage"]["headings"][-1] == "03"
    assert pipeline.asked[-1] == ("那花了多少?", ("饮水安全?",))
    declined = httpx.get(f"{address}/api/ask", params={"question": "天气?"}).json()
    assert declined["answered"] is False
    assert declined["suggestions"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"question": ""},
        {"question": "  "},
        {"question": "x" * 2001},
        {"question": "x", "top_k": 0},
        {"question": 3},
    ],
)
def test_a_wrong_question_is_refused(address, body):
    assert httpx.post(f"{address}/api/ask", json=body).status_code == 422


def test_an_error_inside_does_not_show(address):
    got = httpx.post(f"{address}/api/ask", json={"question": "炸"})
    assert got.status_code == 500
    assert "secret" not in got.text


def test_the_routes_are_described(address):
    described = httpx.get(f"{address}/openapi.json").json()
    assert {"/api/ask", "/healthz", "/readyz", "/api/figures.csv"} <= set(described["paths"])
    assert not [path for path in described["paths"] if path.startswith("/page")]
    assert "AnswerModel" in described["components"]["schemas"]


def test_states_are_told(address):
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{address}/readyz").json() == {"status": "ready", "index": "one"}


def test_a_page_that_still_loads_is_alive_and_not_ready(tmp_path):
    loaded = threading.Event()

    def load(_):
        loaded.wait(10)
        return FakePipeline()

    with served(PipelineSource(load), WebSettings(data_dir=tmp_path)) as address:
        assert httpx.get(f"{address}/healthz").status_code == 200
        assert httpx.get(f"{address}/readyz").status_code == 503
        loaded.set()
        for _ in range(100):
            if httpx.get(f"{address}/readyz").status_code == 200:
                break
        assert httpx.get(f"{address}/readyz").status_code == 200


def test_gradio_clients_may_ask(address):
    gradio_client = pytest.importorskip("gradio_client")
    client = gradio_client.Client(address, verbose=False, analytics_enabled=False)
    try:
        assert client.predict("饮水花了多少?", api_name="/ask")["text"] == WATER
        assert set(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == {"/ask"}
    finally:
        client.close()


@pytest.mark.parametrize("path", ["/gradio_api/run/ask", "/gradio_api/mcp/", "/folder/gradio_api/mcp"])
def test_programs_get_through_gradio_what_the_route_returns(address, pipeline, path):
    ask = program(Desk(PipelineSource.of(pipeline), Gate(1, 1, 0)))
    scope = {"type": "http", "path": path, "headers": [], "query_string": b"", "server": ("page", 80)}
    for question in ("饮水花了多少?", "饮水大概?", "天气?", "你好"):
        returned = anyio.run(ask, question, Request(scope))
        if "mcp" in path:
            returned = json.loads(returned)
        assert returned == httpx.post(f"{address}/api/ask", json={"question": question}).json()


def test_mcp_clients_may_ask(address):
    mcp = pytest.importorskip("mcp")
    from mcp.client.streamable_http import streamable_http_client

    async def call() -> object:
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as streams,
            mcp.ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            assert [tool.name for tool in tools] == ["ask"]
            assert list(tools[0].inputSchema["properties"]) == ["question"]
            return await session.call_tool("ask", {"question": "饮水花了多少?"})

    (told,) = anyio.run(call).content
    by_route = httpx.post(f"{address}/api/ask", json={"question": "饮水花了多少?"}).json()
    assert json.loads(told.text) == by_route


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload",
        "/gradio_api/upload_progress?upload_id=x",
        "/gradio_api/runs",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/proxy=http://evil.example",
        "/gradio_api/deep_link",
        "/monitoring",
        "/monitoring/summary",
        "/login",
        "/custom_component/x",
        "/file/etc/passwd",
        "/docs",
        "/dev/reload",
        "/../../etc/passwd",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_page_does_not_use_is_not_served(address, path, method):
    assert httpx.request(method, f"{address}{path}").status_code == 404


def test_long_bodies_are_refused(address):
    assert httpx.post(f"{address}/api/ask", content=b"x" * 1_100_000).status_code == 413

    def endless():
        for _ in range(40):
            yield b"x" * 50_000

    try:  # noqa: SIM105
        assert (
            httpx.post(
                f"{address}/api/ask", content=endless(), headers={"content-type": "application/json"}
            ).status_code
            >= 400
        )
    except httpx.HTTPError:
        pass


def test_every_response_carries_the_policy_and_assets_are_kept(address):
    page = httpx.get(address)
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "form-action 'none'" in policy
    assert "http" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["content-encoding"] == "gzip"
    script = re.search(r'src="([^"]*page/static/[^"]*\.js)"', page.text).group(1)
    got = httpx.get(f"{address}{script}")
    assert got.status_code == 200
    assert "immutable" in got.headers["cache-control"]
    assert httpx.get(f"{address}/page/static/other.js").status_code == 404


def test_the_page_names_no_other_host(address):
    page = httpx.get(address).text
    hosts = set(re.findall(r"https?://([\w.-]+)", page))
    assert hosts <= {"127.0.0.1", "www.w3.org"}


def test_the_page_is_served_in_the_language_that_was_chosen(address):
    english = httpx.get(address, headers={"accept-language": "en"})
    assert '<html\n\tlang="en"' in english.text
    chinese = httpx.get(f"{address}/?lang=zh", headers={"accept-language": "en"})
    assert 'lang="zh-CN"' in chinese.text
    assert "dawu_language=zh" in chinese.headers["set-cookie"]
    cookie = {"accept-language": "en", "cookie": "dawu_language=zh"}
    assert 'lang="zh-CN"' in httpx.get(address, headers=cookie).text
    assert "set-cookie" not in httpx.get(f"{address}/?lang=xx").headers


def test_credentials_guard_everything_but_the_states(pipeline, tmp_path):
    settings = WebSettings(data_dir=tmp_path, credentials="editor:open sesame:1")
    for path in ("/", "/config", "/api/ask", "/page/content", "/gradio_api/info"):
        assert in_process(pipeline, settings, "GET", path).status_code == 401
    assert in_process(pipeline, settings, "GET", "/healthz").status_code == 200
    good = base64.b64encode(b"editor:open sesame:1").decode()
    assert (
        in_process(
            pipeline, settings, "GET", "/page/content", headers={"authorization": f"Basic {good}"}
        ).status_code
        == 200
    )
    for wrong in (f"Basic {good}x", f"Bearer {good}", "Basic ", "Basic Ω".encode()):
        assert (
            in_process(
                pipeline, settings, "GET", "/page/content", headers={"authorization": wrong}
            ).status_code
            == 401
        )


def test_too_many_questions_are_told_to_wait(pipeline, tmp_path):
    with served(pipeline, WebSettings(data_dir=tmp_path, questions_per_minute=2)) as address:
        far = {"x-forwarded-for": "10.0.0.9"}
        got = [httpx.post(f"{address}/api/ask", json={"question": "饮水?"}, headers=far) for _ in range(3)]
        assert [each.status_code for each in got] == [200, 200, 429]
        assert got[-1].headers["retry-after"]
        assert httpx.post(f"{address}/api/ask", json={"question": "饮水?"}).status_code == 200


def test_a_full_waiting_room_says_busy_at_once_and_twenty_people_are_served(tmp_path):
    slow = FakePipeline()
    slow.delay = 0.2

    def ask_at_once(address: str, people: int) -> list[int]:
        codes: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: codes.append(
                    httpx.post(f"{address}/api/ask", json={"question": "饮水?"}, timeout=30).status_code
                )
            )
            for _ in range(people)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return codes

    with served(slow, WebSettings(data_dir=tmp_path, concurrency=1, waiting=1)) as address:
        codes = ask_at_once(address, 8)
        assert set(codes) == {200, 503}
    with served(slow, WebSettings(data_dir=tmp_path)) as address:
        assert ask_at_once(address, 20) == [200] * 20


def test_feedback_can_be_switched_off(pipeline, tmp_path):
    in_process(
        pipeline,
        WebSettings(data_dir=tmp_path, feedback=False),
        "POST",
        "/api/ask",
        json={"question": "天气?"},
    )
    assert list(tmp_path.iterdir()) == []
    in_process(pipeline, WebSettings(data_dir=tmp_path), "POST", "/api/ask", json={"question": "天气?"})
    assert [path.name for path in tmp_path.iterdir()] == ["feedback.sqlite3"]
    about = in_process(
        pipeline, WebSettings(data_dir=tmp_path, feedback=False), "GET", "/page/content?lang=en"
    ).json()["about"]
    assert text("page.feedback_off", "en") in about
    assert text("page.logged", "en") not in about
    logged = in_process(
        pipeline, WebSettings(data_dir=tmp_path, log_questions=True), "GET", "/page/content?lang=zh"
    ).json()["about"]
    assert text("page.logged", "zh") in logged


# Settings and serving


def test_settings_come_from_the_environment_and_what_is_given_wins(tmp_path):
    environment = {
        "DAWU_QA_HOST": "0.0.0.0",
        "DAWU_QA_PORT": "8000",
        "DAWU_QA_FEEDBACK": "off",
        "DAWU_QA_RATE": "5",
    }
    settings = WebSettings.from_environment(environment, data_dir=tmp_path, port=9000, host=None)
    assert (settings.host, settings.port, settings.feedback, settings.questions_per_minute) == (
        "0.0.0.0",
        9000,
        False,
        5,
    )
    assert WebSettings().host == "127.0.0.1"


@pytest.mark.parametrize("wrong", [{"credentials": "nobody"}, {"root_path": "qa"}, {"port": 70_000}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        WebSettings(**wrong)


def test_a_port_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="DAWU_QA_PORT"):
        WebSettings.from_environment({"DAWU_QA_PORT": "http"})


def test_a_taken_port_is_an_error_that_names_the_mend():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServeError, match="--port") as error:
            listen("127.0.0.1", taken.getsockname()[1])
    assert "\n" not in str(error.value)


def test_the_script_at_the_top_tells_of_a_taken_port_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ran = subprocess.run(
            [sys.executable, APP, "--port", port], capture_output=True, text=True, timeout=120, check=False
        )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1
    assert "--port" in ran.stderr


def until_ready(address: str) -> None:
    """Wait for a server that starts, for a minute at most."""
    for _ in range(600):
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{address}/readyz", timeout=0.5).status_code == 200:
                return
        time.sleep(0.1)


@pytest.mark.model
def test_the_script_at_the_top_opens_the_page_and_ends_quietly(built_index, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {
        "DAWU_QA_INDEX": str(built_index),
        "DAWU_QA_DATA": str(tmp_path / "data"),
        "DAWU_QA_PORT": str(port),
    }
    running = subprocess.Popen(
        [sys.executable, APP], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        address = f"http://127.0.0.1:{port}"
        until_ready(address)
        got = httpx.post(f"{address}/api/ask", json={"question": "饮水安全花了多少钱?"}).json()
        assert WATER in got["text"]
    finally:
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=30)
    assert running.returncode == 0
    assert stdout == ""
    assert "Traceback" not in stderr
    assert address in stderr


def test_an_address_of_another_computer_is_an_error():
    with pytest.raises(ServeError):
        listen("192.0.2.1", 0)


def test_what_is_sent_does_not_wait_for_more():
    async def delayed() -> bool:
        accepted = asyncio.get_running_loop().create_future()
        with contextlib.closing(listen("127.0.0.1", 0)) as listening:
            server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listening)
            async with server:
                _, client = await asyncio.open_connection(*listening.getsockname())
                writer = await accepted
                sent = writer.get_extra_info("socket")
                found = not sent.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                writer.close()
                client.close()
        return found

    assert not asyncio.run(delayed())


def test_an_answer_is_taken_as_it_is(library):
    answer = Answer("问", "decline", "", (), None, (), 0.0)
    assert "原文没有回答" in Conversation(library, "zh").reply(Turn.of(answer))


# What those who run the page see


def test_a_line_of_log_tells_of_each_question_without_its_text(pipeline, caplog):
    with caplog.at_level(logging.INFO, logger="dawu_qa"):
        in_process(pipeline, WebSettings(feedback=False), "POST", "/api/ask", json={"question": "饮水?"})
        in_process(
            pipeline, WebSettings(feedback=False), "POST", "/api/ask", json={"question": "后天会不会下雪?"}
        )
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("monitoring")]
    assert [re.sub(r"[\d.]+$", "#", line) for line in lines] == [
        "question band=answer milliseconds=#",
        "question band=decline milliseconds=#",
    ]


def test_the_text_of_questions_is_logged_where_that_is_asked_for(pipeline, caplog):
    settings = WebSettings(feedback=False, log_questions=True)
    with caplog.at_level(logging.INFO, logger="dawu_qa"):
        in_process(pipeline, settings, "POST", "/api/ask", json={"question": "饮水\n多少?"})
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("monitoring")]
    assert line.endswith('question="饮水\\n多少?"')


def test_counters_tell_what_became_of_questions(pipeline):
    app = build_app(pipeline, WebSettings(feedback=False))

    async def ask_and_count() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
            for question in ("饮水?", "饮水?", "后天会不会下雪?"):
                await client.post("/api/ask", json={"question": question})
            return (await client.get("/metrics")).text

    counted = anyio.run(ask_and_count)
    assert 'dawu_qa_questions_total{outcome="answer"} 2.0' in counted
    assert 'dawu_qa_questions_total{outcome="decline"} 1.0' in counted
    assert 'dawu_qa_questions_total{outcome="error"} 0.0' in counted
    assert "dawu_qa_question_seconds_count 3.0" in counted


def test_without_the_client_of_prometheus_there_are_no_counters(pipeline, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "prometheus_client" else found(name)
    )
    assert in_process(pipeline, WebSettings(feedback=False), "GET", "/metrics").status_code == 404


def test_the_page_is_open_while_its_index_loads_and_the_first_question_waits():
    loaded = threading.Event()

    class Slow(FakePipeline):
        def warm_up(self) -> None:
            loaded.wait(20)

    with served(PipelineSource(lambda _: Slow()), WebSettings(feedback=False)) as address:
        assert httpx.get(address + "/").status_code == 200
        assert httpx.get(address + "/healthz").status_code == 200
        assert httpx.get(address + "/readyz").status_code == 503
        assert httpx.get(address + "/page/content").json()["ready"] is False
        assert httpx.get(address + "/page/ready").json() == {"ready": False}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(address + "/api/ask", json={"question": "饮水?"}, timeout=0.5)
        loaded.set()
        assert WATER in httpx.post(address + "/api/ask", json={"question": "饮水?"}).json()["text"]
        assert httpx.get(address + "/readyz").status_code == 200
        assert httpx.get(address + "/page/ready").json() == {"ready": True}


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_questions_in_flight_are_answered_before_the_server_ends(sign):
    program = (
        "import web_pipeline, dawu_qa.web.server as server\n"
        "from dawu_qa.web.source import PipelineSource\n"
        "pipeline = web_pipeline.FakePipeline()\n"
        "pipeline.delay = 1.5\n"
        "server.index_source = lambda *_, **__: PipelineSource.of(pipeline)\n"
        "server.serve(port=0, settings=server.WebSettings(port=0, feedback=False))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        [sys.executable, "-c", "import logging; logging.basicConfig(level=20)\n" + program],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = next(line for line in running.stderr if "http://" in line)
        address = re.search(r"http://\S+", line).group()
        until_ready(address)
        answers = []
        asking = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(address + "/api/ask", json={"question": "饮水?"}, timeout=20).json()["text"]
                )
            )
            for _ in range(4)
        ]
        for thread in asking:
            thread.start()
        time.sleep(0.7)
        running.send_signal(sign)
        for thread in asking:
            thread.join(20)
        assert answers == [WATER] * 4
        stderr = running.communicate(timeout=20)[1]
        assert "Traceback" not in stderr
    finally:
        running.kill()
