"""Train the adapter on open reading-comprehension data (CMRC 2018, DRCD).

    python evals/train_adapter.py    # a quarter of an hour on two cores

Paragraphs are encoded with low-rank updates of the encoder's weights (LoRA); questions as the encoder has them. In a
batch of paragraphs the sentence that answers a question must come first by late interaction, and the head must point
at the first and the last token of the answer (cross-entropy, over all sentences and over all tokens of the batch, and
over what stands for "no text tells it"; once as they are, and once without the sentences that hold the answer).
One article in ten is left out and measured after each pass: how often the sentence is the best of its paragraph, how
often the tokens pointed at are the answer's, and how often they stand in its sentence; and how well a paragraph is
told from the same one without the answer (area under the ROC curve), by late interaction and by what is pointed at.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy, normalize
from training import FILES, ROOT, area, arguments, is_held_out, read_translations, warmed_cosine

from dawu_qa.adapter import QuestionHead
from dawu_qa.corpus import sentences
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import read_squad
from dawu_qa.evaluation.squad import Paragraph as Source
from dawu_qa.folding import fold_in_place

TRAINED = ROOT / "src/dawu_qa/data/adapter.safetensors"
PASSES, RANK, RATE, BATCH, QUESTIONS = 3, 16, 1e-3, 12, 4
WARM_UP, TEMPERATURE, POINTING, ABSENT, DECAY, LONGEST = 40, 0.02, 0.5, 0.5, 1e-3, 16


@dataclass(frozen=True)
class Question:
    """A question's vectors (in Chinese, and in English where it was translated), its sentence and its tokens.

    `tells` are all sentences that hold the answer, whether they tell it or not.
    """

    asked: list[tuple[torch.Tensor, torch.Tensor]]
    sentence: int
    tells: list[int]
    span: tuple[int, int] | None


@dataclass
class Paragraph:
    """The pieces of a paragraph, which of them are its own, and for each of these the sentence it stands in."""

    pieces: torch.Tensor
    own: torch.Tensor
    sentence: torch.Tensor
    questions: list[Question] = field(default_factory=list)

    @property
    def sentences(self) -> int:
        return int(self.sentence[-1]) + 1


class LowRank(nn.Module):
    """A linear layer with an update of low rank (Hu et al. 2021)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Parameter(torch.randn(RANK, linear.in_features) / math.sqrt(linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, RANK))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.linear(rows) + (rows @ self.down.T.to(rows.dtype)) @ self.up.T.to(rows.dtype)


def adapt(transformer: nn.Module) -> dict[str, LowRank]:
    """Freeze a transformer and put updates beside all its linear layers; return them by name."""
    for parameter in transformer.parameters():
        parameter.requires_grad = False
    found = {}
    for name, module in list(transformer.named_modules()):
        if isinstance(module, nn.Linear) and ".layer." in name:
            parent, _, child = name.rpartition(".")
            found[name] = LowRank(module)
            setattr(transformer.get_submodule(parent), child, found[name])
    return found


def new_head(dim: int) -> QuestionHead:
    """Return a head to start from: it projects nothing, and points nowhere in particular."""
    none = QuestionHead.none(dim)
    maps = {name: torch.randn(2, dim, dim) * 0.2 for name in ("token_map", "text_map")}
    started = {each.name: maps.get(each.name, getattr(none, each.name)) for each in fields(QuestionHead)}
    return QuestionHead(**{name: tensor.clone().requires_grad_() for name, tensor in started.items()})


class Reader:
    """The passages' encoder and the questions' head, while they are trained."""

    def __init__(self, encoder: SentenceTransformerEncoder) -> None:
        self.transformer = encoder.model[0].model
        self.updates = adapt(self.transformer)
        self.head = new_head(encoder.dim)
        self._padding = encoder.model.tokenizer.pad_token_id

    def parameters(self) -> list[dict[str, Any]]:
        """Return what is trained; what points makes logits, not unit vectors, and goes in longer steps."""
        updates = [tensor for update in self.updates.values() for tensor in (update.up, update.down)]
        head = self.head
        return [
            {"params": [*updates, head.query_map, head.query_shift, head.weight], "lr": RATE},
            {"params": [head.attend, head.token_map, head.text_map, head.absent], "lr": 10 * RATE},
        ]

    def encode(self, batch: list[Paragraph]) -> list[torch.Tensor]:
        """Return the token vectors of paragraphs."""
        pieces = nn.utils.rnn.pad_sequence(
            [one.pieces for one in batch], batch_first=True, padding_value=self._padding
        )
        mask = (
            torch.arange(pieces.shape[1]) < torch.tensor([len(one.pieces) for one in batch])[:, None]
        ).long()
        encoded = self.transformer(input_ids=pieces, attention_mask=mask).last_hidden_state.float()
        return [
            normalize(rows[: len(one.pieces)][one.own], dim=-1)
            for one, rows in zip(batch, encoded, strict=True)
        ]

    def sentence_scores(
        self, asked: list[torch.Tensor], told: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        """Return the late interaction of each question with each sentence, shape (questions, sentences)."""
        rows = torch.cat(asked)
        best = torch.full((len(rows), int(owner[-1]) + 1), -1.0).scatter_reduce(
            1, owner[None].expand(len(rows), -1), self.head.tokens(rows) @ told.T, "amax"
        )
        weights = torch.cat([self.head.weights(question) for question in asked])
        number = torch.repeat_interleave(
            torch.arange(len(asked)), torch.tensor([len(question) for question in asked])
        )
        return torch.zeros(len(asked), best.shape[1]).index_add(0, number, best * weights[:, None])

    def loss(self, batch: list[Paragraph]) -> torch.Tensor:
        encoded = self.encode(batch)
        told = torch.cat(encoded)
        token_offsets = np.cumsum([0, *(len(rows) for rows in encoded)])
        offsets = np.cumsum([0, *(one.sentences for one in batch)])
        owner = torch.cat([one.sentence + int(offset) for one, offset in zip(batch, offsets, strict=False)])
        asked, texts, spans, sentence, tells = [], [], [], [], []
        for at, one in enumerate(batch):
            for question in random.sample(one.questions, min(QUESTIONS, len(one.questions))):
                for tokens, text in question.asked:
                    asked.append(tokens.float())
                    texts.append(text)
                    sentence.append(int(offsets[at]) + question.sentence)
                    tells.append(
                        _one_hot([int(offsets[at]) + each for each in question.tells], int(offsets[-1]))
                    )
                    spans.append(
                        [int(token_offsets[at]) + place for place in question.span]
                        if question.span
                        else [-100] * 2
                    )
        pointed = torch.stack([self.head.pointers(*pair) for pair in zip(asked, texts, strict=True)]) @ told.T
        begins, ends = torch.tensor(spans).T
        absent = torch.stack(texts) @ self.head.absent.T
        telling = torch.stack(tells)
        scores = self.sentence_scores(asked, told, owner)
        loss = _with_and_without(
            scores / TEMPERATURE, absent[:, 0] / TEMPERATURE, torch.tensor(sentence), telling
        )
        for side, place in enumerate((begins, ends)):
            loss = loss + POINTING * _with_and_without(
                pointed[:, side], absent[:, 1 + side], place, telling[:, owner]
            )
        return loss + DECAY * ((self.head.query_map - torch.eye(len(self.head.weight))) ** 2).sum()

    def measure(self, paragraphs: list[Paragraph]) -> str:
        """Return the share of right sentences, spans and sentences pointed into, and the areas, by language."""
        counts: dict[str, list[bool]] = {}
        over: dict[str, list[list[float]]] = {}
        with torch.inference_mode():
            for paragraph in paragraphs:
                (told,) = self.encode([paragraph])
                for question in paragraph.questions:
                    rest = ~_one_hot(question.tells, paragraph.sentences)
                    for language, (tokens, text) in zip(("zh", "en"), question.asked, strict=False):
                        scores = self.sentence_scores([tokens.float()], told, paragraph.sentence)[0]
                        pointed = self.head.pointers(tokens.float(), text) @ told.T
                        span = _best_span(pointed)
                        right = {
                            "sentence": int(scores.argmax()) == question.sentence,
                            "span": span == question.span,
                            "pointed into": int(paragraph.sentence[span[0]]) == question.sentence,
                        }
                        for name, value in right.items():
                            counts.setdefault(f"{language} {name}", []).append(value)
                        if not rest.any():
                            continue
                        absent = self.head.absent @ text
                        for name, values, least, kept in (
                            ("scored", scores[None], absent[:1], rest),
                            ("pointed at", pointed, absent[1:], rest[paragraph.sentence]),
                        ):
                            over.setdefault(f"{language} {name}", []).append(
                                [float((each.amax(1) - least).sum()) for each in (values, values[:, kept])]
                            )
        shares = [f"{name} {np.mean(right):.3f}" for name, right in counts.items()]
        return ", ".join(
            [*shares, *(f"{name} {area(np.asarray(pairs)):.3f}" for name, pairs in over.items())]
        )

    def save(self, path: Path) -> None:
        tensors = {f"head.{each.name}": getattr(self.head, each.name) for each in fields(QuestionHead)}
        for name, update in self.updates.items():
            tensors |= {f"{name}.weight.up": update.up, f"{name}.weight.down": update.down}
        save_file({name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}, path)


def _with_and_without(
    logits: torch.Tensor, absent: torch.Tensor, right: torch.Tensor, telling: torch.Tensor
) -> torch.Tensor:
    """Return the loss of what is right among `logits`, and of `absent` among those that do not hold the answer."""
    whole = torch.cat([logits, absent[:, None]], dim=1)
    without = torch.cat([logits.masked_fill(telling, -torch.inf), absent[:, None]], dim=1)
    return cross_entropy(whole, right) + ABSENT * cross_entropy(
        without, torch.full_like(right, logits.shape[1])
    )


def _one_hot(places: list[int], count: int) -> torch.Tensor:
    row = torch.zeros(count, dtype=torch.bool)
    row[places] = True
    return row


def _best_span(pointed: torch.Tensor) -> tuple[int, int]:
    count = pointed.shape[1]
    sums = pointed[0][:, None] + pointed[1][None]
    allowed = torch.ones(count, count).triu().tril(LONGEST - 1).bool()
    begin, end = divmod(int(sums.masked_fill(~allowed, -math.inf).argmax()), count)
    return begin, end


def read(
    folder: Path, translations: dict[str, str], encoder: SentenceTransformerEncoder
) -> tuple[list[Paragraph], list[Paragraph]]:
    """Return the paragraphs to train on and those to measure."""
    train: list[Paragraph] = []
    held_out: list[Paragraph] = []
    for name in FILES:
        sources = read_squad(folder / name)
        for number, source in enumerate(sources):
            paragraph = prepared(source, translations, encoder)
            if paragraph.questions:
                (held_out if is_held_out(number, len(sources)) else train).append(paragraph)
    return train, held_out


def prepared(source: Source, translations: dict[str, str], encoder: SentenceTransformerEncoder) -> Paragraph:
    """Cut a paragraph into pieces, and find the sentences and the tokens of its answers."""
    text, prompt = fold_in_place(source.text), encoder.model.prompts["passage"]
    cut = encoder.model.tokenizer(
        prompt + text, truncation=True, max_length=encoder.model.max_seq_length, return_offsets_mapping=True
    )
    ends = np.asarray([end for _, end in cut["offset_mapping"]])
    own = ends > len(prompt)
    ends = ends[own] - len(prompt)
    borders = [end for _, end in sentences(text)[:-1]]
    sentence = np.searchsorted(borders, np.concatenate([[0], ends[:-1]]), side="right")
    paragraph = Paragraph(torch.tensor(cut["input_ids"]), torch.from_numpy(own), torch.from_numpy(sentence))
    asked = [one for one in source.questions if one.question.strip() and one.answers and one.evidence]
    wordings = [[one.question, *([translations[one.id]] if one.id in translations else [])] for one in asked]
    for one, wording in zip(asked, wordings, strict=True):
        begin = source.text.find(one.answers[0], source.text.index(one.evidence[0]))
        told = int(np.searchsorted(borders, begin, side="right"))
        first = int(np.searchsorted(ends, begin, side="right"))
        last = int(np.searchsorted(ends, begin + len(one.answers[0]), side="left"))
        if told > sentence[-1]:
            continue  # cut off
        vectors = [
            (torch.from_numpy(each.tokens).half(), torch.from_numpy(each.embedding))
            for each in encoder.encode_query([fold_in_place(words) for words in wording])
        ]
        marks = [0, *borders, len(text)]
        tells = [
            at
            for at in range(paragraph.sentences)
            if at == told or one.answers[0] in source.text[marks[at] : marks[at + 1]]
        ]
        paragraph.questions.append(
            Question(vectors, told, tells, (first, last) if last < len(ends) else None)
        )
    return paragraph


def batches(paragraphs: list[Paragraph]) -> Iterator[list[Paragraph]]:
    """Yield batches of paragraphs of like length, in random order."""
    random.shuffle(paragraphs)
    for at in range(0, len(paragraphs), 12 * BATCH):
        alike = sorted(paragraphs[at : at + 12 * BATCH], key=lambda one: len(one.pieces))
        yield from (alike[row : row + BATCH] for row in range(0, len(alike), BATCH))


def main() -> None:
    cli = arguments(__doc__, translations=True)
    cli.add_argument("--output", type=Path, default=TRAINED)
    args = cli.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    began = time.perf_counter()
    translations = read_translations(args.translations)
    encoder = SentenceTransformerEncoder()
    train, held_out = read(args.train, translations, encoder)
    reader = Reader(encoder)
    print(f"{len(train)} paragraphs, {len(held_out)} held out; {reader.measure(held_out)}", flush=True)
    optimizer = torch.optim.Adam(reader.parameters())
    steps = PASSES * math.ceil(len(train) / BATCH)
    schedule = warmed_cosine(optimizer, steps, WARM_UP)
    for number in range(PASSES):
        for batch in batches(train):
            optimizer.zero_grad()
            reader.loss(batch).backward()
            optimizer.step()
            schedule.step()
        reader.save(args.output)
        print(
            f"pass {number + 1}, {time.perf_counter() - began:.0f} s: {reader.measure(held_out)}", flush=True
        )


if __name__ == "__main__":
    main()
