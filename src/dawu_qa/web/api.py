"""What programs call: plain JSON, described by OpenAPI; and what the page's own script fetches."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

import gradio as gr
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError

from dawu_qa.config import QUESTION_LIMIT
from dawu_qa.types import Answer
from dawu_qa.web.desk import Desk
from dawu_qa.web.figures import figures_csv, figures_html
from dawu_qa.web.gate import Busy, TooFast
from dawu_qa.web.interview import content
from dawu_qa.web.request import chosen_language, language_of_request
from dawu_qa.web.texts import LOCALES, Language, table

RETRY_AFTER = {"retry-after": "2"}
_HISTORY = 50
#: Some character that `str.strip` leaves, by the white space of Python, of JSON schema and of Pydantic.
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]"


class SpanModel(BaseModel):
    """A stretch of a source: characters `start` to `end` (exclusive) of its text."""

    text: str
    source: str
    start: int
    end: int


class PassageModel(SpanModel):
    """What was retrieved; `headings` runs from the section down."""

    section: str
    headings: list[str]


class ScoredPassageModel(BaseModel):
    """A passage and its score, comparable within one answer."""

    passage: PassageModel
    score: float


class AnswerModel(BaseModel):
    """An answer in the exact words of the source, or the reason why there is none (`band`)."""

    question: str
    answered: bool
    band: str
    text: str
    spans: list[SpanModel]
    sentence: SpanModel | None
    passages: list[ScoredPassageModel]
    confidence: float = Field(ge=0, le=1)
    suggestions: list[str]


class QuestionModel(BaseModel):
    """A question; `history` holds those asked before, oldest first."""

    question: str = Field(min_length=1, max_length=QUESTION_LIMIT, pattern=_NOT_BLANK)
    history: list[Annotated[str, Field(max_length=QUESTION_LIMIT)]] = Field(default=[], max_length=_HISTORY)
    top_k: int = Field(default=3, ge=1, le=20)


class ErrorModel(BaseModel):
    """Why there is no answer."""

    detail: str


_ERRORS: dict[int | str, dict[str, Any]] = {
    int(status): {"description": said, "model": ErrorModel}
    for status, said in (
        (HTTPStatus.BAD_REQUEST, "The body cannot be read."),
        (HTTPStatus.UNAUTHORIZED, "The page wants credentials."),
        (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long."),
        (HTTPStatus.TOO_MANY_REQUESTS, "This client asks too fast."),
        (HTTPStatus.SERVICE_UNAVAILABLE, "Too many questions wait."),
    )
}


class _Route(APIRoute):
    """Tells what is wrong with a request without giving back what it held, which may be long, or no valid JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                wrong = [{name: each[name] for name in ("type", "loc", "msg")} for each in error.errors()]
                return JSONResponse({"detail": wrong}, HTTPStatus.UNPROCESSABLE_ENTITY)

        return checked


def answer_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as JSON values."""
    return AnswerModel(**asdict(answer), answered=answer.answered).model_dump(mode="json")


def program(desk: Desk) -> Callable[..., Any]:
    """Return the function that Gradio's client and MCP clients call."""

    async def ask(question: str, request: gr.Request) -> dict:  # type: ignore[type-arg]  # noqa: D417
        """Answer a question in the exact words of the interview, with the place they stand at.

        Args:
            question: A question about the interview, in Chinese or English.
        """
        client = request.client.host if request and request.client else None
        try:
            answer, _ = await desk.ask(QuestionModel(question=question).question, client=client)
        except ValidationError as error:
            raise gr.Error(error.errors()[0]["msg"], print_exception=False) from error
        except (ValueError, Busy, TooFast) as error:
            raise gr.Error(str(error) or "busy; try again later", print_exception=False) from error
        told: Any = answer_json(answer)
        if _over_mcp(request):
            # Gradio sends MCP clients what `str` makes of it, and what that makes of a dict is no JSON.
            told = json.dumps(told, ensure_ascii=False)
        return told  # type: ignore[no-any-return]

    return ask


def _over_mcp(request: gr.Request | None) -> bool:
    return request is not None and "/gradio_api/mcp" in request.url.path


def router(desk: Desk) -> APIRouter:
    """Return the routes that are not Gradio's."""
    routes = APIRouter(route_class=_Route)

    async def answered(question: QuestionModel, request: Request) -> dict[str, Any]:
        client = request.client.host if request.client else None
        try:
            answer, _ = await desk.ask(
                question.question, question.history, client=client, top_k=question.top_k
            )
        except ValueError as error:
            wrong = {"type": "value_error", "loc": ["question"], "msg": str(error)}
            raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, [wrong]) from error
        except Busy as error:
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy; try again later", RETRY_AFTER
            ) from error
        except TooFast as error:
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, "too many questions; wait a moment", RETRY_AFTER
            ) from error
        return answer_json(answer)

    @routes.post(
        "/api/ask", response_model=AnswerModel, responses=_ERRORS, tags=["questions"], operation_id="ask"
    )
    async def post_question(question: QuestionModel, request: Request) -> dict[str, Any]:
        """Answer a question."""
        return await answered(question, request)

    @routes.get(
        "/api/ask",
        response_model=AnswerModel,
        responses=_ERRORS,
        tags=["questions"],
        operation_id="ask_by_address",
    )
    async def get_question(
        request: Request,
        question: Annotated[str, Query(min_length=1, max_length=QUESTION_LIMIT, pattern=_NOT_BLANK)],
        top_k: Annotated[int, Query(ge=1, le=20)] = 3,
    ) -> dict[str, Any]:
        """Answer a question that stands in the address."""
        return await answered(QuestionModel(question=question, top_k=top_k), request)

    @routes.get("/api/figures.csv", tags=["figures"], response_class=Response)
    async def figures_table(request: Request, lang: str = "") -> Response:
        """Return the figures that the corpus states, as CSV."""
        words = figures_csv(await desk.library(), _language(request, lang))
        headers = {"content-disposition": 'attachment; filename="figures.csv"'}
        return Response(words, media_type="text/csv; charset=utf-8", headers=headers)

    @routes.get("/page/content", include_in_schema=False)
    async def page_content(request: Request, lang: str = "") -> JSONResponse:
        language = _language(request, lang)
        library = await desk.library()
        parts = content(
            library, language, feedback=desk.feedback is not None, logged=desk.monitor.log_questions
        )
        return JSONResponse(
            {
                **parts,
                "ready": desk.source.ready,
                "language": language,
                "locale": LOCALES[language],
                "texts": table(language),
            }
        )

    @routes.get("/page/ready", include_in_schema=False)
    async def page_ready() -> dict[str, bool]:
        return {"ready": desk.source.ready}

    @routes.get("/page/figures", include_in_schema=False)
    async def page_figures(request: Request, lang: str = "") -> JSONResponse:
        library = await desk.library()
        return JSONResponse(
            {"fingerprint": library.fingerprint, "html": figures_html(library, _language(request, lang))}
        )

    return routes


def _language(request: Request, named: str) -> Language:
    return chosen_language(named) or language_of_request(request.headers)
