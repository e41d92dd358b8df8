"""From the bytes of a source file to its text."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from charset_normalizer import from_bytes

from dawu_qa.errors import CorpusError

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
# Of real text nearly nothing is a control character, unassigned or for private use.
_MAX_SHARE_OF_NOISE = 0.01


def decode(raw: bytes, name: str) -> str:
    """Decode a source file: UTF-8, UTF-16 with a byte-order mark, GB18030, or what its bytes suggest.

    A byte-order mark is kept as the first character where the file is UTF-8, so that offsets are those of
    `bytes.decode("utf-8")`.

    Raises:
        CorpusError: The bytes are no text in any of them.
    """
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            return _checked(_attempt(raw, "utf-8" if encoding == "utf-8-sig" else encoding), name)
    for encoding in ("utf-8", "gb18030"):
        text = _attempt(raw, encoding)
        if text is not None and _share_of_noise(text) <= _MAX_SHARE_OF_NOISE:
            return text
    best = from_bytes(raw).best()
    return _checked(None if best is None else _attempt(raw, best.encoding), name)


def read_source(path: Path) -> str:
    """Read and decode one source file.

    Raises:
        CorpusError: The file cannot be read or is no text.
    """
    try:
        return decode(path.read_bytes(), path.name)
    except OSError as error:
        raise CorpusError(f"cannot read {path.name} ({error.strerror}); check its permissions") from error


def _attempt(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _checked(text: str | None, name: str) -> str:
    if text is None or _share_of_noise(text) > _MAX_SHARE_OF_NOISE:
        raise CorpusError(f"{name} is not text in UTF-8 or GB18030; save it as UTF-8, or remove it")
    return text


def _share_of_noise(text: str) -> float:
    noise = sum(unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} and c not in "\t\n\r\f\v" for c in text)
    return noise / max(len(text), 1)
