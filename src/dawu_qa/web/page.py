"""The page in Gradio: a chat, the figures, the interview beside them, and one way in for every question."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import gradio as gr
from gradio.events import api

from dawu_qa.config import QUESTION_LIMIT
from dawu_qa.web.chat import Conversation, Message
from dawu_qa.web.desk import Desk
from dawu_qa.web.gate import Busy, TooFast
from dawu_qa.web.library import Library
from dawu_qa.web.request import language_of_request
from dawu_qa.web.texts import LANGUAGES, LOCALES, Language, table, text
from dawu_qa.web.turns import MAX_TURNS, VOTES, Turn, from_browser, to_browser

logger = logging.getLogger(__name__)

FONTS = ["PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif"]
_BRIDGE = """
watch('value', () => window.dawuPage && window.dawuPage.shown(props.value));
window.dawuBridge = (event, data) => trigger(event, data);
"""
_STORE = "watch('value', () => window.dawuMemory && window.dawuMemory.keep(props.value));"
_LOADED = "() => [window.dawuMemory ? window.dawuMemory.kept() : [], new URL(location.href).searchParams.get('q') || '']"

Shown = tuple[Any, Any, Any, Any]


def translations() -> gr.I18n:
    """Return the page's texts in the form that Gradio's components take."""
    return gr.I18n(**{LOCALES[language]: _named(language) for language in LANGUAGES})


def _named(language: Language) -> dict[str, str]:
    return {f"dawu_{key.replace('.', '_')}": words for key, words in table(language).items()}


def _t(key: str) -> Any:
    return gr.I18n()(f"dawu_{key.replace('.', '_')}")


class Replies:
    """The handlers behind the page. Each returns what box, chat, store and bridge show next; none raises."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def asked(self, question: str, kept: object, request: gr.Request) -> Shown:
        """Answer a question that was typed or clicked."""
        language = language_of_request(request.headers)
        turns = from_browser(kept)
        question = (question or "").strip()
        if not question:
            return gr.skip(), gr.skip(), gr.skip(), _nothing_new()
        if len(question) > QUESTION_LIMIT:
            messages = await self._notice(
                turns, language, "notice.too_long", question, retry=False, limit=QUESTION_LIMIT
            )
            return question, messages, gr.skip(), _nothing_new()
        try:
            history = [turn.question for turn in turns]
            client = request.client.host if request.client else None
            answer, library = await self._desk.ask(question, history, client=client)
        except Busy:
            return "", await self._notice(turns, language, "notice.busy", question), gr.skip(), _nothing_new()
        except TooFast:
            return (
                "",
                await self._notice(turns, language, "notice.too_fast", question),
                gr.skip(),
                _nothing_new(),
            )
        except Exception:
            logger.exception("a question was not answered")
            return (
                "",
                await self._notice(turns, language, "notice.error", question),
                gr.skip(),
                _nothing_new(),
            )
        turns = [*turns, Turn.of(answer)][-MAX_TURNS:]
        messages = Conversation(library, language).messages(turns)
        return "", messages, to_browser(turns), _bridge(library, turns[-1], asked=True)

    async def clicked(self, kept: object, event: gr.EventData, request: gr.Request) -> Shown:
        """Answer a question that was clicked on."""
        question = event._data.get("question", "") if isinstance(event._data, dict) else ""  # noqa: SLF001
        return await self.asked(question if isinstance(question, str) else "", kept, request)

    async def opened(self, kept: object, shared: str, request: gr.Request) -> Shown:
        """Show what the browser kept, answer a question that the address asks, and open the box."""
        language = language_of_request(request.headers)
        try:
            library = await self._desk.library()
        except Exception:
            logger.exception("the page was opened without an index")
            closed = gr.Textbox(placeholder=text("notice.error", language), interactive=False)
            return closed, gr.skip(), gr.skip(), gr.skip()
        turns = from_browser(kept)
        conversation = Conversation(library, language)
        messages: Any = conversation.messages(turns)
        shared = shared.strip() if isinstance(shared, str) else ""
        if shared and not (turns and turns[-1].question == shared):
            words, messages, store, bridge = await self.asked(shared, kept, request)
        else:
            words, store = "", to_browser(turns)
            bridge = _bridge(library, turns[-1] if turns else None, asked=False)
        box = gr.Textbox(value=words, interactive=True, placeholder=text("chat.placeholder", language))
        return box, gr.Chatbot(value=messages, placeholder=conversation.welcome()), store, bridge

    async def voted(self, kept: object, event: gr.EventData, request: gr.Request) -> tuple[Any, Any]:
        """Note a vote; the same vote a second time takes it back."""
        data = event._data if isinstance(event._data, dict) else {}  # noqa: SLF001
        turns = from_browser(kept)
        at = next((at for at, turn in enumerate(turns) if turn.id == data.get("turn")), None)
        if at is None or data.get("vote") not in VOTES:
            return gr.skip(), gr.skip()
        turn = turns[at].voted("" if turns[at].vote == data["vote"] else data["vote"])
        turns[at] = turn
        library = await self._desk.library()
        await self._desk.vote(turn, library)
        return Conversation(library, language_of_request(request.headers)).messages(turns), to_browser(turns)

    async def _notice(
        self, turns: list[Turn], language: Language, key: str, question: str, **fields: Any
    ) -> list[Message]:
        try:
            conversation = Conversation(await self._desk.library(), language)
        except Exception:
            logger.exception("nothing to answer from")
            return []
        return [*conversation.messages(turns), *conversation.notice(key, question, **fields)]


def _nothing_new() -> dict[str, Any]:
    """Return a word to the page's script that a question was dealt with; a new one each time, so that it is heard."""
    return {"notice": uuid4().hex}


def _bridge(library: Library, turn: Turn | None, *, asked: bool) -> dict[str, Any]:
    """Return what the page's script needs to know: the documents' version, what to light, what was asked."""
    cite = None
    if turn and (place := next((found for span in turn.spans if (found := library.locate(span))), None)):
        cite = [library.numbers[place.source], place.start, place.end]
    return {
        "fingerprint": library.fingerprint,
        "cite": cite,
        "question": turn.question if turn else "",
        "turn": turn.id if turn else "",
        "asked": asked,
    }


def build_page(desk: Desk, *, program: Callable[..., Any]) -> gr.Blocks:
    """Return the page; `program` is what other programs may call through Gradio's client."""
    replies = Replies(desk)
    page = gr.Blocks(title="dawu_qa", fill_width=True, analytics_enabled=False)
    with page:
        # Not gr.BrowserState: there all tabs write into one place, so that each loses what the others asked.
        store = gr.HTML(
            [], html_template="<i></i>", js_on_load=_STORE, apply_default_css=False, elem_id="dq-store"
        )
        gr.HTML(
            '<header id="dq-header"></header><p id="dq-connection" role="status"></p>',
            js_on_load=None,
            apply_default_css=False,
            elem_id="dq-top",
        )
        with gr.Row(elem_id="dq-panes"):
            with gr.Column(elem_id="dq-left", scale=3), gr.Tabs(elem_id="dq-tabs"):
                with gr.Tab(_t("chat.tab"), elem_id="dq-chat-tab", id="chat"):
                    chat = gr.Chatbot(
                        label=_t("chat.log"),
                        show_label=False,
                        height=None,
                        scale=1,
                        buttons=[],
                        feedback_options=None,
                        layout="bubble",
                        latex_delimiters=[],
                        allow_tags=False,
                        allow_file_downloads=False,
                        group_consecutive_messages=False,
                        autoscroll=False,
                        elem_id="dq-chat",
                    )
                    gr.HTML('<p id="dq-status" role="status"></p>', js_on_load=None, apply_default_css=False)
                    with gr.Row(elem_id="dq-entry"):
                        box = gr.Textbox(
                            label=_t("chat.box"),
                            show_label=False,
                            # Opened once what the browser kept is there: an earlier question would be lost.
                            interactive=False,
                            placeholder=_t("page.loading"),
                            submit_btn=True,
                            max_length=QUESTION_LIMIT + 1,
                            lines=1,
                            max_lines=4,
                            elem_id="dq-box",
                            scale=1,
                        )
                        anew = gr.Button(_t("chat.new"), elem_id="dq-new", scale=0, min_width=80)
                with gr.Tab(_t("figures.tab"), elem_id="dq-figures-tab", id="figures"):
                    gr.HTML('<div id="dq-figures"></div>', js_on_load=None, apply_default_css=False)
            with gr.Column(elem_id="dq-right", scale=2):
                gr.HTML(
                    '<section id="dq-interview"></section>',
                    js_on_load=None,
                    apply_default_css=False,
                    elem_id="dq-viewer",
                )
        bridge = gr.HTML(
            {}, html_template="<i></i>", js_on_load=_BRIDGE, apply_default_css=False, elem_id="dq-bridge"
        )
        shown = [box, chat, store, bridge]
        private: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        box.submit(replies.asked, [box, store], shown, **private)
        bridge.select(replies.clicked, [store], shown, **private)
        bridge.like(replies.voted, [store], [chat, store], **private)
        anew.click(lambda: ([], [], {"cleared": uuid4().hex}), None, [chat, store, bridge], **private)
        page.load(replies.opened, [store, box], shown, js=_LOADED, **private)
        api(program, api_name="ask", queue=False)
    return page
