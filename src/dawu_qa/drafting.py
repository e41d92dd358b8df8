"""Drafts of the questions beside a new source, by a language model behind an endpoint that the user names.

A draft is for an editor to read: it goes to a file of its own, and every line of it is anchored verbatim in the source.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dawu_qa.corpus.decode import printable, read_source
from dawu_qa.corpus.parse import parse
from dawu_qa.corpus.sidecar import parse_sidecar
from dawu_qa.errors import CorpusError, DraftError
from dawu_qa.types import Document, Passage

_INSTRUCTIONS = """你为一篇访谈起草检索用的问题。只依据给出的段落,输出一个 JSON 对象:
{"facts": [{"sentence": "...", "answer": "...", "questions": ["...", "..."]}], "unanswerable": ["..."]}
sentence 从段落中逐字抄一句话或一个分句;answer 从 sentence 中逐字抄最短的答案,没有短答案时为 null;
questions 有五种问法:书面的、口语的、关键词的、英文的、繁体的;
unanswerable 是读者看了这一段会问、但这一段没有回答的问题。不要编造段落里没有的内容。"""
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Draft:
    """Where a draft was written, how many facts and unanswerable questions it holds, and how many facts were dropped."""

    path: str
    facts: int
    unanswerable: int
    dropped: int


def draft_questions(
    source: Path,
    *,
    endpoint: str,
    model: str,
    progress: Callable[[int, int], None] | None = None,
) -> Draft:
    """Write `NAME.questions.draft.jsonl` beside a source.

    Args:
        source: The interview.
        endpoint: Base URL of an OpenAI-compatible service; the passages are sent there, and nowhere else. Its key is
            taken from OPENAI_API_KEY, if it wants one.
        model: Name of the model there.
        progress: Called with the number of passages that are done, and of all.

    Raises:
        CorpusError: The source cannot be read.
        DraftError: The draft exists already, the extra is not installed, or the endpoint does not answer as it should.
    """
    document = parse(source.name, read_source(source))
    path = source.with_name(f"{source.stem}.questions.draft.jsonl")
    if path.exists():
        raise DraftError(f"{printable(path.name)} is there already; rename or remove it")
    complete = _client(endpoint, model)
    lines: dict[str, None] = {}
    unanswerable: list[str] = []
    dropped = 0
    for done, passage in enumerate(document.passages, 1):
        reply = _reply(complete(_prompt(passage)))
        for fact in _objects(reply.get("facts")):
            line = _anchored(fact, document)
            if line:
                lines[line] = None
            else:
                dropped += 1
        unanswerable += [text for text in reply.get("unanswerable") or () if _is_question(text)]
        if progress:
            progress(done, len(document.passages))
    asked = list(dict.fromkeys(unanswerable))
    if asked:
        lines[json.dumps({"sentence": None, "questions": asked}, ensure_ascii=False)] = None
    if not lines:
        raise DraftError(f"{model} gave nothing that stands in {printable(source.name)}; try another model")
    _write(path, "".join(f"{line}\n" for line in lines))
    return Draft(str(path), len(lines) - bool(asked), len(asked), dropped)


def _client(endpoint: str, model: str) -> Callable[[str], str]:
    """Return a function that sends a prompt to the endpoint and gives back the model's words."""
    try:
        import openai
    except ImportError as error:
        raise DraftError("drafting needs the extra: pip install 'dawu-qa[draft]'") from error
    client = openai.OpenAI(
        base_url=endpoint, api_key=os.environ.get("OPENAI_API_KEY") or "none", timeout=_TIMEOUT, max_retries=1
    )

    def complete(prompt: str) -> str:
        try:
            reply = client.chat.completions.create(
                model=model,
                messages=[
                    {"role": "system", "content": _INSTRUCTIONS},
                    {"role": "user", "content": prompt},
                ],
                temperature=0,
            )
            return str(reply.choices[0].message.content or "")
        except openai.AuthenticationError as error:
            raise DraftError(f"{endpoint} refuses the key; set OPENAI_API_KEY to one it accepts") from error
        except openai.NotFoundError as error:
            raise DraftError(
                f"{endpoint} knows no model {model!r}; name another, or mend the address"
            ) from error
        except openai.APIConnectionError as error:
            raise DraftError(f"{endpoint} cannot be reached; check the address and that it runs") from error
        except (openai.OpenAIError, AttributeError, IndexError, TypeError, ValueError) as error:
            raise DraftError(f"{endpoint} does not answer like an OpenAI-compatible service") from error

    return complete


def _prompt(passage: Passage) -> str:
    return "\n".join((*passage.headings, "", passage.text))


def _reply(content: str) -> dict[str, Any]:
    """Read the JSON object in a reply; what surrounds it (a fence, a remark) is left out, a reply without one is empty."""
    try:
        reply = json.loads(content[content.index("{") : content.rindex("}") + 1])
    except (ValueError, RecursionError):
        return {}
    return reply if isinstance(reply, dict) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            yield entry


def _is_question(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _anchored(fact: dict[str, Any], document: Document) -> str | None:
    """Return a line of the sidecar, or None where the sentence, its answer or its questions are not what they should be."""
    entry = {key: fact.get(key) for key in ("sentence", "questions", "answer") if fact.get(key) is not None}
    line = json.dumps(entry, ensure_ascii=False)
    try:
        return line if parse_sidecar(line, document.source, document).facts else None
    except (CorpusError, UnicodeError):
        return None


def _write(path: Path, text: str) -> None:
    """Write a file whole, and only if it is not there."""
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        written.write_text(text, encoding="utf-8")
        os.link(written, path)
    except OSError as error:
        raise DraftError(
            f"cannot write {printable(path.name)} ({error.strerror}); make the folder writable"
        ) from error
    finally:
        written.unlink(missing_ok=True)
