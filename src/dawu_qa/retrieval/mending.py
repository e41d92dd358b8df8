"""Mending what was typed by its sound: pinyin for ideographs, homophones for the word that the corpus knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache, cached_property

from pypinyin.constants import PINYIN_DICT
from pypinyin.contrib.tone_convert import to_normal

from dawu_qa.dictionary import words
from dawu_qa.folding import fold, fold_in_place, split_pinyin

_HAN_RUN = re.compile(r"[\u4e00-\u9fff]+")
_LATIN_WORD = re.compile(r"[a-zA-Z]+")
_LATIN_PHRASE = re.compile(r"[a-zA-Z]+(?:['\s]+[a-zA-Z]+)*")
_SHORTEST, _LONGEST = 2, 5
#: With this many characters right, a phrase is meant even if the wrong one makes a word with its neighbour.
_SURE = 3
#: Characters that are words by themselves, so that no neighbour tells whether they are right.
_STANDS_ALONE = frozenset(
    "是为把指种那哪有在和到要会的得地了吗呢几谁都这我你他她它们不没被让给由从对与及或就还也再家县市省区镇乡村年月日人"
)
#: In a question without ideographs, this share of its letters must be pinyin for any of them to be read so.
_PINYIN_SHARE = 0.8


class Mender:
    """Knows the phrases of a corpus by their sound.

    Homophones are mended towards the sources' own phrases; pinyin is read as any phrase of theirs, or one that two
    of the editors' questions share.

    Args:
        sources: What the corpus says.
        questions: What people ask about it.
    """

    def __init__(self, sources: Iterable[str], questions: Iterable[str] = ()) -> None:
        self._own = _phrases(sources)
        self._questions = tuple(questions)

    @cached_property
    def _by_sound(self) -> dict[tuple[str, ...], str]:
        return _sounding(self._own)

    @cached_property
    def _by_pinyin(self) -> dict[tuple[str, ...], str]:
        asked = _phrases(self._questions)
        return _sounding(Counter({phrase: count for phrase, count in asked.items() if count > 1}) + self._own)

    def mend(self, question: str) -> str:
        """Return the question with pinyin and homophones written as the corpus writes them."""
        return self._mend_homophones(self._mend_pinyin(fold_in_place(question)))

    def _mend_pinyin(self, question: str) -> str:
        typed = _LATIN_WORD.findall(question)
        readable = sum(len(word) for word in typed if split_pinyin(word.lower()))
        if not typed or (not _HAN_RUN.search(question) and readable < _PINYIN_SHARE * sum(map(len, typed))):
            return question
        return _LATIN_PHRASE.sub(lambda match: self._read(match.group()), question)

    def _read(self, typed: str) -> str:
        """Read words typed in pinyin as known phrases, the longest first; leave the rest as typed.

        A phrase is several whole words, or lies within one.
        """
        spelled = [(word, split_pinyin(word.lower())) for word in _LATIN_WORD.findall(typed)]
        out, at, found = [], 0, False
        while at < len(spelled):
            for stop in range(min(len(spelled), at + _LONGEST), at, -1):
                sounds = [sound for _, syllables in spelled[at:stop] for sound in syllables]
                if all(syllables for _, syllables in spelled[at:stop]) and (
                    read := self._read_sounds(sounds, whole=stop - at > 1)
                ):
                    out.append(read)
                    at, found = stop, True
                    break
            else:
                out.append(f" {spelled[at][0]} ")
                at += 1
        return "".join(out) if found else typed

    def _read_sounds(self, sounds: list[str], *, whole: bool) -> str:
        """Read syllables as one known phrase, or (within a word) as a row of them; empty where they are none."""
        if whole or len(sounds) <= _SHORTEST:
            return self._by_pinyin.get(tuple(sounds), "") if _SHORTEST <= len(sounds) <= _LONGEST else ""
        rows: list[tuple[int, str] | None] = [(0, ""), *[None] * len(sounds)]
        for end in range(1, len(sounds) + 1):
            for start in range(max(0, end - _LONGEST), end):
                head, phrase = rows[start], self._by_pinyin.get(tuple(sounds[start:end]))
                best = rows[end]
                if head and phrase and (best is None or head[0] + 1 < best[0]):
                    rows[end] = (head[0] + 1, head[1] + phrase)
        found = rows[-1]
        return found[1] if found else ""

    def _mend_homophones(self, question: str) -> str:
        """Replace a phrase that the sources do not know by the one of the same sound that they do."""
        characters = list(question)
        for run in _HAN_RUN.finditer(question):
            for size in range(_LONGEST, _SHORTEST - 1, -1):
                for at in range(run.start(), run.end() - size + 1):
                    typed = "".join(characters[at : at + size])
                    known = None if typed in self._own else self._by_sound.get(_sounds(typed))
                    if known and _is_slip("".join(characters), at, known):
                        characters[at : at + size] = known
        return "".join(characters)


def _is_slip(question: str, at: int, known: str) -> bool:
    """Tell whether `known` was meant where the question has its homophone: what differs is part of no other word."""
    wrong = [at + place for place, character in enumerate(known) if question[at + place] != character]
    if (len(known) == _SHORTEST and known not in words()) or any(
        question[place] in _STANDS_ALONE for place in wrong
    ):
        return False
    if len(known) - len(wrong) >= _SURE:
        return True
    pairs = {question[start : start + 2] for place in wrong for start in (place - 1, place) if start >= 0}
    return len(wrong) < len(known) and not any(pair in words() for pair in pairs)


def _phrases(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        for run in _HAN_RUN.findall(fold(text)):
            for size in range(_SHORTEST, _LONGEST + 1):
                counts.update(run[at : at + size] for at in range(len(run) - size + 1))
    return counts


def _sounding(phrases: Counter[str]) -> dict[tuple[str, ...], str]:
    """Return the phrases by their sound; of those that sound alike a word before a fragment, then the commoner."""
    ranked = sorted(phrases, key=lambda phrase: (phrase in words(), phrases[phrase], phrase))
    return {_sounds(phrase): phrase for phrase in ranked}


def _sounds(phrase: str) -> tuple[str, ...]:
    return tuple(_sound(character) for character in phrase)


@cache
def _sound(character: str) -> str:
    readings = PINYIN_DICT.get(ord(character), character)
    return str(to_normal(readings.split(",")[0])).replace("ü", "v")
