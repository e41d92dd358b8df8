"""Train the joint reader on open reading-comprehension data (CMRC 2018, DRCD) and on the interviews beside this file.

    python evals/train_reader.py    # three quarters of an hour on two cores

The lower layers stay as the encoder has them, so what they make of questions and passages is computed once. The upper
ones read a question with some sentences of its corpus, those nearest to it, and must say in which the answer
stands and where it begins and ends, or that it is not there: cross-entropy over all tokens (sentences) read and over
what stands for "none". From some the sentence that tells it is kept; the interviews have questions without an answer.
One article in ten and the interviews that weights are fitted on are left out and measured after each pass, each
question with the sentences nearest to it: how often the one that tells it is found, how often the tokens are, and how
well a text is told from the same one without that sentence (area under the ROC curve).

The shipped weights are of two passes before there were hints, and of four more from there (`--start`).
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from training import FILES, ROOT, area, arguments, is_held_out, read_translations, warmed_cosine

from dawu_qa.corpus.folder import read_corpus
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import read_squad, write_corpus
from dawu_qa.folding import fold_in_place
from dawu_qa.index.contents import Catalogue
from dawu_qa.joint import LOWER, SENTENCES, JointLayers, hints
from dawu_qa.types import Span

TRAINED = ROOT / "src/dawu_qa/data/reader.safetensors"
INTERVIEWS = ROOT / "evals/interviews"
PASSES, RATE, BATCH, READ, WARM_UP = 4, 1.5e-4, 16, 150, 100
#: How often the sentence that tells the answer is kept from the reader, and another one passed over.
KEPT_BACK, PASSED_OVER = 0.12, 0.3
POOL, LONGEST = 40, 24


@dataclass(frozen=True)
class Corpus:
    """All tokens of a corpus, as the lower and as all layers have them, and each sentence's tokens and their mean."""

    states: torch.Tensor
    vectors_of_tokens: torch.Tensor
    tokens: list[tuple[int, int]]
    vectors: np.ndarray


@dataclass(frozen=True)
class Question:
    """A question as the lower and as all layers have it, the sentences nearest to it, those that tell it, its answer's tokens.

    `mentions` are sentences that hold the words of the answer, whether they tell it or not.
    """

    states: torch.Tensor
    tokens: torch.Tensor
    corpus: Corpus
    pool: list[int]
    tells: list[int]
    mentions: frozenset[int]
    span: tuple[int, int] | None


@dataclass(frozen=True)
class Sample:
    """What is read at once: tokens, their sentences' marks, and where the answer is (-1: nowhere, -100: not said)."""

    states: torch.Tensor
    marks: torch.Tensor
    hints: torch.Tensor
    begin: int
    end: int
    sentences: list[int]


class Asker:
    """Makes questions of a corpus."""

    def __init__(self, catalogue: Catalogue, encoder: SentenceTransformerEncoder) -> None:
        self.catalogue, self.encoder = catalogue, encoder
        encoded = encoder.encode_passage([fold_in_place(passage.text) for passage in catalogue.passages])
        self.ends = [each.token_ends for each in encoded]
        self.starts = np.cumsum([0, *map(len, self.ends)])
        tokens, vectors = [], []
        for unit in catalogue.sentences:
            first, last = self._tokens(unit.span, unit.passage)
            tokens.append((first, last + 1))
            start = self.starts[unit.passage]
            vectors.append(encoded[unit.passage].tokens[first - start : last + 1 - start].mean(axis=0))
        vectors = np.stack(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
        states = torch.from_numpy(np.concatenate([each.lower[1:] for each in encoded])).half()
        final = torch.from_numpy(np.concatenate([each.tokens for each in encoded])).half()
        self.corpus = Corpus(states, final, tokens, vectors)
        self.by_source: dict[str, list[int]] = {}
        for at, unit in enumerate(catalogue.sentences):
            self.by_source.setdefault(unit.span.source, []).append(at)

    def ask(self, wordings: list[str], told: Span | None, answer: Span | None) -> list[Question]:
        """Return a question in each wording; `told` is the sentence that tells the answer, if any does."""
        units = self.catalogue.sentences
        own = self.by_source[told.source] if told else []
        tells = [at for at in own if told and _overlap(units[at].span, answer or told)]
        if told and not tells:
            return []
        home = [at for at in own if units[at].passage == units[tells[0]].passage]
        span = self._tokens(answer, units[tells[0]].passage) if answer else None
        found = []
        for encoded in self.encoder.encode_query([fold_in_place(words) for words in wordings]):
            near = self.corpus.vectors @ encoded.embedding
            pool = {*map(int, np.argsort(-near)[:POOL]), *home}
            mentions = {at for at in pool if answer and answer.text in units[at].span.text}
            found.append(
                Question(
                    torch.from_numpy(encoded.lower).half(),
                    torch.from_numpy(encoded.tokens).half(),
                    self.corpus,
                    self._by_late_interaction(encoded.tokens, sorted(pool)),
                    tells,
                    frozenset({*mentions, *tells}),
                    span,
                )
            )
        return found

    def _by_late_interaction(self, asked: np.ndarray, pool: list[int]) -> list[int]:
        ranges = [self.corpus.tokens[at] for at in pool]
        told = torch.cat([self.corpus.vectors_of_tokens[first:stop] for first, stop in ranges])
        starts = np.cumsum([0, *(stop - first for first, stop in ranges)])[:-1]
        similarities = (torch.from_numpy(asked) @ told.float().T).numpy()
        late = np.maximum.reduceat(similarities, starts, axis=1).mean(axis=0)
        return [pool[at] for at in np.argsort(-late)]

    def _tokens(self, span: Span, passage: int) -> tuple[int, int]:
        """Return the first and the last token of a span of a passage; those that were cut off are the last there is."""
        ends, offset = self.ends[passage], self.catalogue.passages[passage].start
        first = min(int(np.searchsorted(ends, span.start - offset, side="right")), len(ends) - 1)
        last = min(max(first, int(np.searchsorted(ends, span.end - offset, side="left"))), len(ends) - 1)
        return int(self.starts[passage]) + first, int(self.starts[passage]) + last


def _overlap(one: Span, other: Span) -> bool:
    return one.source == other.source and one.start < other.end and other.start < one.end


def sample(question: Question, *, tell: bool, vary: bool) -> Sample:
    """Put sentences together to be read with a question: with those that tell it or without, the nearest or some."""
    tokens = question.corpus.tokens
    chosen = list(question.tells) if tell and vary else []
    room = READ - sum(tokens[at][1] - tokens[at][0] for at in chosen)
    for at in question.pool:
        size = tokens[at][1] - tokens[at][0]
        if at in chosen or size > room or len(chosen) == SENTENCES:
            continue
        if (at in question.mentions and (vary or not tell)) or (vary and random.random() < PASSED_OVER):
            continue
        chosen.append(at)
        room -= size
    chosen.sort()
    numbers = random.sample(range(1, SENTENCES + 1), len(chosen)) if vary else list(range(1, len(chosen) + 1))
    states, marks = [question.states], [torch.zeros(len(question.states), dtype=torch.long)]
    offset, begin, end = len(question.states), -1, -1
    told = [number for number, at in zip(numbers, chosen, strict=True) if tell and at in question.tells]
    if told and question.span is None:
        begin = end = -100
    for number, at in zip(numbers, chosen, strict=True):
        first, stop = tokens[at]
        if told and question.span:
            begin = offset + question.span[0] - first if first <= question.span[0] < stop else begin
            end = offset + question.span[1] - first if first <= question.span[1] < stop else end
        states.append(question.corpus.states[first:stop])
        marks.append(torch.full((stop - first,), number))
        offset += stop - first
    rows = torch.cat([torch.arange(*tokens[at]) for at in chosen])
    similarities = question.tokens.float() @ question.corpus.vectors_of_tokens[rows].float().T
    places = torch.repeat_interleave(
        torch.arange(len(chosen)), torch.tensor([tokens[at][1] - tokens[at][0] for at in chosen])
    )
    return Sample(torch.cat(states), torch.cat(marks), hints(similarities, places), begin, end, told)


def read_together(
    layers: JointLayers, samples: list[Sample]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return token logits (questions, tokens, 2), sentence logits (questions, SENTENCES), and those of none (., 3)."""
    states = torch.nn.utils.rnn.pad_sequence([one.states for one in samples], batch_first=True).float()
    marks = torch.nn.utils.rnn.pad_sequence(
        [one.marks for one in samples], batch_first=True, padding_value=-1
    )
    hinted = torch.nn.utils.rnn.pad_sequence([one.hints for one in samples], batch_first=True)
    with torch.autocast("cpu", torch.bfloat16):
        told, absent = layers(states, marks.clamp(min=0), hinted, marks >= 0)
    told, absent = told.float(), absent.float()
    pointed = told[..., :2].masked_fill((marks < 1)[..., None], -1e4)
    inside = torch.nn.functional.one_hot(marks.clamp(min=0), SENTENCES + 1)[..., 1:].float()
    counts = inside.sum(1)
    scores = (inside * told[..., 2:]).sum(1) / counts.clamp(min=1)
    return pointed, scores.masked_fill(counts == 0, -1e4), absent


def loss_of(layers: JointLayers, samples: list[Sample]) -> torch.Tensor:
    pointed, scores, absent = read_together(layers, samples)
    count = pointed.shape[1]
    loss = torch.zeros(())
    for side in range(2):
        place = torch.tensor([one.begin if side == 0 else one.end for one in samples])
        logits = torch.cat([pointed[..., side], absent[:, side : side + 1]], dim=1)
        loss = loss + cross_entropy(logits, torch.where(place == -1, count, place))
    tells = torch.zeros(len(samples), SENTENCES + 1)
    for row, one in enumerate(samples):
        tells[row, [number - 1 for number in one.sentences] or [SENTENCES]] = 1 / max(1, len(one.sentences))
    return loss / 2 + cross_entropy(torch.cat([scores, absent[:, 2:]], dim=1), tells)


def measure(layers: JointLayers, questions: list[Question]) -> str:
    """Return the shares of sentences and spans found, and the areas, over questions that are told."""
    layers.eval()
    right: dict[str, list[bool]] = {"read": [], "sentence": [], "pointed into": [], "span": []}
    over: dict[str, list[tuple[float, float]]] = {"sentence": [], "pointed": []}
    null = []
    with torch.inference_mode():
        for at in range(0, len(questions), 32):
            batch = questions[at : at + 32]
            told = [sample(one, tell=bool(one.tells), vary=False) for one in batch]
            values = []
            for samples in (told, [sample(one, tell=False, vary=False) for one in batch]):
                pointed, scores, absent = read_together(layers, samples)
                best = [_best_span(row) for row in pointed.transpose(1, 2)]
                values.append(
                    (
                        (scores.amax(1) - absent[:, 2]).tolist(),
                        [each[2] - float(none[:2].sum()) for each, none in zip(best, absent, strict=True)],
                    )
                )
                if samples is told:
                    for row, one in enumerate(told):
                        if batch[row].tells:
                            right["read"].append(bool(one.sentences))
                            right["sentence"].append(int(scores[row].argmax()) + 1 in one.sentences)
                            right["pointed into"].append(int(one.marks[best[row][0]]) in one.sentences)
                            if batch[row].span:
                                right["span"].append(best[row][:2] == (one.begin, one.end))
            for row, one in enumerate(batch):
                if one.tells:
                    over["sentence"].append((values[0][0][row], values[1][0][row]))
                    over["pointed"].append((values[0][1][row], values[1][1][row]))
                else:
                    null.append((values[0][0][row], values[0][1][row]))
    layers.train()
    shown = [f"{name} {np.mean(each):.3f}" for name, each in right.items()]
    shown += [f"{name} over none {area(np.asarray(each)):.3f}" for name, each in over.items()]
    if null:
        near = np.asarray(null)
        for column, name in enumerate(over):
            told_values = np.asarray(over[name])[:, 0]
            shown.append(
                f"{name} over near misses {np.mean(told_values[:, None] > near[None, :, column]):.3f}"
            )
    return ", ".join(shown)


def _best_span(pointed: torch.Tensor) -> tuple[int, int, float]:
    count = pointed.shape[1]
    sums = pointed[0][:, None] + pointed[1][None]
    allowed = torch.ones(count, count).triu().tril(LONGEST - 1).bool()
    sums = sums.masked_fill(~allowed, -math.inf)
    begin, end = divmod(int(sums.argmax()), count)
    return begin, end, float(sums[begin, end])


def squad_questions(
    folder: Path, translations: dict[str, str], encoder: SentenceTransformerEncoder
) -> tuple[list[Question], list[Question]]:
    """Return the questions to train on and those to measure."""
    parts: tuple[list[Question], list[Question]] = ([], [])
    for name in FILES:
        paragraphs = read_squad(folder / name)
        for held_out in (False, True):
            some = [one for at, one in enumerate(paragraphs) if is_held_out(at, len(paragraphs)) == held_out]
            with tempfile.TemporaryDirectory() as written:
                write_corpus(some, Path(written))
                asker = Asker(Catalogue.of(read_corpus(Path(written))), encoder)
            for paragraph in some:
                for one in paragraph.questions:
                    if not (one.question.strip() and one.answers and one.evidence):
                        continue
                    begin = paragraph.text.find(one.answers[0], paragraph.text.index(one.evidence[0]))
                    answer = Span(one.answers[0], paragraph.source, begin, begin + len(one.answers[0]))
                    wordings = [one.question, *([translations[one.id]] if one.id in translations else [])]
                    parts[held_out].extend(asker.ask(wordings, answer, answer))
    return parts


def interview_questions(folder: Path, encoder: SentenceTransformerEncoder) -> list[Question]:
    """Return the questions of sidecars, each interview by itself."""
    found: list[Question] = []
    for entry in read_corpus(folder):
        asker = Asker(Catalogue.of([entry]), encoder)
        for fact in entry.sidecar.facts:
            found += asker.ask(list(fact.questions), fact.sentence, fact.answer)
        found += asker.ask(list(entry.sidecar.unanswerable), None, None)
    return found


def batches(questions: list[Question]) -> Iterator[list[Sample]]:
    """Yield batches of samples of like length, in random order."""
    random.shuffle(questions)
    samples = [
        sample(one, tell=bool(one.tells) and random.random() > KEPT_BACK, vary=True) for one in questions
    ]
    for at in range(0, len(samples), 16 * BATCH):
        alike = sorted(samples[at : at + 16 * BATCH], key=lambda one: len(one.states))
        groups = [alike[row : row + BATCH] for row in range(0, len(alike), BATCH)]
        random.shuffle(groups)
        yield from groups


def main() -> None:
    cli = arguments(__doc__, translations=True)
    cli.add_argument("--interviews", type=Path, default=INTERVIEWS)
    cli.add_argument("--output", type=Path, default=TRAINED)
    cli.add_argument("--passes", type=int, default=PASSES)
    cli.add_argument("--start", type=Path, help="weights to go on from, by default the encoder's own")
    args = cli.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    began = time.perf_counter()
    translations = read_translations(args.translations)
    encoder = SentenceTransformerEncoder()
    train, held_out = squad_questions(args.train, translations, encoder)
    told, unseen = (interview_questions(args.interviews / part, encoder) for part in ("training", "fitting"))
    print(f"{len(train)} + {len(told)} questions, {len(held_out)} + {len(unseen)} held out", flush=True)
    transformer = encoder.model[0].model
    layers = JointLayers(transformer.encoder.layer[LOWER:], encoder.dim).float()
    if args.start:
        layers.load_state_dict(load_file(args.start), strict=False)
    train += told * 2
    optimizer = torch.optim.AdamW(
        [
            {"params": layers.layers.parameters(), "lr": RATE},
            {
                "params": [
                    *layers.hints.parameters(),
                    *layers.marks.parameters(),
                    *layers.told.parameters(),
                    *layers.absent.parameters(),
                ],
                "lr": 10 * RATE,
            },
        ],
        weight_decay=0.01,
    )
    steps = args.passes * math.ceil(len(train) / BATCH)
    schedule = warmed_cosine(optimizer, steps, WARM_UP)
    layers.train()
    for number in range(args.passes):
        for step, batch in enumerate(batches(train)):
            optimizer.zero_grad()
            loss = loss_of(layers, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % 100 == 0:
                print(
                    f"  {step}: {float(loss.detach()):.3f}, {time.perf_counter() - began:.0f} s", flush=True
                )
        save_file({name: each.half().contiguous() for name, each in layers.state_dict().items()}, args.output)
        for name, some in (("open", held_out), ("interviews", unseen)):
            print(
                f"pass {number + 1}, {time.perf_counter() - began:.0f} s, {name}: {measure(layers, some)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
