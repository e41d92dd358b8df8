"""Who is let in, and what answers give away."""

from __future__ import annotations

import importlib.util
import logging
import re
import socket
from urllib.parse import urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from dawu_qa.web import WebSettings, build_app
from web_pipeline import FakePipeline, served

USER, PASSWORD = "editor", "open sesame:1"
OPEN = {"/healthz", "/readyz"}
#: What tells a stranger about the machine or the software that runs on it.
TELLTALE = re.compile(
    r"Traceback|File \"|site-packages|uvicorn|starlette|fastapi|pydantic|/(?:home|root|usr)/", re.I
)
POLICY_HEADERS = (
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "permissions-policy",
)
CLIMBS = (
    "..%2f..%2f..%2fetc%2fpasswd", "../../../../etc/passwd", "%2fetc%2fpasswd", "/etc/passwd", "%00", "x%00.js", "..%5c..%5cx",
    "%2e%2e/%2e%2e/", "....//....//etc/passwd", "%252e%252e%252fetc%252fpasswd", "%ff", "~root", "C:%5cx", "..", ".",
)  # fmt: skip


@pytest.fixture(scope="module")
def pipeline():
    return FakePipeline()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def address(pipeline, data_dir):
    with served(pipeline, WebSettings(data_dir=data_dir)) as address:
        yield address


@pytest.fixture(scope="module")
def guarded(pipeline, data_dir):
    with served(pipeline, WebSettings(data_dir=data_dir, credentials=f"{USER}:{PASSWORD}")) as address:
        yield address


def walked(routes, before: str = ""):
    """Yield each method and path that an app answers to, those of mounted apps and included routers too."""
    for each in routes:
        if hasattr(each, "effective_candidates"):
            yield from walked(each.effective_candidates(), before)
            continue
        route = getattr(each, "starlette_route", None) or each
        path = before + re.sub(r"\{[^}]*\}", "x", route.path)
        inner = getattr(route, "routes", None)
        if inner:
            yield from walked(inner, path)
        else:
            yield from (
                (method, path or "/") for method in sorted(getattr(route, "methods", None) or {"POST"})
            )


@pytest.fixture(scope="module")
def routes(pipeline, data_dir):
    found = set(walked(build_app(pipeline, WebSettings(data_dir=data_dir)).routes))
    paths = {path for _, path in found}
    # A walk that finds little would prove little.
    assert {
        "/",
        "/config",
        "/api/ask",
        "/metrics",
        "/theme.css",
        "/gradio_api/queue/join",
        "/page/content",
    } <= paths
    assert len(found) > 60
    if importlib.util.find_spec("mcp"):
        assert [path for path in paths if path.startswith("/gradio_api/mcp")]
    return sorted(found)


def status(address: str, method: str, path: str, **options) -> tuple[int, httpx.Headers]:
    """Ask for a path; of the answer only its head is awaited, for streams do not end."""
    with httpx.stream(method, address + path, timeout=20, **options) as got:
        return got.status_code, got.headers


def test_no_route_is_open_without_credentials(guarded, routes):
    let_in = []
    for method, path in routes:
        code, headers = status(guarded, method, path)
        assert all(name in headers for name in POLICY_HEADERS), path
        assert "server" not in headers
        if path in OPEN:
            assert code in {200, 405}
        elif code != 401:
            let_in.append((method, path, code))
        else:
            assert headers["www-authenticate"].startswith("Basic")
    assert let_in == []


@pytest.mark.parametrize(
    "given", [(USER, "open sesame"), ("", ""), (USER, PASSWORD + " "), ("EDITOR", PASSWORD)]
)
def test_wrong_credentials_open_nothing(guarded, given):
    assert httpx.get(guarded + "/", auth=given).status_code == 401
    assert httpx.post(guarded + "/api/ask", json={"question": "饮水?"}, auth=given).status_code == 401


def test_right_credentials_open_what_the_page_uses(guarded):
    for path in ("/", "/config", "/page/content", "/openapi.json", "/metrics", "/api/figures.csv"):
        assert httpx.get(guarded + path, auth=(USER, PASSWORD)).status_code == 200, path
    got = httpx.post(guarded + "/api/ask", json={"question": "饮水花了多少?"}, auth=(USER, PASSWORD))
    assert got.json()["answered"]


def test_the_feedback_store_is_behind_no_route(address, pipeline, data_dir):
    httpx.post(address + "/api/ask", json={"question": "后天会不会下雪?"})
    name = next(data_dir.iterdir()).name
    for path in (
        f"/{name}",
        f"/gradio_api/file={data_dir / name}",
        f"/gradio_api/file/{data_dir / name}",
        f"/page/static/{name}",
    ):
        assert httpx.get(address + path).status_code in {403, 404}, path


def raw(address: str, request: bytes) -> bytes:
    """Send bytes as they are, which no client would, and return what comes back."""
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(request)
        got = b""
        while piece := connection.recv(65536):
            got += piece
    return got


@pytest.mark.parametrize(
    "folder", ["/assets/", "/static/", "/svelte/", "/page/static/", "/gradio_api/file=", "/static/fonts/"]
)
@pytest.mark.parametrize("climb", CLIMBS)
def test_no_path_leads_out_of_the_static_files(address, folder, climb):
    head, _, body = raw(
        address, f"GET {folder}{climb} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    ).partition(b"\r\n\r\n")
    assert int(head.split()[1]) in {400, 403, 404, 405, 422}, head
    assert b"root:" not in body
    assert not TELLTALE.search(body.decode("utf-8", "replace"))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ask", b"\xff"),
        ("/api/ask", b"[" * 100_000),
        ("/api/ask", '{"question": "炸"}'.encode()),
        ("/api/ask", b'{"question": NaN}'),
        ("/gradio_api/run/ask", b'{"data": [{"path": "/etc/passwd"}]}'),
        ("/gradio_api/run/ask", '{"data": ["炸"]}'.encode()),
        ("/gradio_api/run/ask", b'{"data": [], "fn_index": 99}'),
        ("/gradio_api/queue/join", b"{}"),
        ("/gradio_api/queue/join", b'{"data": ["x"], "fn_index": "x", "session_hash": []}'),
        ("/gradio_api/upload", b"x"),
    ],
)
def test_an_error_tells_nothing_of_the_machine(address, path, body):
    got = httpx.post(address + path, content=body, headers={"content-type": "application/json"})
    assert got.status_code >= 400
    assert not TELLTALE.search(got.text), got.text
    assert "secret words of an exception" not in got.text
    assert all(name in got.headers for name in POLICY_HEADERS)


def test_credentials_are_never_logged(pipeline, tmp_path, caplog):
    with (
        caplog.at_level(logging.DEBUG),
        served(pipeline, WebSettings(data_dir=tmp_path, credentials=f"{USER}:{PASSWORD}")) as address,
    ):
        httpx.get(address + "/", auth=(USER, PASSWORD))
        httpx.get(address + "/", auth=(USER, "wrong password"))
    assert not re.search("open sesame|wrong password", caplog.text)


SCHEMA = schemathesis.openapi.from_asgi(
    "/openapi.json", build_app(FakePipeline(), WebSettings(feedback=False))
)


@SCHEMA.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_keeps_to_its_description(case):
    case.call_and_validate()
