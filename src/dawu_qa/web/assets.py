"""The page's own script and style: one file each, named by what is in it, so that browsers may keep it for good."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

_SCRIPTS = ("connection.js", "memory.js", "core.js", "viewer.js", "figures.js", "manners.js")
_STYLES = ("page.css", "chat.css", "interview.css")
_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the page loads."""

    name: str
    content: bytes
    media_type: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Return the page's files by their kind, "js" and "css"."""
    return {"js": _joined("js", _SCRIPTS), "css": _joined("css", _STYLES)}


def _joined(kind: str, names: tuple[str, ...]) -> Asset:
    folder = files("dawu_qa.web").joinpath("static")
    content = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names).encode()
    return Asset(f"page.{sha256(content).hexdigest()[:12]}.{kind}", content, _TYPES[kind])
