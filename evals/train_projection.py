"""Train the projection of token vectors on open reading-comprehension data (CMRC 2018, DRCD).

    python evals/train_projection.py    # about five minutes on two cores

A question is asked of its own paragraph and of those of its batch; by the mean over its tokens, weighted, of the best
cosine in each sentence, the sentence that holds the answer must come first (cross-entropy over all sentences). One
article in ten is left out and measured after each pass: how often that sentence is the best of its paragraph.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from dawu_qa.corpus import sentences
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import read_squad
from dawu_qa.folding import fold_in_place

ROOT = Path(__file__).resolve().parents[1]
TRAINED = ROOT / "src/dawu_qa/data/token_projection.safetensors"
FILES = ("cmrc_dev.json", "cmrc_trial.json", "drcd_dev.json")
PASSES, BATCH, RATE, TEMPERATURE, DECAY = 3, 24, 2e-4, 0.02, 3e-3


@dataclass
class Example:
    """A question's tokens, the number of its paragraph, and which of its sentences holds the answer."""

    tokens: torch.Tensor
    paragraph: int
    sentence: int


@dataclass
class Paragraph:
    """The tokens of a paragraph, and for each the sentence it stands in."""

    tokens: torch.Tensor
    sentence: torch.Tensor
    sentences: int


class Projection(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query_map, self.passage_map = nn.Parameter(torch.eye(dim)), nn.Parameter(torch.eye(dim))
        self.query_shift, self.passage_shift = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))
        self.weight = nn.Parameter(torch.zeros(dim))
        self.identity = torch.eye(dim)

    def forward(self, questions: list[torch.Tensor], paragraphs: list[Paragraph]) -> torch.Tensor:
        """Return the scores of all sentences for all questions, shape (questions, sentences)."""
        offsets = np.cumsum([0, *(paragraph.sentences for paragraph in paragraphs)])
        owner = torch.cat(
            [paragraph.sentence + int(offset) for paragraph, offset in zip(paragraphs, offsets, strict=False)]
        )
        asked, told = torch.cat(questions), torch.cat([paragraph.tokens for paragraph in paragraphs])
        asked_projected = nn.functional.normalize(asked @ self.query_map - self.query_shift, dim=-1)
        told_projected = nn.functional.normalize(told @ self.passage_map - self.passage_shift, dim=-1)
        best = torch.full((len(asked), int(offsets[-1])), -1.0).scatter_reduce(
            1, owner[None].expand(len(asked), -1), asked_projected @ told_projected.T, "amax"
        )
        weights = torch.cat([torch.softmax(question @ self.weight, -1) for question in questions])
        row = torch.repeat_interleave(torch.arange(len(questions)), torch.tensor([len(q) for q in questions]))
        return torch.zeros(len(questions), best.shape[1]).index_add(0, row, best * weights[:, None])

    def distance(self) -> torch.Tensor:
        """Return how far the maps are from changing nothing."""
        return ((self.query_map - self.identity) ** 2).sum() + ((self.passage_map - self.identity) ** 2).sum()


def read(
    folder: Path, encoder: SentenceTransformerEncoder
) -> tuple[list[Paragraph], list[Example], list[Example]]:
    """Encode all paragraphs and questions; return the paragraphs, the examples to train on, and those to measure."""
    paragraphs, train, held_out = [], [], []
    for name in FILES:
        read_in = read_squad(folder / name)
        texts = [fold_in_place(paragraph.text) for paragraph in read_in]
        for number, (source, text, encoded) in enumerate(
            zip(read_in, texts, encoder.encode_passage(texts), strict=True)
        ):
            spans = sentences(text)
            ends = np.asarray([end for _, end in spans[:-1]])
            starts = np.concatenate([[0], encoded.token_ends[:-1]])
            paragraphs.append(
                Paragraph(
                    torch.from_numpy(encoded.tokens),
                    torch.from_numpy(np.searchsorted(ends, starts, side="right")),
                    len(spans),
                )
            )
            asked = [one for one in source.questions if one.question.strip() and one.answers and one.evidence]
            questions = encoder.encode_query([fold_in_place(one.question) for one in asked])
            for one, question in zip(asked, questions, strict=True):
                at = source.text.index(one.evidence[0])
                told = next(row for row, (start, end) in enumerate(spans) if start <= at < end)
                examples = held_out if number * 10 // len(texts) == 9 else train  # articles stand together
                examples.append(Example(torch.from_numpy(question.tokens), len(paragraphs) - 1, told))
    return paragraphs, train, held_out


def batches(examples: list[Example]) -> Iterator[list[Example]]:
    """Yield batches in which each paragraph occurs once."""
    random.shuffle(examples)
    batch: dict[int, Example] = {}
    for example in examples:
        if example.paragraph not in batch:
            batch[example.paragraph] = example
        if len(batch) == BATCH:
            yield list(batch.values())
            batch = {}


def measure(model: Projection, paragraphs: list[Paragraph], examples: list[Example]) -> float:
    with torch.inference_mode():
        right = [
            int(model([one.tokens], [paragraphs[one.paragraph]]).argmax()) == one.sentence for one in examples
        ]
    return float(np.mean(right))


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument(
        "--train", type=Path, default=ROOT.parent / "shared/train", help="folder of the SQuAD files"
    )
    args = cli.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    encoder = SentenceTransformerEncoder()
    paragraphs, train, held_out = read(args.train, encoder)
    model = Projection(encoder.dim)
    print(
        f"{len(train)} questions, {len(held_out)} held out; untrained {measure(model, paragraphs, held_out):.3f}"
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for number in range(PASSES):
        for batch in batches(train):
            scores = model([one.tokens for one in batch], [paragraphs[one.paragraph] for one in batch])
            offsets = np.cumsum([0, *(paragraphs[one.paragraph].sentences for one in batch)])
            target = torch.tensor(
                [int(offset) + one.sentence for offset, one in zip(offsets, batch, strict=False)]
            )
            loss = nn.functional.cross_entropy(scores / TEMPERATURE, target) + DECAY * model.distance()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"pass {number + 1}: {measure(model, paragraphs, held_out):.3f}", flush=True)
    save_file({name: value.detach().half().contiguous() for name, value in model.named_parameters()}, TRAINED)


if __name__ == "__main__":
    main()
