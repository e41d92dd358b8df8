"""From the bytes of a source file to its text."""

from __future__ import annotations

import codecs
import string
import unicodedata
from collections import Counter
from pathlib import Path

from charset_normalizer import from_bytes

from dawu_qa.errors import CorpusError

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Of real text nearly nothing is a control character, unassigned or for private use.
_MAX_SHARE_OF_NOISE = 0.01
_GUESSES = ("gb18030", "cp950", "utf-16-le", "utf-16-be")
#: A guess must look this much more like text than the one before it.
_MARGIN = 0.05
_COMMON = frozenset(
    "的一是了在有人不我他这這中大来來上国國个個到说說们們为為子和你地出也时時年月日，。、：？！"
    + string.ascii_letters
    + " "
)


def decode(raw: bytes, name: str) -> str:
    """Decode a source file: UTF-8, UTF-16, GB18030, Big5, or what its bytes suggest.

    A byte-order mark is kept as the first character where the file is UTF-8, so that offsets are those of
    `bytes.decode("utf-8")`.

    Raises:
        CorpusError: The bytes are no text in any of them.
    """
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return _checked(_attempt(raw, encoding), name)
    text = _attempt(raw, "utf-8")
    if text is None or _share_of_noise(text) > _MAX_SHARE_OF_NOISE:
        text = _guessed(raw)
    if text is None:
        best = from_bytes(raw).best()
        text = None if best is None else _attempt(raw, best.encoding)
    return _checked(text, name)


def read_bytes(path: Path) -> bytes:
    """Read one file of the corpus.

    Raises:
        CorpusError: The file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"cannot read {printable(path.name)} ({error.strerror}); check its permissions"
        ) from error


def read_source(path: Path) -> str:
    """Read and decode one source file.

    Raises:
        CorpusError: The file cannot be read or is no text.
    """
    return decode(read_bytes(path), path.name)


def printable(name: object) -> str:
    """Return a file's name or path fit for a message of one line."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(name)
    )


def _attempt(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _guessed(raw: bytes) -> str | None:
    """Return the guess that looks most like text, by how many of its characters are common ones."""
    best, score = None, -_MARGIN
    for encoding in _GUESSES:
        text = _attempt(raw, encoding)
        if text is None or _share_of_noise(text) > _MAX_SHARE_OF_NOISE:
            continue
        share = sum(count for character, count in Counter(text).items() if character in _COMMON) / max(
            len(text), 1
        )
        if share > score + _MARGIN:
            best, score = text, share
    return best


def _checked(text: str | None, name: str) -> str:
    if text is None or _share_of_noise(text) > _MAX_SHARE_OF_NOISE:
        raise CorpusError(
            f"{printable(name)} is not text in UTF-8, UTF-16, GB18030 or Big5; save it as UTF-8, or remove it"
        )
    return text


def _share_of_noise(text: str) -> float:
    noise = sum(
        count
        for character, count in Counter(text).items()
        if unicodedata.category(character) in {"Cc", "Cn", "Co", "Cs"} and character not in "\t\n\r\f\v"
    )
    return noise / max(len(text), 1)
