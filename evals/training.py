"""What the scripts here share: their data and its checksums, the course of the learning rate, and a measure."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
#: The open reading-comprehension data, in the format of SQuAD.
FILES = ("cmrc_dev.json", "cmrc_trial.json", "drcd_dev.json")


def arguments(description: str | None, *, translations: bool = False) -> argparse.ArgumentParser:
    """Return a parser that knows where the open data is and, if they are wanted, the translated questions."""
    cli = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument(
        "--train", type=Path, default=ROOT.parent / "shared/train", help="folder of the SQuAD files"
    )
    if translations:
        cli.add_argument(
            "--translations",
            type=Path,
            default=ROOT / "evals/questions_en.jsonl",
            help="JSON lines of `id` and `question`: asked in English, too",
        )
    return cli


def read_translations(path: Path) -> dict[str, str]:
    """Return the translated questions by id."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {one["id"]: one["question"] for one in map(json.loads, lines)}


def checksums(folder: Path) -> dict[str, str]:
    """Return by name what tells each file of labelled questions in a folder from any other."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(folder.glob("*.jsonl"))
    }


def is_held_out(number: int, count: int) -> bool:
    """Tell whether a paragraph is of the last tenth, which nothing is trained on; articles stand together."""
    return number * 10 // count == 9


def warmed_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warm_up: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule that rises over `warm_up` steps and falls along a half cosine."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(1.0, (step + 1) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, step / steps)))
        ),
    )


def area(pairs: np.ndarray) -> float:
    """Return how often a value of the first column exceeds one of the second: the area under the ROC curve."""
    return float(np.mean(pairs[:, :1] > pairs[None, :, 1]))
