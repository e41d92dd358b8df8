"""Settings, read from the environment in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

#: The longest question that is taken, in characters.
QUESTION_LIMIT = 2000
_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are, and what a wrong answer costs.

    The costs set how sure it must be that a sentence tells the answer before it is given: a wrong answer costs five
    times an unhelpful decline, a right one is worth four.
    """

    index_dir: Path
    corpus_dir: Path
    own_index: bool
    data_dir: Path
    wrong_costs: float = 5.0
    unhelpful_costs: float = 1.0
    right_worth: float = 4.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read DAWU_QA_INDEX, DAWU_QA_CACHE and DAWU_QA_DATA, else use the checkout, else (an installed wheel) the user's folders."""
        checkout = (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "corpus").is_dir()
        corpus_dir = _CHECKOUT / "corpus" if checkout else Path(str(files("dawu_qa").joinpath("data/corpus")))
        data_dir = Path(environment.get("DAWU_QA_DATA") or user_data_path("dawu_qa"))
        if named := environment.get("DAWU_QA_INDEX"):
            return cls(Path(named), corpus_dir, own_index=False, data_dir=data_dir)
        index_dir = (
            _CHECKOUT / "index"
            if checkout
            else Path(environment.get("DAWU_QA_CACHE") or user_cache_path("dawu_qa")) / "index"
        )
        return cls(index_dir, corpus_dir, own_index=True, data_dir=data_dir)
