"""One spelling for what can be written in many: traditional, full width, capitals, numerals, pinyin.

Folding serves matching only. What is shown is always the source's own text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from pypinyin import lazy_pinyin, pinyin_dict
from pypinyin.contrib.tone_convert import to_normal

from dawu_qa.quantities import amounts

_CJK = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUN = re.compile(rf"[{_CJK}]+|[a-zà-ÿ]+|\d+(?:\.\d+)?%?|(?:(?![{_CJK}a-zà-ÿ])[^\W\d_])+")
_LATIN = re.compile(r"[a-zà-ÿ]")
_HAN = re.compile(rf"[{_CJK}]")
_HALF = re.compile(r"[\ud800-\udfff]")
_LONGEST_SYLLABLE = 6


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Fold width, case and traditional characters, and white space to single spaces."""
    folded = _simplified(unicodedata.normalize("NFKC", text).lower())
    return re.sub(r"\s+", " ", folded).strip()


def fold_in_place(text: str) -> str:
    """Fold all but case, character by character, so that offsets stay: the result is as long as the text."""
    simplified = _simplified(text)
    if len(simplified) != len(text):
        simplified = "".join(_one_to_one(character, _simplified(character)) for character in text)
    folded = (_one_to_one(character, unicodedata.normalize("NFKC", character)) for character in simplified)
    return "".join(" " if character.isspace() else character for character in folded)


def latin_share(text: str) -> float:
    """Return how much of a text's letters are Latin, in [0, 1]."""
    latin, han = len(_LATIN.findall(text.lower())), len(_HAN.findall(text))
    return latin / max(latin + 2 * han, 1)


def lexical_terms(text: str) -> list[str]:
    """Return the terms of a text for BM25: single ideographs and pairs, words of other scripts, numbers, amounts.

    An amount is one term however it is written: 一亿一千六百六十五万, 1.1665亿 and 11665万 give "=116650000".
    """
    folded = fold(text)
    terms = []
    for run in _RUN.findall(folded):
        terms.append(run) if not _HAN.match(run) else terms.extend(_grams(run))
    return terms + [f"={amount:.10g}" for amount in amounts(folded)]


def pinyin_terms(text: str) -> list[str]:
    """Return the toneless syllables of a text, single and in pairs; pinyin typed in Latin letters counts alike."""
    syllables = [part for run in _RUN.findall(fold(text)) for part in _syllables(run)]
    return syllables + [f"{left} {right}" for left, right in pairwise(syllables)]


def _syllables(run: str) -> list[str]:
    if _HAN.match(run):
        return pinyin(run)
    return list(split_pinyin(run)) or [run]


@lru_cache(maxsize=65536)
def _pinyin(text: str) -> tuple[str, ...]:
    return tuple(lazy_pinyin(text, errors="ignore"))


def pinyin(text: str) -> list[str]:
    """Return the toneless pinyin of each ideograph."""
    return list(_pinyin(text))


@lru_cache(maxsize=65536)
def split_pinyin(word: str) -> tuple[str, ...]:
    """Split pinyin typed without spaces into syllables, as few as will do; empty where it is not pinyin."""
    syllables = _all_syllables()
    fewest: list[float] = [0] + [math.inf] * len(word)
    begins = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - _LONGEST_SYLLABLE), end):
            if fewest[start] + 1 < fewest[end] and word[start:end] in syllables:
                fewest[end], begins[end] = fewest[start] + 1, start
    split: list[str] = []
    end = len(word) if fewest[-1] < math.inf else 0
    while end:
        split.append(word[begins[end] : end])
        end = begins[end]
    return tuple(reversed(split))


@cache
def _all_syllables() -> frozenset[str]:
    readings = {
        reading
        for code, value in pinyin_dict.pinyin_dict.items()
        if 0x4E00 <= code <= 0x9FA5
        for reading in value.split(",")
    }
    syllables = {to_normal(reading).replace("ü", "v") for reading in readings}
    return frozenset(
        syllable
        for syllable in syllables
        if re.fullmatch(r"[a-z]{2,6}|[aeo]", syllable) and re.search(r"[aeiouv]", syllable)
    )


def _simplified(text: str) -> str:
    """Turn traditional characters into simplified ones; half a character (a lone surrogate) becomes U+FFFD."""
    return str(_to_simplified().convert(_HALF.sub("\N{REPLACEMENT CHARACTER}", text)))


@cache
def _to_simplified() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def _grams(run: str) -> list[str]:
    return [*run, *(run[at : at + 2] for at in range(len(run) - 1))]


def _one_to_one(character: str, folded: str) -> str:
    return folded if len(folded) == 1 else character
