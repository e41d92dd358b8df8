"""Train the joint reader on open reading-comprehension data (CMRC 2018, DRCD) and on the interviews beside this file.

    python evals/train_reader.py    # an hour on two cores

The lower layers stay as the encoder has them, so what they make of questions and passages is computed once. The upper
ones read a question with some sentences of its corpus, those nearest to it, and must say in which the answer
stands, where it begins and ends and which candidate it is, or that it is not there: cross-entropy over all tokens
(sentences, candidates) read and over what stands for "none". From some the sentence that tells it is kept; the
interviews have questions without an answer. To those that people wrote come some, others in each pass, for the values that the
interviews state, made of their own words (`value_questions.py`). One article in ten and the interviews that weights are fitted on are left
out and measured after each pass, each question with the sentences nearest to it: how often the one that tells it is
found, how often a right candidate is, and how well a text is told from the same one without that sentence (area under
the ROC curve).
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
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from training import FILES, ROOT, area, arguments, is_held_out, read_translations, warmed_cosine
from value_questions import value_questions

from dawu_qa.corpus.folder import read_corpus
from dawu_qa.corpus.sidecar import Sidecar
from dawu_qa.encoder import SentenceTransformerEncoder
from dawu_qa.evaluation import Labelled, read_squad, write_corpus
from dawu_qa.folding import fold_in_place
from dawu_qa.index.contents import Catalogue
from dawu_qa.joint import LOWER, READ_TOKENS, SENTENCES, JointLayers, hints
from dawu_qa.reader.candidates import find_candidates
from dawu_qa.types import Span

TRAINED = ROOT / "src/dawu_qa/data/reader.safetensors"
INTERVIEWS = ROOT / "evals/interviews"
PASSES, RATE, BATCH, WARM_UP = 5, 1.5e-4, 16, 100
#: How often the sentence that tells the answer is kept from the reader, and another one passed over.
KEPT_BACK, PASSED_OVER = 0.12, 0.3
POOL = 40
#: So many of the questions made of the interviews' own words are asked in a pass, as a share of those that people wrote.
VALUE_SHARE = 0.22


@dataclass(frozen=True)
class Corpus:
    """All tokens of a corpus, as the lower and as all layers have them, and each sentence's tokens, their mean and its candidates' tokens."""

    states: torch.Tensor
    vectors_of_tokens: torch.Tensor
    tokens: list[tuple[int, int]]
    vectors: np.ndarray
    candidates: list[list[tuple[int, int]]]


@dataclass(frozen=True)
class Question:
    """A question as the lower and as all layers have it, the sentences nearest to it, those that tell it, its answer's tokens.

    `good` says by sentence and number how good the candidates are that answer it; `mentions` are sentences that hold the words of the answer, whether they tell it or not.
    """

    states: torch.Tensor
    tokens: torch.Tensor
    corpus: Corpus
    pool: list[int]
    tells: list[int]
    mentions: frozenset[int]
    span: tuple[int, int] | None
    good: dict[tuple[int, int], float]


@dataclass(frozen=True)
class Sample:
    """What is read at once: tokens, their sentences' marks, and where the answer is (-1: nowhere, -100: not said).

    `spans`, shape (candidates, 2), are the candidates' tokens, `good`, shape (candidates,), how good each is.
    """

    states: torch.Tensor
    marks: torch.Tensor
    hints: torch.Tensor
    begin: int
    end: int
    sentences: list[int]
    spans: torch.Tensor
    good: torch.Tensor


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
        self.spans: list[list[Span]] = [[] for _ in catalogue.sentences]
        candidates: list[list[tuple[int, int]]] = [[] for _ in catalogue.sentences]
        for one in find_candidates(catalogue):
            first, last = self._tokens(one.span, one.passage)
            self.spans[one.sentence].append(one.span)
            candidates[one.sentence].append((first, last + 1))
        states = torch.from_numpy(np.concatenate([each.lower[1:] for each in encoded])).half()
        final = torch.from_numpy(np.concatenate([each.tokens for each in encoded])).half()
        self.corpus = Corpus(states, final, tokens, vectors, candidates)
        self.by_source: dict[str, list[int]] = {}
        for at, unit in enumerate(catalogue.sentences):
            self.by_source.setdefault(unit.span.source, []).append(at)

    def ask(
        self, wordings: list[str], labelled: Labelled | None, told: Span | None, answer: Span | None
    ) -> list[Question]:
        """Return a question in each wording; `told` is the sentence that tells the answer, if any does."""
        units = self.catalogue.sentences
        own = self.by_source[told.source] if told else []
        tells = [at for at in own if told and _overlap(units[at].span, answer or told)]
        if told and not tells:
            return []
        home = [at for at in own if units[at].passage == units[tells[0]].passage]
        span = self._tokens(answer, units[tells[0]].passage) if answer else None
        good = {
            (at, number): quality
            for at in tells
            for number, one in enumerate(self.spans[at])
            if labelled
            and (quality := labelled.quality(one.text, self.catalogue.passages[units[at].passage].text))
        }
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
                    good,
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
    room = READ_TOKENS - sum(tokens[at][1] - tokens[at][0] for at in chosen)
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
    spans: list[tuple[int, int]] = []
    good: list[float] = []
    for number, at in zip(numbers, chosen, strict=True):
        first, stop = tokens[at]
        for place, (low, high) in enumerate(question.corpus.candidates[at]):
            if first <= low < high <= stop:
                spans.append((offset + low - first, offset + high - first))
                good.append(question.good.get((at, place), 0.0) if told else 0.0)
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
    return Sample(
        torch.cat(states),
        torch.cat(marks),
        hints(similarities, places),
        begin,
        end,
        told,
        torch.tensor(spans, dtype=torch.long).reshape(-1, 2),
        torch.tensor(good),
    )


def read_together(
    layers: JointLayers, samples: list[Sample]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the logits of tokens (questions, tokens, 2), sentences (., SENTENCES), candidates (., n) and of none (., 4)."""
    states = torch.nn.utils.rnn.pad_sequence([one.states for one in samples], batch_first=True).float()
    marks = torch.nn.utils.rnn.pad_sequence(
        [one.marks for one in samples], batch_first=True, padding_value=-1
    )
    hinted = torch.nn.utils.rnn.pad_sequence([one.hints for one in samples], batch_first=True)
    spans = torch.nn.utils.rnn.pad_sequence(
        [one.spans for one in samples], batch_first=True, padding_value=-1
    )
    padded = spans[..., 0] < 0
    with torch.autocast("cpu", torch.bfloat16):
        told, answers, absent = layers(
            states, marks.clamp(min=0), hinted, spans.masked_fill(padded[..., None], 1), marks >= 0
        )
    told, absent = told.float(), absent.float()
    answers = answers.float().masked_fill(padded, -1e4)
    pointed = told[..., :2].masked_fill((marks < 1)[..., None], -1e4)
    inside = torch.nn.functional.one_hot(marks.clamp(min=0), SENTENCES + 1)[..., 1:].float()
    counts = inside.sum(1)
    scores = (inside * told[..., 2:]).sum(1) / counts.clamp(min=1)
    return pointed, scores.masked_fill(counts == 0, -1e4), answers, absent


def loss_of(layers: JointLayers, samples: list[Sample]) -> torch.Tensor:
    pointed, scores, answers, absent = read_together(layers, samples)
    count = pointed.shape[1]
    loss = torch.zeros(())
    for side in range(2):
        place = torch.tensor([one.begin if side == 0 else one.end for one in samples])
        logits = torch.cat([pointed[..., side], absent[:, side : side + 1]], dim=1)
        loss = loss + cross_entropy(logits, torch.where(place == -1, count, place))
    tells = torch.zeros(len(samples), SENTENCES + 1)
    for row, one in enumerate(samples):
        tells[row, [number - 1 for number in one.sentences] or [SENTENCES]] = 1 / max(1, len(one.sentences))
    good = torch.nn.utils.rnn.pad_sequence([one.good for one in samples], batch_first=True)
    none = torch.tensor([float(not one.sentences) for one in samples])
    good = torch.cat([good, none[:, None]], dim=1)
    good = good / good.amax(1, keepdim=True).clamp(min=1e-6)
    logs = torch.log_softmax(torch.cat([answers, absent[:, 3:]], dim=1), dim=1)
    said = good.sum(1) > 0
    answered = torch.logsumexp(logs + torch.log(good.clamp(min=1e-9)), dim=1)[said]
    return (
        loss / 2
        + cross_entropy(torch.cat([scores, absent[:, 2:3]], dim=1), tells)
        - answered.sum() / len(samples)
    )


def measure(layers: JointLayers, questions: list[Question]) -> str:
    """Return the shares of sentences and candidates found, and the areas, over questions that are told."""
    layers.eval()
    right: dict[str, list[bool]] = {"read": [], "sentence": [], "candidate": []}
    over: dict[str, list[tuple[float, float]]] = {"sentence": [], "candidate": []}
    null = []
    with torch.inference_mode():
        for at in range(0, len(questions), 32):
            batch = questions[at : at + 32]
            told = [sample(one, tell=bool(one.tells), vary=False) for one in batch]
            values = []
            for samples in (told, [sample(one, tell=False, vary=False) for one in batch]):
                _, scores, answers, absent = read_together(layers, samples)
                values.append(
                    ((scores.amax(1) - absent[:, 2]).tolist(), (answers.amax(1) - absent[:, 3]).tolist())
                )
                if samples is told:
                    for row, one in enumerate(told):
                        if batch[row].tells:
                            right["read"].append(bool(one.sentences))
                            right["sentence"].append(int(scores[row].argmax()) + 1 in one.sentences)
                        if batch[row].good:
                            right["candidate"].append(bool(one.good[int(answers[row].argmax())] > 0))
            for row, one in enumerate(batch):
                if one.tells:
                    over["sentence"].append((values[0][0][row], values[1][0][row]))
                    over["candidate"].append((values[0][1][row], values[1][1][row]))
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
                    parts[held_out].extend(asker.ask(wordings, one, answer, answer))
    return parts


def interviews(folder: Path, encoder: SentenceTransformerEncoder) -> list[tuple[Sidecar, Asker]]:
    """Return the sidecar of each interview, and what makes questions of it, by itself."""
    return [(entry.sidecar, Asker(Catalogue.of([entry]), encoder)) for entry in read_corpus(folder)]


def interview_questions(opened: list[tuple[Sidecar, Asker]]) -> list[Question]:
    """Return the questions of sidecars."""
    found: list[Question] = []
    for sidecar, asker in opened:
        for fact in sidecar.facts:
            answers = (fact.answer.text,) if fact.answer else ()
            labelled = Labelled(
                "", "", "interview", answerable=True, answers=answers, evidence=(fact.sentence.text,)
            )
            found += asker.ask(list(fact.questions), labelled, fact.sentence, fact.answer)
        found += asker.ask(list(sidecar.unanswerable), None, None, None)
    return found


def questions_for_values(opened: list[tuple[Sidecar, Asker]]) -> list[Question]:
    """Return questions for the values of interviews, made of the own words of each."""
    found: list[Question] = []
    for _, asker in opened:
        sentences = [unit.span for unit in asker.catalogue.sentences]
        for at, question, value in value_questions([sentence.text for sentence in sentences]):
            sentence, words = sentences[at], sentences[at].text[value.start : value.end]
            labelled = Labelled(
                "", "", "values", answerable=True, answers=(words,), evidence=(sentence.text,)
            )
            start = sentence.start + value.start
            answer = Span(words, sentence.source, start, start + len(words))
            found += asker.ask([question], labelled, sentence, answer)
    return found


def batches(written: list[Question], made: list[Question]) -> Iterator[list[Sample]]:
    """Yield batches of samples of like length, in random order: of the questions that people wrote, and some made ones."""
    questions = [*written, *random.sample(made, min(len(made), int(VALUE_SHARE * len(written))))]
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
    args = cli.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    began = time.perf_counter()
    translations = read_translations(args.translations)
    encoder = SentenceTransformerEncoder()
    train, held_out = squad_questions(args.train, translations, encoder)
    training, fitting = (interviews(args.interviews / part, encoder) for part in ("training", "fitting"))
    told, unseen, made = (
        interview_questions(training),
        interview_questions(fitting),
        questions_for_values(training),
    )
    print(
        f"{len(train)} + {len(told)} + {len(made)} questions, {len(held_out)} + {len(unseen)} held out",
        flush=True,
    )
    transformer = encoder.model[0].model
    layers = JointLayers(transformer.encoder.layer[LOWER:], encoder.dim).float()
    train += told
    optimizer = torch.optim.AdamW(
        [
            {"params": layers.layers.parameters(), "lr": RATE},
            {
                "params": [
                    *layers.hints.parameters(),
                    *layers.marks.parameters(),
                    *layers.told.parameters(),
                    *layers.span.parameters(),
                    *layers.absent.parameters(),
                ],
                "lr": 10 * RATE,
            },
        ],
        weight_decay=0.01,
    )
    steps = args.passes * math.ceil((1 + VALUE_SHARE) * len(train) / BATCH)
    schedule = warmed_cosine(optimizer, steps, WARM_UP)
    layers.train()
    for number in range(args.passes):
        for step, batch in enumerate(batches(train, made)):
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
