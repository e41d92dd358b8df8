"""The fitted numbers, and where they come from: `data/weights.json`, written by `evals/fit.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights by stage and by kind of index ("with_questions" or "text"), and what they were fitted on."""

    fusion: Mapping[str, Mapping[str, float]]
    ranking: Mapping[str, Mapping[str, float]]
    grounded: Mapping[str, Mapping[str, float]]
    correct: Mapping[str, Mapping[str, float]]
    provenance: Mapping[str, Any]


@cache
def load_weights() -> Weights:
    """Return the weights that ship with the package."""
    return Weights(**json.loads(files("dawu_qa").joinpath("data/weights.json").read_text(encoding="utf-8")))
