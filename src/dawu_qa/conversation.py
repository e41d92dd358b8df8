"""What a question means beside the others: its parts, and what it leaves to the questions before it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dawu_qa.config import QUESTION_LIMIT
from dawu_qa.folding import fold, fold_in_place
from dawu_qa.quantities import amounts
from dawu_qa.reader.questions import asking_words, expected_kinds
from dawu_qa.small_talk import is_small_talk

_BREAK = re.compile(
    r"[,，;；?？。!！]+\s*(?:还有|以及|另外|and\s+|then\s+)?|\s+and\s+(?=how|when|what|who|where|which|why|since|in what)|(?<=[\u4e00-\u9fff])(?:以及|还有|、|和)?(?=(?:多少|几)(?:户|人|名|个|家|钱|亩))(?<=[户人个家名钱、和及有])(?<!有)|(?<=[\u4e00-\u9fff])(?:以及|还有)(?=.*(?:多少|几|什么|哪|谁))",
    re.I,
)
_RESPECTIVELY = re.compile(
    r"^(?P<frame>.*?(?:在|用在|花在)?)(?P<first>[\u4e00-\u9fffA-Za-z“”]{2,10}?)(?:和|与|跟|、|及|以及)(?P<second>[\u4e00-\u9fffA-Za-z“”]{2,10}?)(?:方面)?(?:都)?(?:分别|各自|各)(?P<asked>.+)$"
)
_DEPENDS = re.compile(
    r"^(?:那么?|这|其中|另外|此外|然后|后来|结果|具体|他|她|它|咱|该|又|还|也|再|同样|之后|以后|接着|另一|剩下|是哪|是什么时候|是谁|为什么呢|哪一年|什么时候的?(?:事)?|多少(?:钱|人|户)?[?？]?$|谁(?:呢)?[?？]?$)"
    r"|他们|她们|它们|这些|那些|这个|那个|其中|这项|这样|这次|这事|那会|那次|该项|呢[?？]?$|上面|前面|刚才"
    r"|^(?:and|what about|how about|then|so|also|of (?:these|those|them|which))\b|\b(?:they|them|their|it|its|that|those|these|he|his|she|her|there)\b",
    re.I,
)
_CONTRAST = re.compile(
    r"不算|除去|除了|撇开|不包括|不含|不是问|(?:^|我)不是|不说|抛开|\b(?:not counting|apart from|besides|leaving aside|other than|except)\b",
    re.I,
)
_CONTRASTED = re.compile(r"^(?:那|而|又|,)")
#: What a question counts, behind 多少个: a follow-up puts its own topic in that place.
_COUNTED = re.compile(r"((?:多少|几)[个名位户家次项所座])[\u4e00-\u9fff]{2,}$")
_LEAST_QUESTION = 7
#: So many of the questions asked before are remembered, the latest.
_REMEMBERED = 8
#: A question that asks for more things than this is read as one: each part costs a search.
_MOST_PARTS = 8
_BARE_TOPIC = re.compile(
    r"^(?:那么?|and|what about|how about|那)?\s*[,，]?\s*(?P<topic>.{1,20}?)(?:方面|这块)?\s*(?:呢|呀|嘛)?[?？]*$",
    re.I,
)


def remembered(history: Sequence[str]) -> list[str]:
    """Return those of the questions asked before that a question may depend on, oldest first; a greeting is none."""
    asked = [question for question in history if question.strip() and not is_small_talk(question)]
    return asked[-_REMEMBERED:]


def without_contrast(question: str) -> str:
    """Return a question without what it says it does not ask for: "不算企业的1.5亿,补贴落实了多少" asks for the latter."""
    lead, comma, rest = question.partition(",") if "," in question else question.partition("，")
    contrasts = _CONTRAST.search(fold(lead)) or (_CONTRASTED.match(fold(rest)) and amounts(fold(lead)))
    if (
        comma
        and contrasts
        and not asking_words(fold(lead))
        and asking_words(fold(rest))
        and len(fold(rest)) > _LEAST_QUESTION
    ):
        return rest
    return question


def parts(question: str) -> list[str]:
    """Split a question that asks for several things; each part asks for one, in order.

    "教育和饮水分别花了多少" gives one part for each; of "面积多大?什么时候退出的?" the second goes without its subject.
    """
    question = without_contrast(question)
    folded, typed = fold(question), fold_in_place(question)
    text = typed if typed.lower() == folded else folded  # a name may be known by its capital
    if match := _RESPECTIVELY.match(text):
        return [f"{match['frame']}{match[name]}{match['asked']}" for name in ("first", "second")]
    pieces = [piece.strip() for piece in _BREAK.split(text) if piece and piece.strip()]
    asking = [bool(asking_words(fold(piece))) for piece in pieces]
    if not 2 <= sum(asking) <= _MOST_PARTS:
        return [question]
    found, lead, topic = [], "", ""
    for piece, asks in zip(pieces, asking, strict=True):
        if not asks:
            lead += f"{piece},"
            continue
        about = piece[: len(piece) - len(asking_words(fold(piece)))]
        found.append(f"{topic if len(about) <= 1 else lead}{piece}")
        topic, lead = topic or f"{lead}{about}", ""
    return found


def depends_on_history(question: str) -> bool:
    """Tell whether a question leaves something to what was asked before."""
    return bool(_DEPENDS.search(fold(question)))


def restate(question: str, previous: str) -> str:
    """Return a question with what it takes over from the one before.

    A bare topic ("那教育呢?") is asked for what the former asked for; anything else is asked about its subject. Of a
    long one before, the end is kept: it was asked last.
    """
    previous = previous[-QUESTION_LIMIT:]
    topic = _BARE_TOPIC.match(fold(question))
    words = asking_words(fold(previous))
    if topic and words and not asking_words(fold(question)) and not expected_kinds(fold(question)):
        return topic["topic"] + _COUNTED.sub(r"\1", words)
    return f"{previous.rstrip('?？。 ')},{question}"
