"""Drafts of a sidecar, by a model behind a stand-in for an OpenAI-compatible endpoint on loopback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dawu_qa.cli import main
from dawu_qa.corpus.check import check_sidecar
from dawu_qa.drafting import draft_questions
from dawu_qa.errors import DraftError

TEXT = "# 图书馆开放情况\n\n镇图书馆2019年5月建成,投入资金320万元。\n"
#: The title and the paragraph.
PASSAGES = 2
GOOD = {
    "facts": [
        {
            "sentence": "投入资金320万元",
            "answer": "320万元",
            "questions": ["建图书馆花了多少钱?", "圖書館花了多少錢?"],
        }
    ],
    "unanswerable": ["图书馆有几层楼?"],
}
INVENTED = {"facts": [{"sentence": "投入资金500万元", "answer": "500万元", "questions": ["花了多少钱?"]}]}


class Endpoint:
    """Answers every chat completion with the same words or status, and keeps what it was sent."""

    def __init__(self, content, status=200):
        self.seen = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                endpoint.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = json.dumps(
                    {
                        "id": "1",
                        "object": "chat.completion",
                        "created": 0,
                        "model": "m",
                        "choices": [
                            {
                                "index": 0,
                                "finish_reason": "stop",
                                "message": {"role": "assistant", "content": content},
                            }
                        ],
                    }
                    if status == 200
                    else {"error": {"message": "no"}}
                ).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def endpoint():
    opened = []

    def start(content, status=200):
        opened.append(Endpoint(content if isinstance(content, str) else json.dumps(content), status))
        return opened[-1]

    yield start
    for one in opened:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "library.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_a_draft_is_anchored_and_can_be_checked_once_it_is_renamed(source, endpoint):
    model = endpoint(f"好的:\n```json\n{json.dumps(GOOD, ensure_ascii=False)}\n```")
    draft = draft_questions(source, endpoint=model.url, model="m")
    assert (draft.facts, draft.unanswerable, draft.dropped) == (1, 1, 0)
    written = source.with_name("library.questions.draft.jsonl")
    assert any("镇图书馆2019年5月建成" in sent["messages"][1]["content"] for sent in model.seen)
    written.rename(source.with_name("library.questions.jsonl"))
    report = check_sidecar(source)
    assert (report.facts, report.unanswerable, report.problems) == (1, 1, ())


def test_what_does_not_stand_in_the_source_is_dropped_and_counted(source, endpoint):
    both = {"facts": GOOD["facts"] + INVENTED["facts"]}
    draft = draft_questions(source, endpoint=endpoint(both).url, model="m")
    assert (draft.facts, draft.dropped) == (1, PASSAGES)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"facts": 3}', json.dumps(INVENTED)])
def test_nothing_usable_is_an_error_and_writes_nothing(source, endpoint, content):
    with pytest.raises(DraftError, match="gave nothing that stands in"):
        draft_questions(source, endpoint=endpoint(content).url, model="m")
    assert [path.name for path in source.parent.iterdir()] == ["library.md"]


@pytest.mark.parametrize(
    ("status", "message"), [(401, "refuses the key"), (404, "knows no model"), (500, "does not answer like")]
)
def test_an_endpoint_that_refuses_is_an_error_with_its_mend(source, endpoint, status, message):
    with pytest.raises(DraftError, match=message):
        draft_questions(source, endpoint=endpoint("", status).url, model="m")


def test_an_endpoint_that_is_not_there_is_an_error(source, endpoint):
    gone = endpoint("")
    gone.server.shutdown()
    gone.server.server_close()
    with pytest.raises(DraftError, match="cannot be reached"):
        draft_questions(source, endpoint=gone.url, model="m")


def test_a_draft_is_never_written_over(source, endpoint):
    model = endpoint(GOOD)
    draft_questions(source, endpoint=model.url, model="m")
    with pytest.raises(DraftError, match="is there already"):
        draft_questions(source, endpoint=model.url, model="m")
    assert len(model.seen) == PASSAGES


def test_the_command_sends_nothing_without_an_endpoint(source, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dawu-qa", "questions", "draft", str(source)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--endpoint" in capsys.readouterr().err


def test_the_command_says_what_it_wrote(source, endpoint, monkeypatch, capsys):
    argv = ["dawu-qa", "questions", "draft", str(source), "--endpoint", endpoint(GOOD).url, "--model", "m"]
    monkeypatch.setattr("sys.argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "1 facts, 1 unanswerable questions; 0 facts dropped" in capsys.readouterr().out
