"""From the text of a source file to a document: metadata, blocks for the reader's eye, passages to retrieve."""

from __future__ import annotations

import re
from bisect import bisect
from dataclasses import dataclass, field

from dawu_qa.corpus.lines import Line, classify, columns, read_lines
from dawu_qa.corpus.people import invited_guest, people_in_captions
from dawu_qa.corpus.sentences import clauses, sentences, trimmed
from dawu_qa.types import Block, BlockKind, Document, Passage, Span

#: Longer paragraphs are cut between sentences, so that a passage can be read at a glance.
PASSAGE_LIMIT = 400
#: Raised whenever the same file would be split in another way: an older index is then stale.
SPLITTER_VERSION = 2

_BROKEN_LINE_COLUMNS = 60
_QUESTION_SENTENCE = re.compile(r"[?？][”’」』）)\"']*$")


@dataclass(slots=True)
class _Builder:
    """The document so far, and the headings and the paragraph that are open."""

    source: str
    text: str
    blocks: list[Block] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    metadata: dict[str, Span] = field(default_factory=dict)
    captions: list[Line] = field(default_factory=list)
    headings: dict[int, str] = field(default_factory=dict)
    marker: str = ""
    paragraph: list[Line] = field(default_factory=list)
    broken: bool = False
    in_list: bool = False
    asking: bool = False
    question_level: int = 1

    def span(self, start: int, end: int) -> Span:
        return Span(self.text[start:end], self.source, start, end)

    def block(self, kind: BlockKind, start: int, end: int, level: int = 0) -> None:
        self.close_paragraph()
        self.blocks.append(Block(kind, start, end, level))

    def open_heading(self, line: Line, level: int) -> None:
        self.block("heading", line.start, line.end, level)
        self.headings = {deeper: text for deeper, text in self.headings.items() if deeper < level}
        self.headings[level] = line.text
        self.marker = ""

    def is_indented(self, line: Line) -> bool:
        before = self.text[max(line.start - 4, 0) : line.start]
        return before[-1:] in {" ", "\t"} and ">" not in before

    def add_passage(self, start: int, end: int, headings: tuple[str, ...]) -> None:
        section = headings[0] if headings else ""
        self.passages.append(Passage(self.text[start:end], section, headings, self.source, start, end))

    def add_line(self, line: Line) -> None:
        self.paragraph.append(line)
        self.broken = self.broken or line.is_open

    def close_paragraph(self) -> None:
        if not self.paragraph:
            return
        start, end = self.paragraph[0].start, self.paragraph[-1].end
        self.paragraph, self.broken = [], False
        self.blocks.append(Block("paragraph", start, end))
        headings = tuple(text for _, text in sorted(self.headings.items())) + (
            (self.marker,) if self.marker else ()
        )
        for left, right in _within_limit(self.text[start:end]):
            self.add_passage(start + left, start + right, headings)


def parse(source: str, text: str) -> Document:
    """Split a source into metadata, blocks and passages.

    Args:
        source: The file's name; `.md` and `.markdown` are read as Markdown.
        text: Its decoded text.
    """
    markdown = source.lower().endswith((".md", ".markdown"))
    lines = classify(read_lines(text), markdown=markdown)
    lines = _promote_title(lines)
    levels = sorted({line.level for line in lines if line.kind == "heading"})
    builder = _Builder(source, text)
    for line in lines:
        _add(
            builder,
            line,
            level=1 + levels.index(line.level) if line.kind == "heading" else 0,
            markdown=markdown,
        )
    builder.close_paragraph()
    _add_metadata(builder)
    passages = sorted(builder.passages, key=lambda passage: passage.start)
    blocks = sorted(builder.blocks, key=lambda block: block.start)
    return Document(source, text, builder.metadata, tuple(blocks), tuple(passages))


def _promote_title(lines: list[Line]) -> list[Line]:
    """Where no page header names another title, a heading that opens the file is it."""
    body = [at for at, line in enumerate(lines) if line.kind not in {"chrome", "metadata"}]
    titles = {
        line.text
        for line in lines
        if line.kind == "title" or (line.kind == "metadata" and line.label == "title")
    }
    if not body or lines[body[0]].kind != "heading" or lines[body[0]].is_question:
        return lines
    if titles and lines[body[0]].text not in titles:
        return lines
    first = lines[body[0]]
    title = first.cut(0, first.text, kind="title", level=0)
    return [title if at == body[0] else line for at, line in enumerate(lines)]


def _add(builder: _Builder, line: Line, *, level: int, markdown: bool) -> None:
    match line.kind:
        case "chrome":
            builder.close_paragraph()
        case "title":
            builder.block("title", line.start, line.end)
            builder.metadata.setdefault("title", builder.span(line.start, line.end))
        case "metadata":
            builder.block("metadata", line.start, line.end)
            builder.metadata.setdefault(line.label, builder.span(line.start, line.end))
        case "caption":
            builder.block("caption", line.start, line.end)
            builder.captions.append(line)
        case "heading":
            builder.open_heading(line, level)
            builder.asking = False
            builder.question_level = level + 1
        case "marker":
            builder.block("marker", line.start, line.end)
            builder.marker, builder.in_list = line.label, False
        case "item":
            builder.close_paragraph()
            builder.marker = line.label if any(character.isdigit() for character in line.label) else ""
            builder.in_list = markdown
            builder.add_line(line)
        case "speaker":
            builder.close_paragraph()
            builder.asking = line.asks
            _add_turn(builder, line)
        case _ if builder.asking:
            _add_turn(builder, line)
        case _:
            if builder.paragraph and not _joins(builder, line, markdown=markdown):
                builder.close_paragraph()
            if builder.in_list and line.after_blank and not builder.is_indented(line):
                builder.marker, builder.in_list = "", False
            builder.add_line(line)


def _add_turn(builder: _Builder, line: Line) -> None:
    """Add what a speaker says; the questions that end an asker's turn open a section."""
    if not line.text:
        return
    spans = sentences(line.text) if builder.asking else []
    questions = 0
    while (
        questions < len(spans)
        and len(line.text) - spans[-1 - questions][0] <= PASSAGE_LIMIT
        and _QUESTION_SENTENCE.search(line.text[slice(*spans[-1 - questions])])
    ):
        questions += 1
    if not questions:
        builder.add_line(line)
        return
    begin = spans[-questions][0]
    question = line.cut(begin, line.text[begin:].rstrip())
    builder.open_heading(question, builder.question_level)
    builder.asking = False
    if lead := line.text[:begin].rstrip():
        builder.add_line(line.cut(0, lead))
        builder.close_paragraph()


def _joins(builder: _Builder, line: Line, *, markdown: bool) -> bool:
    """Tell whether a line goes on with the paragraph above it, rather than opening its own."""
    last = builder.paragraph[-1]
    if not line.after_blank:
        wrapped = not last.is_terminated and columns(last.text) > _BROKEN_LINE_COLUMNS // 2
        return markdown or last.is_open or wrapped
    if columns(line.text) > _BROKEN_LINE_COLUMNS:
        return False
    return builder.broken and (line.is_open or not last.is_terminated)


def _within_limit(text: str) -> list[tuple[int, int]]:
    """Cut a paragraph between sentences (or clauses, or anywhere, if it must be) into pieces within the limit."""
    found = sentences(text)
    if len(text) <= PASSAGE_LIMIT:
        return [(0, len(text))] if found else []
    units: list[tuple[int, int]] = []
    for began, stop in found:
        if stop - began <= PASSAGE_LIMIT:
            units.append((began, stop))
            continue
        for start, end in clauses(text[began:stop]):
            cuts = range(began + start, began + end, PASSAGE_LIMIT)
            cut = (trimmed(text, at, min(at + PASSAGE_LIMIT, began + end)) for at in cuts)
            units += [unit for unit in cut if unit]
    pieces: list[tuple[int, int]] = []
    for start, end in units:
        if pieces and end - pieces[-1][0] <= PASSAGE_LIMIT:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces


def _add_metadata(builder: _Builder) -> None:
    """Find the people, and make a passage of every metadata line that the body does not hold."""
    bodies = [(passage.start, passage.end) for passage in builder.passages]
    invited = (invited_guest(builder.text, start, end) for start, end in bodies)
    people = [guest for guest in invited if guest] + people_in_captions(builder.captions)
    lines = [(span.start, span.end) for span in builder.metadata.values()]
    for person in people:
        lines.append((person.start, person.end))
        if person.field not in builder.metadata:
            builder.metadata[person.field] = builder.span(person.name_start, person.end)
            office = builder.text[person.start : person.name_start].rstrip()
            builder.metadata[f"{person.field}_office"] = builder.span(
                person.start, person.start + len(office)
            )
    headings = (builder.metadata["title"].text,) if "title" in builder.metadata else ()
    for left, right in lines:
        before = bisect(bodies, left, key=lambda body: body[0]) - 1
        if before < 0 or right > bodies[before][1]:
            builder.add_passage(left, right, headings)
