"""Speed, as ratios against the bare encoder measured in the same run: `make bench`."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dawu_qa import QAPipeline, build_index
from dawu_qa.evaluation import read_labelled

ROOT = Path(__file__).resolve().parents[1]


def milliseconds(call: Callable[[str], object], questions: list[str]) -> float:
    """Return the median time of a call, warm."""
    for question in questions[:10]:
        call(question)
    times = []
    for question in questions:
        began = time.perf_counter()
        call(question)
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def main() -> None:
    questions = [one.question for one in read_labelled(ROOT / "evals/labelled/validation/answerable.jsonl")]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        build_index(ROOT / "corpus", folder)
        print(f"first build, imports and model included: {time.perf_counter() - began:.1f} s")
        pipeline = QAPipeline.load(folder)
        began = time.perf_counter()
        build_index(ROOT / "corpus", folder, encoder=pipeline.encoder)
        built = time.perf_counter() - began
        texts = [text for group in pipeline.catalogue.texts().values() for text in group]
        model = pipeline.encoder.model
        began = time.perf_counter()
        model.encode(texts, prompt_name="query", show_progress_bar=False)
        bare = time.perf_counter() - began
        print(
            f"build {built:.2f} s, bare encode of the same {len(texts)} texts {bare:.2f} s, rate {bare / built:.2f} of it"
        )
        encode = milliseconds(
            lambda question: model.encode(question, prompt_name="query", show_progress_bar=False), questions
        )
        ask = milliseconds(pipeline.ask, questions)
        print(f"ask() p50 {ask:.1f} ms, bare encode p50 {encode:.1f} ms, ratio {ask / encode:.2f}")


if __name__ == "__main__":
    main()
