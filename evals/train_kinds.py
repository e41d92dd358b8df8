"""Fit the model of what kind of answer a question is after.

    python evals/train_kinds.py    # two minutes on two cores

The questions are those beside `evals/interviews/training`, and of CMRC 2018 and DRCD, which count less; the kind of an
answer is that of the candidate with the same words, or what it opens with tells. Printed is how often the likeliest
kind is right for the questions beside `evals/interviews/fitting`, and the mean log of the right one's probability.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from training import FILES, ROOT, arguments, is_held_out

from dawu_qa.corpus.folder import read_corpus
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import read_squad
from dawu_qa.evaluation.labelled import fold_words
from dawu_qa.folding import fold_in_place
from dawu_qa.index.contents import Catalogue
from dawu_qa.reader.candidates import KINDS, find_candidates, kind_of
from dawu_qa.reader.kinds import question_vector

TRAINED = ROOT / "src/dawu_qa/data/kinds.safetensors"
OPEN_SHARE, L2 = 0.15, 5e-3
Asked = tuple[str, list[str], float]


def interviews(folder: Path) -> Iterator[Asked]:
    """Yield questions, the kinds that are right, and how much they count."""
    for entry in read_corpus(folder):
        candidates = find_candidates(Catalogue.of([entry]))
        for fact in entry.sidecar.facts:
            kinds = ["sentence", "clause"]
            if answer := fact.answer:
                kinds = [
                    one.kind
                    for one in candidates
                    if one.span.start < answer.end
                    and answer.start < one.span.end
                    and fold_words(one.span.text) == fold_words(answer.text)
                ] or [kind_of(answer.text)]
            yield from ((question, kinds, 1.0) for question in fact.questions)


def open_questions(folder: Path) -> Iterator[Asked]:
    for name in FILES:
        paragraphs = read_squad(folder / name)
        for number, paragraph in enumerate(paragraphs):
            for one in () if is_held_out(number, len(paragraphs)) else paragraph.questions:
                if one.answers and one.question.strip():
                    yield one.question, [kind_of(one.answers[0])], OPEN_SHARE


def tensors(
    asked: list[Asked], encoder: SentenceTransformerEncoder
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return vectors, target probabilities and weights."""
    encoded = encoder.encode_query([fold_in_place(question) for question, _, _ in asked])
    vectors = np.stack([question_vector(each.embedding, each.lower) for each in encoded])
    target = np.zeros((len(asked), len(KINDS)), np.float32)
    for row, (_, kinds, _) in enumerate(asked):
        for kind in kinds:
            target[row, KINDS.index(kind)] += 1 / len(kinds)
    weights = torch.tensor([weight for _, _, weight in asked])
    return torch.from_numpy(vectors), torch.from_numpy(target), weights / weights.sum()


def main() -> None:
    cli = arguments(__doc__)
    cli.add_argument("--interviews", type=Path, default=ROOT / "evals/interviews")
    args = cli.parse_args()
    encoder = SentenceTransformerEncoder()
    train = [*interviews(args.interviews / "training"), *open_questions(args.train)]
    vectors, target, weights = tensors(train, encoder)
    unseen = tensors(list(interviews(args.interviews / "fitting")), encoder)
    weight = torch.zeros(len(KINDS), vectors.shape[1], requires_grad=True)
    bias = torch.zeros(len(KINDS), requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logs = torch.log_softmax(vectors @ weight.T + bias, dim=1)
        value = -(weights * (target * logs).sum(1)).sum() + L2 * (weight**2).mean(1).sum()
        value.backward()
        return value

    optimizer.step(loss)
    for name, (rows, right, shares) in (("seen", (vectors, target, weights)), ("unseen", unseen)):
        with torch.no_grad():
            logs = torch.log_softmax(rows @ weight.T + bias, dim=1)
        hit = (right.gather(1, logs.argmax(1, keepdim=True))[:, 0] > 0).float()
        log = torch.log((torch.exp(logs) * (right > 0)).sum(1))
        print(
            f"{name}: {len(rows)} questions, right {float((hit * shares).sum()):.3f}, log {float((log * shares).sum()):.3f}"
        )
    save_file({"weight": weight.detach().numpy().astype(np.float16), "bias": bias.detach().numpy()}, TRAINED)


if __name__ == "__main__":
    main()
