"""Puts the page together, and opens it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from http import HTTPStatus
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from dawu_qa.__about__ import __version__
from dawu_qa.errors import DawuQAError, ServeError
from dawu_qa.feedback import FILE_NAME, FeedbackStore
from dawu_qa.web.api import program, router
from dawu_qa.web.assets import assets
from dawu_qa.web.desk import Desk
from dawu_qa.web.gate import Gate
from dawu_qa.web.health import health_router
from dawu_qa.web.library import Pipeline
from dawu_qa.web.middleware import Guard, Headings, InLanguage
from dawu_qa.web.monitoring import Monitor
from dawu_qa.web.page import FONTS, build_page, translations
from dawu_qa.web.settings import WebSettings
from dawu_qa.web.source import PipelineSource, index_source

logger = logging.getLogger(__name__)

#: Seconds that a server that is told to end gives to the questions in flight.
_PATIENCE = 10

#: Called with what keeps the index from being loaded.
Failed = Callable[[DawuQAError], None]


def build_app(
    source: Pipeline | PipelineSource, settings: WebSettings | None = None, *, failed: Failed | None = None
) -> FastAPI:
    """Return the page as an ASGI app.

    Args:
        source: A pipeline, or where to get one from; it is loaded in the background once the app has started.
        settings: Whom to let in and how much to take; host and port are the server's business.
        failed: Called where the index cannot be loaded. Default: it is logged, and tried again with each question.
    """
    settings = settings or WebSettings()
    if not isinstance(source, PipelineSource):
        source = PipelineSource.of(source)

    async def assembled() -> FastAPI:
        return _assembled(source, settings, failed)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Where no event loop runs, Gradio opens one for each of its locks and closes none of them.
        return asyncio.run(assembled())
    return _assembled(source, settings, failed)


def _assembled(source: PipelineSource, settings: WebSettings, failed: Failed | None) -> FastAPI:
    store = FeedbackStore(settings.data_dir / FILE_NAME) if settings.feedback else None
    gate = Gate(settings.concurrency, settings.waiting, settings.questions_per_minute)
    desk = Desk(source, gate, store, Monitor(log_questions=settings.log_questions))
    app = FastAPI(
        title="dawu_qa",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_loading(source, failed),
    )
    routers = router(desk), health_router(desk)
    for each in routers:
        app.include_router(each)
    _refuse_other_methods(app, routers)
    _serve_assets(app)
    page = build_page(desk, program=program(desk))
    page.queue(default_concurrency_limit=settings.concurrency, max_size=settings.waiting, api_open=False)
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=settings.root_path or None,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        show_error=False,
        ssr_mode=False,
        mcp_server=importlib.util.find_spec("mcp") is not None,
        i18n=translations(),
        theme=gr.themes.Default(font=FONTS, font_mono=["Consolas", "monospace"]),
    )
    files = assets()
    app.add_middleware(InLanguage, style=files["css"].name, script=files["js"].name)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)
    app.add_middleware(Headings)
    app.add_middleware(Guard, credentials=settings.credentials, root_path=settings.root_path.rstrip("/"))
    return app


def _loading(
    source: PipelineSource, failed: Failed | None
) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    def load() -> None:
        try:
            source.warm_up()
        except Exception as error:
            if failed is not None and isinstance(error, DawuQAError):
                failed(error)
            else:
                logger.exception("the index cannot be loaded; the page stays empty until it can")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not source.ready:
            threading.Thread(target=load, name="dawu-qa-loading", daemon=True).start()
        yield

    return lifespan


def _refuse_other_methods(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Answer 405 to other methods: Gradio, mounted behind these routes, would say that the path is not there."""
    allowed: dict[str, set[str]] = {}
    for route in (route for each in routers for route in each.routes if isinstance(route, APIRoute)):
        allowed.setdefault(route.path, set()).update(route.methods or ())
    for path, methods in allowed.items():
        refused = JSONResponse(
            {"detail": HTTPStatus.METHOD_NOT_ALLOWED.phrase},
            HTTPStatus.METHOD_NOT_ALLOWED,
            {"allow": ", ".join(sorted(methods))},
        )
        app.router.routes.append(Route(path, refused))


def _serve_assets(app: FastAPI) -> None:
    by_name = {asset.name: asset for asset in assets().values()}

    @app.get("/page/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in by_name:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(by_name[name].content, media_type=by_name[name].media_type)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on host and port.

    Raises:
        ServeError: The port is taken, or the address is not this computer's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without delay (TCP_NODELAY) only where the protocol is named; else each answer waits 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise ServeError(
            f"cannot open the page on {host}:{port} ({reason}); choose another port with --port, or end what listens there"
        ) from error
    return listening


def serve(
    host: str | None = None,
    port: int | None = None,
    index_dir: str | Path | None = None,
    *,
    settings: WebSettings | None = None,
    progress: bool = True,
) -> None:
    """Open the page and serve it until it is stopped.

    Args:
        host: Default: DAWU_QA_HOST, else 127.0.0.1.
        port: Default: DAWU_QA_PORT, else 7860; 0 takes any free one.
        index_dir: Default: as for `ask`; the own corpus's index is built where it is missing or stale.
        settings: All of it at once, instead of host and port.
        progress: Whether building the index shows how far it is.

    Raises:
        ServeError: The port is taken.
        DawuQAError: The index or the encoder cannot be used.
        ValueError: A setting in the environment is malformed.
    """
    settings = settings or WebSettings.from_environment(host=host, port=port)
    failures: list[DawuQAError] = []

    def failed(error: DawuQAError) -> None:
        failures.append(error)
        server.should_exit = True

    with contextlib.closing(listen(settings.host, settings.port)) as listening:
        source = index_source(Path(index_dir) if index_dir is not None else None, progress=progress)
        app = build_app(source, settings, failed=failed)
        config = uvicorn.Config(
            app, log_level="warning", timeout_graceful_shutdown=_PATIENCE, server_header=False
        )
        server = uvicorn.Server(config)
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        logger.info(
            "the page is open on http://%s:%s%s", shown, listening.getsockname()[1], settings.root_path
        )
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])
    if failures:
        raise failures[0]
