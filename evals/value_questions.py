"""Questions for the values of a text, made of its own words: "铺设主管道184公里" is asked for by "铺设主管道多少公里?".

Where values stand side by side ("1个集中式、6个多村联建和27个村级光伏电站"), each has its own words before or behind it.
People seldom ask for all of them; these questions do, so that what is trained on them learns which words are whose.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from dawu_qa.quantities import Quantity, quantities

#: What stands between the words of one value and those of the next; the latter only where there is nothing else.
_BETWEEN = re.compile(r"[,，。;；:：、()（）“”《》!！?？\s]|以及|其中|分别")
_JOINING = re.compile(r"(?<!参)与|(?<![普涉以])及|和")
_LEADING = re.compile(r"^(?:共|约|达|的|有|为|是|达到|即|等)+")
_TRAILING = re.compile(r"(?:共|约|达|近|超过?|为|是|达到|即|在|至|到|的)+$")
#: Units of numbers that are dates more often than spans of time, and what a date goes on with.
_OF_DATES = frozenset({"年", "月", "日"})
_OF_A_DATE = re.compile(r"^(?:底|初|末|度|份|上半年|下半年|上旬|中旬|下旬)?(?:以来|以后|以前|之前|起|前)?")
#: The fewest and the most characters that tell a value from others.
_LEAST, _MOST = 2, 16
_ASKING = {
    "rank": ("第几{unit}", "第几"),
    "percent": ("百分之几", "多少"),
    "time": ("多少{unit}", "几{unit}", "多久"),
    "money": ("多少{unit}", "多少钱", "多少"),
}
_HOW_MANY = ("多少{unit}", "几{unit}", "多少")


def value_questions(sentences: Sequence[str]) -> Iterator[tuple[int, str, Quantity]]:
    """Yield the number of a sentence, a question, and the value that answers it, for each value that its own words tell.

    Args:
        sentences: All of a text: a question whose words stand with another value, too, would have two answers.
    """
    told = [(at, *each) for at, sentence in enumerate(sentences) for each in _values(sentence)]
    answers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for at, value, left, right in told:
        for words in {(left, right), ("", right)}:
            answers[words].add(sentences[at][value.start : value.end])
    for at, value, left, right in told:
        if len(left) + len(right) >= _LEAST and len(answers[left, right]) == 1:
            alone = len(right) >= _LEAST and len(answers["", right]) == 1
            yield at, _question(left, value, right, alone=alone), value


def _values(sentence: str) -> Iterator[tuple[Quantity, str, str]]:
    """Yield the values of a sentence, dates aside, with the words before and behind that belong to each."""
    found = [one for one in quantities(sentence) if one.unit]
    if not found:
        return
    before = [_BETWEEN.split(sentence[: found[0].start])[-1]]
    behind = []
    for one, other in pairwise(found):
        first, second = _words(sentence[one.end : other.start], dated=one.unit in _OF_DATES)
        behind.append(first)
        before.append(second)
    behind.append(_BETWEEN.split(sentence[found[-1].end :])[0])
    for one, left, right in zip(found, before, behind, strict=True):
        if one.unit not in _OF_DATES:
            yield one, _TRAILING.sub("", left)[-_MOST:], _LEADING.sub("", right)[:_MOST]


def _words(gap: str, *, dated: bool) -> tuple[str, str]:
    """Return those words between two values that belong to the first and those that belong to the second."""
    parts = _BETWEEN.split(_OF_A_DATE.sub("", gap) if dated else gap)
    if len(parts) == 1:
        parts = _JOINING.split(parts[0])
    return (parts[0] if len(parts) > 1 else "", parts[-1])


def _question(left: str, value: Quantity, right: str, *, alone: bool) -> str:
    how_many = random.choice(_ASKING.get(value.kind, _HOW_MANY)).format(unit=value.unit)
    wordings = [f"{left}{how_many}{right}", f"{left}{right} {how_many}"]
    if alone:
        wordings += [f"{right}{how_many}", f"{right}有{how_many}"]
    return random.choice(wordings) + random.choice(("", "?", "?"))
