"""What every response passes through: who may see it, what it may load, in which language it is."""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dawu_qa.web.request import COOKIE, chosen_language, language_of_request
from dawu_qa.web.texts import LOCALES, Language, text

#: Gradio compiles templates and handlers in the browser, hence 'unsafe-eval'; nothing leads to another host.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "form-action 'none'; frame-ancestors 'self'; base-uri 'self'; object-src 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' "
    "fill='%23c2410c'/%3E%3Cpath d='M4 4h8v6H8l-3 3v-3H4z' fill='%23fff'/%3E%3C/svg%3E"
)
_OPEN = frozenset({"/healthz", "/readyz"})
_GRADIO = (
    "/gradio_api/run/",
    "/gradio_api/queue/",
    "/gradio_api/call/",
    "/gradio_api/heartbeat/",
    "/gradio_api/mcp",
    "/gradio_api/info",
    "/gradio_api/startup-events",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/component_server",
    "/assets/",
    "/static/",
    "/svelte/",
    "/page/",
)
_EXACT = frozenset(
    {
        "/",
        "/config",
        "/theme.css",
        "/manifest.json",
        "/favicon.ico",
        "/robots.txt",
        "/api/ask",
        "/api/figures.csv",
        "/openapi.json",
        "/metrics",
    }
)
_BODY_LIMIT = 1_000_000


class Guard:
    """Lets in who knows the credentials, to the paths that the page uses, with bodies of bounded size.

    It comes first, and tells the others the folder (`root_path`) that a reverse proxy serves the page under.
    The pages of other sites may link here, and no more: their scripts are refused, and Gradio, which would let
    any origin read, never learns the origin.
    """

    def __init__(self, app: ASGIApp, credentials: str = "", root_path: str = "") -> None:
        self.app = app
        self._root_path = root_path
        self._expected = base64.b64encode(credentials.encode()).decode() if credentials else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        if self._root_path:
            scope = {**scope, "root_path": self._root_path}
        path, headers = local_path(scope), Headers(scope=scope)
        refusal = self._refusal(path, headers)
        if refusal:
            await refusal(scope, receive, _dressed(send, path))
            return
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"origin"]}
        await _bounded(self.app, scope, receive, send)

    def _refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        if path in _OPEN:
            return None
        if self._expected:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "basic" or not secrets.compare_digest(
                given.strip().encode(), self._expected.encode()
            ):
                challenge = {"www-authenticate": 'Basic realm="dawu_qa", charset="UTF-8"'}
                return _refused(HTTPStatus.UNAUTHORIZED, challenge)
        if path not in _EXACT and not path.startswith(_GRADIO):
            return _refused(HTTPStatus.NOT_FOUND)
        foreign = headers.get("sec-fetch-site") in {"cross-site", "same-site"}
        if foreign and headers.get("sec-fetch-mode") != "navigate":
            return _refused(HTTPStatus.FORBIDDEN)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _BODY_LIMIT:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return None


def local_path(scope: Scope) -> str:
    """Return the path below the folder that a reverse proxy serves the page under."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return (path.removeprefix(root) or "/") if root and f"{path}/".startswith(f"{root}/") else path


def _refused(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": status.phrase}, status, headers=headers)


async def _bounded(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an app; refuse a body without a declared length where it grows too long."""
    taken, started, refused = 0, False, False

    async def receiver() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > _BODY_LIMIT else message

    async def sender(message: Message) -> None:
        nonlocal started, refused
        if taken > _BODY_LIMIT and not started:
            started = refused = True
            refusal = _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"connection": "close"})
            await refusal(scope, receive, _dressed(send, ""))
        started = True
        if not refused:
            await send(message)

    await app(scope, receiver, sender)


def _dressed(send: Send, path: str) -> Send:
    """Return a sender that adds the security headers, and lets browsers keep what never changes."""

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in _HEADERS.items():
                headers[name] = value
            if path.startswith(("/assets/", "/page/static/")) and message["status"] == HTTPStatus.OK:
                headers["cache-control"] = "public, max-age=31536000, immutable"
            elif "cache-control" not in headers:
                headers["cache-control"] = "no-cache"
            message = {**message, "headers": headers.raw}
        await send(message)

    return sender


class Headings:
    """Dresses every response, that of an error nobody caught included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and dress its response."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        dressed, started = _dressed(send, local_path(scope)), False

        async def sender(message: Message) -> None:
            nonlocal started
            started = True
            await dressed(message)

        try:
            await self.app(scope, receive, sender)
        except Exception:
            if not started:
                await _refused(HTTPStatus.INTERNAL_SERVER_ERROR)(scope, receive, dressed)
            raise


class InLanguage:
    """Turns Gradio's page into one in the reader's language, with the page's own style and script in its head."""

    def __init__(self, app: ASGIApp, *, style: str, script: str, title: str = "") -> None:
        self.app = app
        self._style, self._script, self._title = style, script, title

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; rewrite the response where it is the page."""
        if scope["type"] != "http" or local_path(scope) != "/" or scope["method"] not in {"GET", "HEAD"}:
            await self.app(scope, receive, send)
            return
        chosen = chosen_language(parse_qs(scope["query_string"].decode("latin-1")).get("lang", [None])[0])
        language = chosen or language_of_request(Headers(scope=scope))
        started: Message = {}
        body = bytearray()

        async def sender(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            page = self.page(body.decode(), language, scope).encode() if body else b""
            headers = MutableHeaders(raw=list(started["headers"]))
            headers["content-length"] = str(len(page))
            headers["content-language"] = LOCALES[language]
            headers["vary"] = "accept-language, cookie"
            if chosen:
                path = str(scope.get("root_path", "")).rstrip("/") or "/"
                secure = "; Secure" if scope["scheme"] == "https" else ""
                headers.append(
                    "set-cookie",
                    f"{COOKIE}={chosen}; Path={path}; Max-Age=31536000; SameSite=Lax; HttpOnly{secure}",
                )
            await send({**started, "headers": headers.raw})
            await send({"type": "http.response.body", "body": page})

        await self.app(scope, receive, sender)

    def page(self, page: str, language: Language, scope: Scope) -> str:
        """Return the page in a language."""
        root = str(scope.get("root_path", "")).rstrip("/")
        locale = json.dumps(LOCALES[language])
        # These are said where nothing can be fetched.
        offline, failed = (html.escape(text(key, language)) for key in ("page.offline", "notice.error"))
        head = (
            # Gradio looks its words up by the browser's language; a switch on the page goes before it.
            f"<script>for (const [name, value] of [['language', {locale}], ['languages', [{locale}]]]) "
            f"Object.defineProperty(navigator, name, {{get: () => value}});</script>"
            f'<link rel="icon" href="{_ICON}">'
            f'<link rel="stylesheet" href="{root}/page/static/{self._style}">'
            f'<script defer src="{root}/page/static/{self._script}" data-offline="{offline}" data-failed="{failed}"></script>'
        )
        page = re.sub(
            r'<html(\s+)lang="en"', lambda match: f'<html{match[1]}lang="{LOCALES[language]}"', page, count=1
        )
        page = _without_outside(page)
        return page.replace("<head>", f"<head>{head}", 1)


def _without_outside(page: str) -> str:
    """Leave out Gradio's advertisement, with its links to other hosts, and its manifest, which is not in a folder."""
    return re.sub(
        r"<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*>\s*|<link rel=\"manifest\"[^>]*>", "", page
    )
