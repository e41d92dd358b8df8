"""The real pipeline with a note of what it was asked, a small one that does as it is told, and the page served from them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from dawu_qa import QAPipeline
from dawu_qa.corpus.folder import read_corpus
from dawu_qa.types import Answer, Document, Figure, Passage, ScoredPassage, Span
from dawu_qa.web import WebSettings, build_app
from dawu_qa.web.source import PipelineSource

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
WATER = "11665万元"
KNOWN = {
    "饮水": WATER,
    "water": WATER,
    "教育": "2.68亿元",
    "搬迁": "8803户17830人",
    "主持": "魏嘉瑜",
    "收官": "收官之年",
}


class NotingPipeline:
    """The real pipeline, which notes what it is asked."""

    def __init__(self, pipeline: QAPipeline) -> None:
        self._pipeline = pipeline
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def ask(self, question: str, *, history: Sequence[str] = (), top_k: int = 3) -> Answer:
        self.asked.append((question, tuple(history)))
        return self._pipeline.ask(question, history=history, top_k=top_k)


class FakePipeline:
    """Answers by key words, declines what it does not know, wavers at 大概, understands 那…呢 from the question before."""

    def __init__(self, documents: Sequence[Document] | None = None, fingerprint: str = "one") -> None:
        self.documents = tuple(
            documents or (entry.document for entry in read_corpus(CORPUS, with_sidecars=False))
        )
        self.fingerprint = fingerprint
        self.starters = (
            "饮水安全花了多少钱?",
            "教育资助了多少?",
            "搬迁了多少人?",
            "主持人是谁?",
            "哪年收官?",
            "后天会不会下雪?",
        )
        self.figures: tuple[Figure, ...] = tuple(
            self._figure(text, value, unit, counts)
            for text, value, unit, counts in (
                (WATER, 116_650_000.0, "元", "安全饮水"),
                ("2.68亿元", 268_000_000.0, "元", "教育资助补助"),
                ("50.98亿元", 5_098_000_000.0, "元", "=整合资金"),
                ("5.13万贫困人口", 51_300.0, "人", "饮水安全"),
                ("6118户", 6118.0, "户", "危房改造"),
            )
        )
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.delay = 0.0

    def warm_up(self) -> None:
        """Nothing is loaded."""

    def ask(self, question: str, *, history: Sequence[str] = (), top_k: int = 3) -> Answer:
        if not question.strip():
            raise ValueError("the question is blank; ask something")
        self.asked.append((question, tuple(history)))
        time.sleep(self.delay)
        if "炸" in question:
            raise RuntimeError("secret words of an exception")
        if question.startswith("你好"):
            return Answer(question, "small_talk", "", (), None, (), 0.0)
        about = question + (
            history[-1] if question.startswith("那") and history and "教育" not in question else ""
        )
        spans = tuple(dict.fromkeys(self.find(text) for word, text in KNOWN.items() if word in about))
        if "大概" in question:
            passages = tuple(ScoredPassage(self._passage(span), 1.0) for span in spans)
            return Answer(question, "did_you_mean", "", (), None, passages, 0.6, self.starters[:3])
        if not spans:
            return Answer(question, "decline", "", (), None, (), 0.1, self.starters[:3])
        passages = tuple(ScoredPassage(self._passage(span), 1.0) for span in spans)[:top_k]
        text = "；".join(span.text for span in spans)
        return Answer(question, "answer", text, spans, None, passages, 0.934, self.starters[1:4])

    def related(self, passage: Passage) -> tuple[str, ...]:
        return tuple(
            f"{word}怎么样?"
            for word, text in KNOWN.items()
            if text in passage.text and word.isalpha() and not word.isascii()
        )

    def find(self, text: str) -> Span:
        for document in self.documents:
            if (at := document.text.find(text)) >= 0:
                return Span(text, document.source, at, at + len(text))
        raise LookupError(text)

    def _passage(self, span: Span) -> Passage:
        for document in self.documents:
            for passage in document.passages:
                if passage.source == span.source and passage.start <= span.start < passage.end:
                    return passage
        return self.documents[0].passages[0]

    def _figure(self, text: str, value: float, unit: str, counts: str) -> Figure:
        span = self.find(text)
        passage = self._passage(span)
        return Figure(span, value, unit, "", counts, "2016年以来", passage.section, passage.span)


@contextlib.contextmanager
def served(source: object, settings: WebSettings, *, folder: str = "", port: int = 0) -> Iterator[str]:
    """Serve the page on a free port or the given one, or as a proxy does in a folder, and give its address."""
    app = build_app(source if isinstance(source, PipelineSource) else PipelineSource.of(source), settings)  # type: ignore[arg-type]
    app = _in_folder(app, folder) if folder else app
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=port,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the page did not start")
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def _in_folder(app, folder):
    async def proxied(scope, receive, send):
        if scope["type"] == "http":
            if not scope["path"].startswith(f"{folder}/"):
                raise AssertionError(f"outside of the folder: {scope['path']}")
            path = scope["path"].removeprefix(folder)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await app(scope, receive, send)

    return proxied
