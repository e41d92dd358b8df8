"""Ask an interview in your own words; get its exact words back, with the place they stand at."""

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
from dawu_qa.index.build import build_index
from dawu_qa.pipeline import QAPipeline, ask, figures
from dawu_qa.types import Answer, Document, Encoder, Figure, Passage, ScoredPassage, Span

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
