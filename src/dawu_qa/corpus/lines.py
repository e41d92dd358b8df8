"""What each line of a source is, judged by its shape.

The rules know page furniture, headings, markers, speakers and metadata as they look in Chinese and English
interviews; they know nothing of what an interview is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

LineKind = Literal["text", "chrome", "title", "metadata", "heading", "marker", "speaker", "caption", "item"]

_TERMINAL = re.compile(r"[。！？!?；;…][”’」』）)】\]\"']*$|\.[\"')\]]*$")
_OPEN = re.compile(r"[，,、：:—(（“「《-]$")
_QUESTION = re.compile(r"[?？][”’」』）)\"']*$")
#: The widest a heading without a closing question mark may be; an ideograph is two columns wide.
_HEADING_COLUMNS = 60
_QUESTION_COLUMNS = 240
#: The widest a title or a metadata field may be; what is longer is text.
_FIELD_COLUMNS = 400
#: What Unicode counts as white space, and the marks that stand for nothing.
_BLANK = "".join(chr(code) for code in range(0x3001) if chr(code).isspace()) + "\ufeff\u200b"

_DATE = re.compile(
    r"^(?:(?:发布|发表)?(?:时间|日期)[:：]\s*)?(\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+\d{1,2}[:：]\d{2}(?::\d{2})?)?)$"
)
_FIELDS = {
    "title": "标题|题目|title",
    "date": "发布时间|发表时间|访谈时间|时间|日期|date|published",
    "source": "来源|稿源|出处|source",
    "guest": "访谈嘉宾|受访嘉宾|受访者|受访人|嘉宾|guest|guests|interviewee",
    "host": "主持人|主持|采访者|采访|记者|host|interviewer",
}
_FIELD = re.compile(
    r"^\s*(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _FIELDS.items())
    + r")\s*[:：]\s*(?P<value>\S.*)",
    re.I,
)
#: One part of a line such as "2021-03-24 15:20 来源:融媒体中心 浏览:1862": a date, or a label and a value without blanks.
_DATELINE_PART = re.compile(
    r"(?:(?:发布|发表)?(?:时间|日期)[:：]\s*)?\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:\s+\d{1,2}[:：]\d{2}(?::\d{2})?)?"
    r"|[^\s:：|｜\d]{2,8}[:：]\s*[^\s|｜]+(?:\s+[^\s:：|｜]+(?=[\s|｜]|$))*"
)
_DATELINE_GAP = re.compile(r"[\s|｜]+")
#: So many lines from the top a page's header is looked for.
_HEADER_LINES = 40
_SUBTITLE = re.compile(r"^[—–-]{1,2}\s*\w")
_CAPTION = re.compile(r"^(?:图\s*[丨|｜/:：\d]|图为|[▲△▼]|!\[|[(（]?(?:资料图|图片来源|摄影|供图|视频截图))")
_PICTURE_LABEL = re.compile(r"^\S{0,8}(?:现场|合影|截图|剧照|资料图|示意图)$")
_CHROME = re.compile(
    r"^(?:[+＋]\d+|\S{0,6}logo|登录|注册|首页|字号|字体|大\s*中\s*小|分享(?:到\S*)?|收藏|点赞|评论|打印|关闭|举报|我要举报|反馈|返回顶部|"
    r"下载\S{0,4}客户端|打开\S{0,4}app|阅读原文|展开全文|上一篇.*|下一篇.*|相关阅读|扫码\S*|扫一扫\S*|关注我们|menu|share|print)$",
    re.I,
)
_FOOTER = re.compile(
    r"^(?:原标题[:：]|阅读原文|责任编辑[:：]|责编[:：]|编辑[:：](?!.*[。?？!！]$)|校对[:：]|免责声明|声明[:：]|特别声明|版权(?:声明|所有|归)|本文为.{0,40}(?:上传|发布)|"
    r"[©Ⓒ]|copyright|.{0,4}ICP[备证]|.{0,4}公网安备|互联网新闻信息服务许可证|增值电信业务)",
    re.I,
)
_SUBSECTION = re.compile(r"^[(（][一二三四五六七八九十百]{1,3}[)）]\s*\S")
_SECTION = re.compile(
    r"^(?:[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十\d]{1,3}[章节部分篇]+[\s、：:])\s*\S"
)
_MARKER = re.compile(r"^(?:0\d|[1-9]\d?|[①-⑳]|[(（]\d{1,2}[)）])[.、．]?$")
_ITEM = re.compile(r"^(?:\d{1,2}[.、．]\s*(?=\D)|[(（]\d{1,2}[)）]\s*|[①-⑳]\s*|[-*+]\s+)(?=\S)")
_RULE = re.compile(r"^(?:[-*_=~·•—–]\s*){3,}$")
_MARKDOWN_HEADING = re.compile(r"^(#{1,6})\s+(?=\S)")
_BRACKET_SPEAKER = re.compile(r"^(?:【(?P<a>[^】\s]{1,12})】|\[(?P<b>[^\]\s]{1,12})\](?!\())[:：]?\s*")
_SPEAKER = re.compile(
    r"^\*{0,2}(?P<name>[^\s:：,，。?？!！《“\"(（\d][^:：,，。?？!！《“\"]{0,15}?)\*{0,2}[:：]\*{0,2}\s*(?!//)"
)
_ASKERS = re.compile(
    r"^(?:问|提问|主持人?|主持人\S*|记者|\S*记者|编者|网友|\S*网友|观众|听众|采访者?|访谈者|提问者|Q|host|interviewer|question|moderator|reporter)$",
    re.I,
)
_ANSWERERS = re.compile(r"^(?:答|答复|回答|回复|嘉宾\S*|受访者|受访人|A|answer|guest|interviewee)$", re.I)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: what it says without its markup, where, and what it is.

    `level` is that of a heading (1 section, 2 subsection); `label` a marker, a speaker or a metadata field;
    `asks` tells whether the speaker is the one who asks; `after_blank` whether a blank line precedes.
    """

    text: str
    start: int
    end: int
    after_blank: bool
    kind: LineKind = "text"
    level: int = 0
    label: str = ""
    asks: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the sentence goes on in the next line: the page broke it, not its author."""
        return bool(_OPEN.search(self.text)) and not self.text.endswith((":", "："))

    @property
    def is_question(self) -> bool:
        """Whether the line ends with a question."""
        return bool(_QUESTION.search(self.text)) and columns(self.text) <= _QUESTION_COLUMNS

    @property
    def is_terminated(self) -> bool:
        """Whether a sentence ends at the line's end."""
        return bool(_TERMINAL.search(self.text))

    def cut(self, begin: int, text: str, **changes: object) -> Line:
        """Return the line from character `begin` of its text, saying `text` without blanks around it."""
        start = self.start + begin + len(text) - len(text.lstrip(_BLANK))
        text = text.strip(_BLANK)
        return replace(self, text=text, start=start, end=start + len(text), **changes)  # type: ignore[arg-type]


def columns(text: str) -> int:
    """Return the width of a text in columns, an ideograph counting two."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def has_words(text: str) -> bool:
    """Return whether a text has any letter, ideograph or digit."""
    return any(map(str.isalnum, text))


def read_lines(text: str) -> list[Line]:
    """Split a text into its lines, white space and blank lines left out."""
    lines, blank, at = [], True, 0
    for raw in text.splitlines(keepends=True):
        stripped = raw.strip(_BLANK)
        if stripped:
            start = at + raw.index(stripped)
            lines.append(Line(stripped, start, start + len(stripped), blank))
        blank = not stripped
        at += len(raw)
    return lines


def classify(lines: list[Line], *, markdown: bool) -> list[Line]:
    """Tell of every line what it is."""
    lines = [part for line in lines[:_HEADER_LINES] for part in _dateline(line)] + lines[_HEADER_LINES:]
    lines = _front_matter(lines) if markdown else lines
    lines = _page_furniture(_page_header(lines, markdown=markdown))
    speakers = _speakers(lines)
    lines = [_shaped(line, speakers, markdown=markdown) for line in lines]
    return _plain_headings(lines)


def _dateline(line: Line) -> list[Line]:
    """Split a line that gives a date and more, each with its label, into one line for each."""
    parts: list[re.Match[str]] = []
    at = 0
    while match := _DATELINE_PART.match(line.text, at):
        parts.append(match)
        gap = _DATELINE_GAP.match(line.text, match.end())
        at = gap.end() if gap else match.end()
        if not gap:
            break
    whole = at == len(line.text) and len(parts) > 1
    if not whole or not any(_DATE.match(part.group()) for part in parts):
        return [line]
    found = [line.cut(part.start(), part.group()) for part in parts]
    return [each if _field(each) else replace(each, kind="chrome") for each in found]


def _field(line: Line) -> Line | None:
    match = _FIELD.match(line.text)
    value = match.group("value").strip("\"'") if match else ""
    if match and _is_field(value) and not line.is_terminated:
        label = next(name for name in _FIELDS if match.group(name))
        return line.cut(line.text.index(value, match.start("value")), value, kind="metadata", label=label)
    match = _DATE.match(line.text)
    if match:
        return line.cut(match.start(1), match.group(1), kind="metadata", label="date")
    return None


def _is_field(value: str) -> bool:
    return has_words(value) and columns(value) <= _FIELD_COLUMNS


def _front_matter(lines: list[Line]) -> list[Line]:
    """Read the YAML block that a Markdown file may open with; fields that are not known are page furniture."""
    if not lines or lines[0].text != "---":
        return lines
    end = next((at for at, line in enumerate(lines[1:], 1) if line.text == "---"), 0)
    head = [_field(line) or replace(line, kind="chrome") for line in lines[: end + 1]]
    return head + lines[end + 1 :] if end else lines


def _page_header(lines: list[Line], *, markdown: bool) -> list[Line]:
    """Find the title, and the metadata lines below it that a captured page opens with.

    The title is the last line that is neither furniture nor metadata before the first metadata line, a subtitle
    aside; what stands above it belongs to the page. Without such a header the file opens with its text.
    """
    window = lines[:_HEADER_LINES]
    known = [line.kind != "text" for line in window]
    fields = [line if line.kind != "text" else _field(line) for line in window]
    first = next((at for at, line in enumerate(fields) if line is not None and not known[at]), None)
    if markdown or first is None:
        return lines
    plain = [
        at
        for at in range(first)
        if not known[at] and has_words(lines[at].text) and not _CHROME.match(lines[at].text)
    ]
    if not plain and first > 0:
        return lines
    if plain and (
        len(plain) > 6
        or any(lines[at].is_terminated or columns(lines[at].text) > _FIELD_COLUMNS for at in plain)
    ):
        return lines
    found = list(lines)
    for at in range(first):
        found[at] = replace(lines[at], kind="chrome")
    if len(plain) > 1 and _SUBTITLE.match(lines[plain[-1]].text):
        subtitle = plain.pop()
        found[subtitle] = replace(lines[subtitle], kind="caption")
    if plain:
        found[plain[-1]] = replace(lines[plain[-1]], kind="title")
    for at in range(first, len(window)):
        field = fields[at]
        if field is None and not _CHROME.match(lines[at].text):
            break
        found[at] = field or replace(lines[at], kind="chrome")
    return found


def _page_furniture(lines: list[Line]) -> list[Line]:
    """Mark buttons and logos, and everything from the footer's first line on."""
    body = [at for at, line in enumerate(lines) if line.kind == "text"]
    footer = next((at for at in body if _FOOTER.match(lines[at].text) and at > len(lines) // 4), len(lines))
    return [
        replace(line, kind="chrome")
        if line.kind == "text" and (at >= footer or _CHROME.match(line.text))
        else line
        for at, line in enumerate(lines)
    ]


def _speakers(lines: list[Line]) -> dict[str, bool]:
    """Return who speaks in a transcript, and whether they ask.

    A name is a speaker's where it opens two lines or replies to who asks, or is a word for one who asks or answers.
    """
    turns: dict[str, list[bool]] = {}
    replies: set[str] = set()
    asked = False
    for line in lines:
        name = _speaker_name(line.text)
        if line.kind == "text" and name:
            turns.setdefault(name, []).append(line.is_question)
            replies |= {name} if asked else set()
            asked = bool(_ASKERS.match(name))
    return {
        name: bool(_ASKERS.match(name)) or (not _ANSWERERS.match(name) and 2 * sum(asks) > len(asks))
        for name, asks in turns.items()
        if len(asks) > 1 or name in replies or _ASKERS.match(name) or _ANSWERERS.match(name)
    }


def _speaker_name(text: str) -> str:
    match = _BRACKET_SPEAKER.match(text)
    if match:
        return match.group("a") or match.group("b")
    match = _SPEAKER.match(text)
    return match.group("name").strip("* ") if match else ""


def _shaped(line: Line, speakers: dict[str, bool], *, markdown: bool) -> Line:
    if line.kind != "text":
        return line
    text = line.text
    if markdown and (match := _MARKDOWN_HEADING.match(text)):
        title = text[match.end() :].rstrip("#").rstrip()
        heads = has_words(title) and columns(title) <= _QUESTION_COLUMNS
        return line.cut(
            match.end(),
            title or text[match.end() :],
            kind="heading" if heads else "text",
            level=len(match.group(1)) if heads else 0,
        )
    name = _speaker_name(text)
    if name in speakers:
        match = _BRACKET_SPEAKER.match(text) or _SPEAKER.match(text)
        assert match is not None
        return line.cut(match.end(), text[match.end() :], kind="speaker", label=name, asks=speakers[name])
    if _RULE.match(text):
        return replace(line, kind="chrome")
    if _CAPTION.match(text) or _PICTURE_LABEL.match(text):
        return replace(line, kind="caption")
    if _MARKER.match(text):
        return replace(line, kind="marker", label=text)
    if columns(text) <= _HEADING_COLUMNS and not line.is_terminated:
        if _SUBSECTION.match(text):
            return replace(line, kind="heading", level=2)
        if _SECTION.match(text):
            return replace(line, kind="heading", level=1)
    if match := _ITEM.match(text):
        return line.cut(match.end(), text[match.end() :], kind="item", label=match.group().strip())
    if markdown and text.startswith("> "):
        return line.cut(2, text[2:])
    return line


def _plain_headings(lines: list[Line]) -> list[Line]:
    """Find the headings that only their place and shape give away: a lone question, or a lone short title.

    A line within a sentence that the page broke is none; nor is a title with nothing below it.
    """
    found = list(lines)
    inside_sentence = False
    for at, line in enumerate(lines):
        if line.kind != "text":
            inside_sentence = False
            continue
        follower = lines[at + 1] if at + 1 < len(lines) else None
        if not inside_sentence and _may_head(line, follower):
            found[at] = replace(line, kind="heading", level=1)
            continue
        inside_sentence = (inside_sentence or line.is_open) and not line.is_terminated
    return found


def _may_head(line: Line, follower: Line | None) -> bool:
    if follower is None or follower.kind == "chrome" or not has_words(line.text):
        return False
    if line.is_question:
        return follower.kind != "speaker"
    short = columns(line.text) <= _HEADING_COLUMNS and not line.is_terminated and not line.is_open
    separate = line.after_blank and (
        follower.after_blank or follower.kind != "text" or columns(follower.text) > _HEADING_COLUMNS
    )
    return short and separate and not line.text.endswith((":", "：")) and not _OPEN.search(line.text)
