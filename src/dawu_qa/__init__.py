"""Ask an interview in your own words; get its exact words back, with the place they stand at."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dawu_qa.__about__ import __version__
from dawu_qa.errors import (
    CorpusError,
    DawuQAError,
    IndexDamagedError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    IndexWriteError,
    ModelLoadError,
    ServeError,
)
from dawu_qa.types import Answer, Document, Encoder, Figure, Passage, ScoredPassage, Span

if TYPE_CHECKING:
    from dawu_qa.index.build import build_index
    from dawu_qa.pipeline import QAPipeline, ask, figures

#: What is imported when it is first used, so that errors and help cost nothing.
_LAZY = {"QAPipeline": "pipeline", "ask": "pipeline", "build_index": "index.build", "figures": "pipeline"}

__all__ = [
    "Answer",
    "CorpusError",
    "DawuQAError",
    "Document",
    "Encoder",
    "Figure",
    "IndexDamagedError",
    "IndexLockedError",
    "IndexMismatchError",
    "IndexNotFoundError",
    "IndexWriteError",
    "ModelLoadError",
    "Passage",
    "QAPipeline",
    "ScoredPassage",
    "ServeError",
    "Span",
    "__version__",
    "ask",
    "build_index",
    "figures",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"dawu_qa.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
