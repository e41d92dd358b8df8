"""What could be an answer: every quantity, date, rank, title, quotation, list, clause and sentence of the corpus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dawu_qa.dictionary import words
from dawu_qa.index.contents import Catalogue, Unit
from dawu_qa.quantities import quantities
from dawu_qa.types import Span

#: The kinds of answers that questions ask for.
KINDS = (
    "money", "people", "household", "count", "area", "percent", "date", "period", "frequency", "rank",
    "document", "quote", "name", "list", "phrase", "clause", "sentence",
)  # fmt: skip

_NUMERAL = r"[\d一二两三四五六七八九十〇零百]"
_YEAR = r"(?:\d{4}|[一二三四五六七八九〇零]{4})"
_DAY = r"\d{1,2}月(?:\d{1,2}日|底|初|中旬|上旬|下旬)?"
_RELATIVE = r"今年|去年|前年|明年|后年|当年|次年|同年"
_MOMENT = r"(?:凌晨|清晨|早上|早晨|早|上午|中午|下午|晚上|晚)?(?:\d{1,2}[时点](?:\d{1,2}分|半)?|零时|[一二三四五六七八九十]{1,2}点(?:半|钟)?)"
_PATTERNS = {
    "date": re.compile(
        rf"{_YEAR}\s*[—–~至-]\s*{_YEAR}年(?:上半年|下半年|度|底|初)?|{_YEAR}年(?:度|底|初|末|上半年|下半年|\d{{1,2}}月(?:\d{{1,2}}日|底|初)?)?(?:以来|以后|以前)?"
        rf"|{_YEAR}-\d{{1,2}}-\d{{1,2}}(?:\s+\d{{1,2}}:\d{{2}})?|(?:每月)?\d{{1,2}}[月日](?:\d{{1,2}}日)?(?:、\d{{1,2}}日)*|党的十[一二三四五六七八九]大以来|今年疫情期间"
    ),
    "moment": re.compile(
        rf"(?:{_RELATIVE}|{_YEAR}年)(?:年?底|年?初|{_DAY}|上半年|下半年|前[一二三]季度|第[一二三四]季度|春节|春天|秋天|冬天)?{_MOMENT}?(?:前|起|以来|之前|以前)?"
        rf"|(?:每年)?{_DAY}{_MOMENT}?(?:[至到—–~-](?:{_RELATIVE})?(?:{_DAY}|\d{{1,2}}日)?{_MOMENT}?)?(?:前|起)?"
        rf"|{_MOMENT}[至到—–~-](?:次日)?{_MOMENT}(?:[、和]{_MOMENT}[至到—–~-]{_MOMENT})*"
    ),
    "period": re.compile(
        rf"(?:连续|任期|历时|为期|近|五年来|约)?{_NUMERAL}{{1,3}}(?:个)?(?:年|月|天|周|小时)(?:来|间|多)?"
    ),
    "frequency": re.compile(
        rf"每(?:{_NUMERAL})?(?:年|个?月|季度?|周|星期|天|日)[^,，。;；]{{0,10}}?{_NUMERAL}+(?:次|天|回|场)|每(?:年|个?月|季度?|周|星期|天|日)(?:定期|都)?"
    ),
    "document": re.compile(r"《[^《》]{1,60}》"),
    "quote": re.compile(r"“[^“”]{1,40}”(?:(?:、|和|与)?“[^“”]{1,40}”)*(?:等)?"),
    "aside": re.compile(r"[(（][^()（）]{2,80}[)）]"),
}
#: Words in which names of bodies, places and offices end.
_NAMED = re.compile(
    r"(?:局|厅|处|办|部|院|校|中心|公司|集团|银行|合作社|协会|学会|联社|委员会|委|政府|大学|学院|中学|小学|幼儿园|医院|卫生院|卫生室|站|所|厂|店|社|园区|园|基地|馆|场|队|组|"
    r"省|市|州|盟|区|县|旗|镇|乡|街道|村|社区|河|湖|江|山|岭|路|桥|线|书记|主任|县长|市长|镇长|乡长|校长|局长|院长|厂长|老师|医生|干部|负责人)(?![\u4e00-\u9fff]{0,1}[长员级])"
)
_NAME = re.compile(r"[\u4e00-\u9fffA-Za-z—]{2,20}(?<![的了是在])")
_RANGE = re.compile(r"\d+(?:\.\d+)?[-—–~至]\d+(?:\.\d+)?(?:万|亿)?(?P<unit>[人名户个家项次天年亩元%])")
_LIST_SEPARATOR = re.compile(r"、|以及|(?<=[\u4e00-\u9fff])[和与及](?=[\u4e00-\u9fff\d“《])")
_QUANTITY_LIST = re.compile(
    r"\d[^,，。;；:：、()（）]{0,14}(?:(?:、|和|与|及)\d[^,，。;；:：、()（）]{0,14})+"
)
#: Words after which a phrase of its own often begins, and before which one often ends.
_OPENERS = re.compile(
    r"了|为|是|由|把|将|对|在|从|请|经|到|让|给|用|称作|叫作|称为|叫|称|即|就是|指|设在|位于|来自|用来|用于|用作|主要|其中|包|和|与|任|以|按照|围绕|通过|利用|包括|有|向|到|及时|开展|开发|组建|建立|建成|落实|实施|参加|采取|完成|发放|出台|制定|提升|解决|安置|先后接受了|先后被确定为"
)
_BEFORE_NAMES = re.compile(_OPENERS.pattern + r"|[、“”《》()（）\d日年月]|及|被|向|经|受|随|比|跟|同|归")
#: Words and marks behind which the rest of a sentence says what was named before.
_EXPLAINING = re.compile(r"(?:[:：](?!\d)|就是|也就是|,即|,指|所谓.{1,16},)(?=\S|\s)")
_CLOSERS = re.compile(r"等|的(?=[^确])|任|为|牵头|方面|作为|举办|成功|工作(?=$)|要求|精神")
_NAMES = re.compile(r"《[^《》]*》|“[^“”]*”|[(（][^()（）]*[)）]")
#: An answer is a figure if one stands this near its beginning.
_LEAD = 2
_UNIT_KINDS = {"户": "household", "家": "count", "%": "percent", "％": "percent"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span that could be the answer, its kind, and the passage, sentence and clause it stands in."""

    span: Span
    kind: str
    passage: int
    sentence: int
    clause: int
    value: float | None = None
    unit: str = ""


def find_candidates(catalogue: Catalogue) -> tuple[Candidate, ...]:
    """Return the candidates of all passages, in order, each span once."""
    found: dict[tuple[str, int, int], Candidate] = {}
    clauses = catalogue.clauses
    clause = 0
    for at, sentence in enumerate(catalogue.sentences):
        inside = []
        while clause < len(clauses) and _within(clauses[clause], sentence):
            inside.append(clause)
            clause += 1
        for kind, start, end, value, unit in _sentence_spans(
            sentence.span.text, [clauses[part].span for part in inside], sentence
        ):
            span = Span(
                sentence.span.text[start:end],
                sentence.span.source,
                sentence.span.start + start,
                sentence.span.start + end,
            )
            home = next(
                (part for part in inside if clauses[part].span.end > span.start), inside[-1] if inside else 0
            )
            found.setdefault(
                (span.source, span.start, span.end),
                Candidate(span, kind, sentence.passage, at, home, value, unit),
            )
    return tuple(found.values())


def kind_of(text: str) -> str:
    """Return the kind of an answer that an editor cut out: what it opens with tells."""
    for kind in ("date", "frequency", "document", "quote"):
        match = _PATTERNS[kind].match(text)
        if match and match.end() > len(text) // 2:
            return kind
    if _QUANTITY_LIST.match(text) or _LIST_SEPARATOR.search(text):
        return "list"
    first = next(iter(quantities(text)), None)
    if first and first.start <= _LEAD and first.unit:
        return _kind(first.kind, first.unit)
    return "phrase"


def _within(clause: Unit, sentence: Unit) -> bool:
    return clause.passage == sentence.passage and sentence.span.start <= clause.span.start < sentence.span.end


_Found = tuple[str, int, int, float | None, str]


def _sentence_spans(text: str, clauses: list[Span], sentence: Unit) -> Iterator[_Found]:
    """Yield kind, start and end within the sentence, value and unit; the more telling kind first."""
    taken = [False] * len(text)
    for kind in ("date", "frequency", "document", "quote", "moment", "period"):
        for match in _PATTERNS[kind].finditer(text):
            if kind == "date":
                taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            if kind != "period" or not any(taken[match.start() : match.end()]):
                yield "date" if kind == "moment" else kind, match.start(), match.end(), None, ""
    names = [match.span() for match in _NAMES.finditer(text) if text[match.start()] not in "(（"]
    for match in _RANGE.finditer(text):
        if not any(taken[match.start() : match.end()]):
            taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            quantity = quantities(match.group())[-1]
            yield (
                _kind(quantity.kind, quantity.unit),
                match.start(),
                match.end(),
                quantity.value,
                quantity.unit,
            )
    for quantity in quantities(text):
        named = _inside(quantity.start, names) and not text[quantity.start].isdigit()
        if (
            not named
            and not any(taken[quantity.start : quantity.end])
            and (quantity.unit or quantity.value >= 1000)
        ):
            yield (
                _kind(quantity.kind, quantity.unit),
                quantity.start,
                quantity.end,
                quantity.value,
                quantity.unit,
            )
    for match in _QUANTITY_LIST.finditer(text):
        if not any(taken[match.start() : match.end()]):
            yield "list", match.start(), match.end(), None, ""
    for match in _PATTERNS["aside"].finditer(text):
        yield "phrase", match.start() + 1, match.end() - 1, None, ""
    for clause in clauses:
        start, end = clause.start - sentence.span.start, clause.end - sentence.span.start
        end -= len(text[start:end]) - len(text[start:end].rstrip(",，。;；:：!！?？ "))
        yield from _names(text, start, end)
        yield from _phrases(text, start, end)
        yield "clause", start, end, None, ""
    stripped = text.rstrip(",，。;；:：!！?？ ")
    for match in _EXPLAINING.finditer(stripped):
        yield "list", match.end(), len(stripped), None, ""
    yield "sentence", 0, len(stripped), None, ""


def _kind(kind: str, unit: str) -> str:
    return _UNIT_KINDS.get(unit, "period" if kind == "time" else kind)


def _names(text: str, start: int, end: int) -> Iterator[_Found]:
    """Yield what ends like a name in a clause and begins with it, or behind a word or a mark that names follow."""
    clause = text[start:end]
    begins = [0, *(match.end() for match in _BEFORE_NAMES.finditer(clause))]
    for match in _NAMED.finditer(clause):
        stop = match.end()
        for begin in begins:
            if (
                _NAME.fullmatch(clause, begin, stop)
                and clause[begin - 1 : begin + 1] not in words()
                and clause[stop - 1 : stop + 1] not in words()
                and (begin, stop) != (0, len(clause))
            ):
                yield "name", start + begin, start + stop, None, ""


def _phrases(text: str, start: int, end: int) -> Iterator[_Found]:
    """Yield what lies between the words that open and close phrases in a clause; with 、 in it, it is a list."""
    clause = text[start:end]
    names = [match.span() for match in _NAMES.finditer(clause)]
    begins = [0, *(match.end() for match in _OPENERS.finditer(clause) if not _inside(match.start(), names))]
    ends = [
        *(match.start() for match in _CLOSERS.finditer(clause) if not _inside(match.start(), names)),
        len(clause),
    ]
    for begin in begins:
        for stop in ends:
            phrase = clause[begin:stop]
            if (
                (begin, stop) != (0, len(clause))
                and len(phrase) > 1
                and phrase[0] not in "、,的"
                and phrase[-1] not in "、,"
            ):
                yield (
                    ("list" if _LIST_SEPARATOR.search(phrase) else "phrase"),
                    start + begin,
                    start + stop,
                    None,
                    "",
                )


def _inside(at: int, spans: list[tuple[int, int]]) -> bool:
    return any(left <= at < right for left, right in spans)
