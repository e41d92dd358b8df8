"""The story of one question, from what was typed to the answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from dawu_qa.config import QUESTION_LIMIT, Settings
from dawu_qa.conversation import depends_on_history, parts, remembered, restate
from dawu_qa.errors import IndexDamagedError, IndexLockedError, IndexMismatchError, IndexNotFoundError
from dawu_qa.explanation import Explanation, Reading
from dawu_qa.figure_table import find_figures
from dawu_qa.index import storage
from dawu_qa.index.build import build_index
from dawu_qa.index.mend import build_command
from dawu_qa.reader.answerability import Answerability, Judgement, Thresholds
from dawu_qa.reader.outline import section_asked, sections
from dawu_qa.reader.questions import asked_count
from dawu_qa.reader.ranking import Ranker
from dawu_qa.retrieval.fusion import Fusion, Retrieved
from dawu_qa.retrieval.mending import Mender
from dawu_qa.retrieval.query import Query
from dawu_qa.small_talk import is_small_talk
from dawu_qa.threads import on_one_thread
from dawu_qa.types import Answer, Band, Document, Encoder, Figure, Passage, ScoredPassage, Span
from dawu_qa.weights import load_weights

logger = logging.getLogger(__name__)

_SUGGESTIONS = 3
_STARTERS = 6
#: Has pinyin to be read and a sentence to be mended, so that the tables for both are made.
_WARM_UP = "zhe pian wenzhang shuo le shenme 这篇文章说了什么"
#: A question whose words the corpus mostly does not know is not taken for a follow-up unless it points back.
_KNOWN_WORDS = 0.4
#: Kinds of which a question may want several: "哪两个方案".
_SEVERAL = frozenset({"document", "quote", "rank", "date"})
#: How often a section that `section_asked` finds is right: all 8 of the labelled questions, by the rule of succession.
_SECTION_IS_RIGHT = Judgement(0.9, 0.9)


class QAPipeline:
    """A loaded index that answers questions. Threads may ask at the same time."""

    def __init__(self, index: storage.Index, encoder: Encoder, settings: Settings | None = None) -> None:
        weights = load_weights()
        self.settings = settings or Settings.from_environment()
        self.catalogue = index.catalogue
        self.manifest = index.manifest
        self.encoder = encoder
        self.kind = kind = (
            "with_questions"
            if index.manifest.counts["questions"] > index.manifest.counts["metadata_questions"]
            else "text"
        )
        self.fusion_weights = weights.fusion[kind]
        self._fusion = Fusion(index, self.fusion_weights)
        self._ranker = Ranker(index, weights.ranking[kind], encoder)
        self._answerability = Answerability(index.catalogue, weights.grounded[kind], weights.correct[kind])
        sources = [passage.text for passage in index.catalogue.passages] + [
            heading.text for heading in index.catalogue.headings
        ]
        self._sections = sections(index.catalogue)
        self._mender = Mender(sources, index.catalogue.questions)
        costs = self.settings
        self.thresholds = Thresholds.for_costs(
            wrong=costs.wrong_costs, unhelpful=costs.unhelpful_costs, right=costs.right_worth
        )

    @classmethod
    @on_one_thread
    def load(cls, index_dir: str | Path, *, encoder: Encoder | None = None, lazy: bool = False) -> QAPipeline:
        """Load an index that `build_index` wrote, and the encoder that it was built with.

        Args:
            index_dir: Folder of the index.
            encoder: Default: a new one.
            lazy: Load the model of a new encoder with the first question.

        Raises:
            IndexNotFoundError, IndexDamagedError, IndexMismatchError: The index is missing, damaged, stale or foreign.
            ModelLoadError: The encoder cannot be loaded.
        """
        return cls._opened(storage.load(Path(index_dir)), Path(index_dir), encoder, lazy=lazy)

    @classmethod
    @on_one_thread
    def _opened(
        cls, index: storage.Index, index_dir: Path, encoder: Encoder | None = None, *, lazy: bool = False
    ) -> QAPipeline:
        manifest = index.manifest
        if encoder is None:
            from dawu_qa.encoder import SentenceTransformerEncoder

            encoder = SentenceTransformerEncoder(manifest.encoder, lazy=lazy)
        if encoder.fingerprint != manifest.encoder_fingerprint:
            mend = build_command(index_dir, index_dir / manifest.corpus_dir)
            raise IndexMismatchError(
                f"the index in {index_dir} was built with another encoder ({manifest.encoder_fingerprint}, not "
                f"{encoder.fingerprint}); run {mend}"
            )
        return cls(index, encoder)

    def warm_up(self) -> None:
        """Load all that the first question would wait for.

        Raises:
            ModelLoadError: The encoder's model cannot be loaded.
        """
        self.read(_WARM_UP)

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of the corpus."""
        return self.catalogue.documents

    @property
    def fingerprint(self) -> str:
        """A checksum that differs whenever the index does."""
        return self.manifest.fingerprint

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The quantities that the corpus states."""
        return find_figures(self.catalogue)

    @property
    def starters(self) -> tuple[str, ...]:
        """Six questions to start with, spread over the corpus."""
        asked = [fact.questions[0] for fact in self.catalogue.facts if fact.answer and fact.questions]
        asked = asked or [heading.text for heading in self.catalogue.headings]
        step = max(1, len(asked) // _STARTERS)
        return tuple(asked[step // 2 :: step][:_STARTERS])

    def related(self, passage: Passage) -> tuple[str, ...]:
        """Return questions that a passage answers."""
        return tuple(
            fact.questions[0]
            for fact in self.catalogue.facts
            if fact.questions
            and fact.sentence.source == passage.source
            and passage.start <= fact.sentence.start < passage.end
        )

    def ask(self, question: str, *, history: Sequence[str] = (), top_k: int = 3) -> Answer:
        """Answer a question with the exact words of the corpus, or decline it.

        Args:
            question: In simplified or traditional Chinese, pinyin or English.
            history: The questions asked before, oldest first.
            top_k: How many passages come with the answer.

        Raises:
            ValueError: The question is blank or longer than 2,000 characters, or `top_k` is below one.
        """
        return self.explain(question, history=history, top_k=top_k).answer

    def explain(self, question: str, *, history: Sequence[str] = (), top_k: int = 3) -> Explanation:
        """Answer a question like `ask`, and tell what each stage made of it."""
        check_question(question, top_k)
        question = question.encode("utf-8", "replace").decode()  # a lone surrogate is no character
        if is_small_talk(question):
            return Explanation(
                question, question, (), self.thresholds, Answer(question, "small_talk", "", (), None, (), 0.0)
            )
        standalone, readings = self._in_context(question, remembered(history))
        confidence = min(reading.judgement.correct for reading in readings)
        band = self._band(_grounded(readings))
        spans = (
            tuple(dict.fromkeys(span for reading in readings for span in self._spans(reading)))
            if band == "answer"
            else ()
        )
        answer = Answer(
            question=question,
            band=band,
            text="；".join(span.text for span in spans),
            spans=spans,
            sentence=self._sentence(readings[0], spans[0]) if spans else None,
            passages=self._passages(readings, top_k, answered=bool(spans)),
            confidence=confidence,
            suggestions=self._suggestions(readings[0].retrieved, spans),
        )
        return Explanation(question, standalone, readings, self.thresholds, answer)

    @on_one_thread
    def read(self, question: str, *, last: str = "", previous: Reading | None = None) -> Reading:
        """Find the best candidate for one thing that is asked, and how sure it is.

        Args:
            question: It stands by itself and asks for one thing.
            last: The question as it was asked, where the former takes something over from those before it.
            previous: What was found for the question before: its answer is not asked for again.
        """
        query = Query.of(
            self._mender.mend(question), self.encoder, last=self._mender.mend(last) if last else ""
        )
        retrieved = self._fusion.retrieve(query, previous=previous.retrieved.ranking[:1] if previous else ())
        ranked = self._ranker.rank(retrieved, known=[previous.ranked.candidates[0].span] if previous else ())
        signals = self._answerability.features(retrieved, ranked)
        section = section_asked(
            query.asked, self._sections, retrieved.units.get("headings", np.zeros(0, np.float32))
        )
        judgement = _SECTION_IS_RIGHT if section else self._answerability.judge(signals)
        return Reading(query, retrieved, ranked, signals, judgement, section)

    def _in_context(self, question: str, history: Sequence[str]) -> tuple[str, tuple[Reading, ...]]:
        """Read a question, by itself or (where it leaves something out) with what was asked before."""
        if history and depends_on_history(question):
            return self._follow_up(question, history)
        readings = tuple(self.read(piece) for piece in parts(question))
        if len(readings) > 1 and _grounded(readings) < self.thresholds.answer:
            readings = (self.read(question),)
        known = readings[0].signals["unsupported_corpus"] < _KNOWN_WORDS
        if history and known and _grounded(readings) < self.thresholds.answer:
            restated, followed = self._follow_up(question, history)
            if followed[0].judgement.correct >= self.thresholds.answer:
                return restated, followed
        return question, readings

    def _follow_up(self, question: str, history: Sequence[str]) -> tuple[str, tuple[Reading, ...]]:
        """Read a question with what it takes over from those before it."""
        before = self._in_context(history[-1], history[:-1])
        restated = restate(question, before[0])
        return restated, (self.read(restated, last=question, previous=before[1][0]),)

    def _spans(self, reading: Reading) -> list[Span]:
        """Return the answer's spans: a section's items, or the best candidate, or as many of its kind as were asked for."""
        if reading.section:
            return list(reading.section.items)
        best = reading.ranked.candidates[0]
        count = asked_count(reading.query.asked)
        if best.kind not in _SEVERAL or count == 1:
            return [best.span]
        alike = [candidate for candidate in reading.ranked.candidates if candidate.kind == best.kind][:count]
        return [
            candidate.span for candidate in sorted(alike, key=lambda one: (one.span.source, one.span.start))
        ]

    def _sentence(self, reading: Reading, first: Span) -> Span:
        """Return what tells the first span of an answer: the sentence it stands in, or the heading of the section asked for."""
        if reading.section:
            return reading.section.heading
        given = next(candidate for candidate in reading.ranked.candidates if candidate.span == first)
        return self.catalogue.sentences[given.sentence].span

    def _passages(
        self, readings: tuple[Reading, ...], top_k: int, *, answered: bool
    ) -> tuple[ScoredPassage, ...]:
        """Return the best passages, before them those that the answer stands in; of several things asked, each in turn."""
        turns = zip_longest(
            *(
                [*(reading.answer_passages if answered else ()), *reading.retrieved.ranking]
                for reading in readings
            )
        )
        order = dict.fromkeys((at, row) for turn in turns for row, at in enumerate(turn) if at is not None)
        best: dict[int, float] = {}
        for at, row in order:
            best.setdefault(at, float(readings[row].retrieved.score[at]))
            if len(best) == top_k:
                break
        return tuple(ScoredPassage(self.catalogue.passages[at], score) for at, score in best.items())

    def _band(self, grounded: float) -> Band:
        if grounded >= self.thresholds.answer:
            return "answer"
        return "did_you_mean" if grounded >= self.thresholds.did_you_mean else "decline"

    def _suggestions(self, retrieved: Retrieved, spans: tuple[Span, ...]) -> tuple[str, ...]:
        """Return near questions of facts that the answer does not already give, one a fact."""
        scores = retrieved.units.get("questions")
        if scores is None:
            return ()
        found: list[str] = []
        seen: set[int] = set()
        latin = retrieved.query.latin_share > 0.5
        for at in scores.argsort()[::-1]:
            fact = int(self.catalogue.question_facts[at])
            answer = self.catalogue.facts[fact].span
            if fact in seen or answer in spans:
                continue
            seen.add(fact)
            questions = self.catalogue.facts[fact].questions
            found.append(self.catalogue.questions[at] if latin else questions[0])
            if len(found) == _SUGGESTIONS:
                break
        return tuple(found)


def _grounded(readings: tuple[Reading, ...]) -> float:
    return min(reading.judgement.grounded for reading in readings)


def check_question(question: str, top_k: int = 1) -> None:
    """Refuse what is no question.

    Raises:
        ValueError: The question is blank or too long, or `top_k` is below one.
    """
    if not isinstance(question, str) or not question.strip():
        raise ValueError("the question is blank; ask something")
    if len(question) > QUESTION_LIMIT:
        raise ValueError(f"the question has {len(question)} characters; ask in {QUESTION_LIMIT} or fewer")
    if top_k < 1:
        raise ValueError("top_k is the number of passages; give 1 or more")


def open_pipeline(
    index_dir: str | Path | None = None, *, progress: bool = False, lazy: bool = False
) -> QAPipeline:
    """Load an index; where none is named, the own corpus's, which is built or rebuilt first if it must be.

    Where another process builds it already, that build is waited for, ten minutes at most.

    Args:
        index_dir: Default: DAWU_QA_INDEX, else the index of the corpus at hand.
        progress: Show how far a build is.
        lazy: Load the encoder's model with the first question.

    Raises:
        IndexNotFoundError, IndexDamagedError, IndexMismatchError: The index that was named cannot be used.
        DawuQAError: The own corpus's index cannot be built.
    """
    settings = Settings.from_environment()
    if index_dir is not None or not settings.own_index:
        return QAPipeline.load(index_dir or settings.index_dir, lazy=lazy)
    try:
        index = storage.load(settings.index_dir, corpus_dir=settings.corpus_dir)
    except (IndexNotFoundError, IndexDamagedError, IndexMismatchError) as error:
        logger.warning("%s: it is built first", str(error).split(";")[0])
        try:
            build_index(settings.corpus_dir, settings.index_dir, progress=progress)
        except IndexLockedError:
            storage.wait_for_build(settings.index_dir)
            return open_pipeline(progress=progress, lazy=lazy)
        return QAPipeline.load(settings.index_dir, lazy=lazy)
    return QAPipeline._opened(index, settings.index_dir, lazy=lazy)  # noqa: SLF001


_pipelines: dict[Path | None, QAPipeline] = {}
_loading = threading.Lock()


def ask(
    question: str, *, history: Sequence[str] = (), top_k: int = 3, index_dir: str | Path | None = None
) -> Answer:
    """Answer a question with the exact words of the corpus, or decline it.

    The first call loads the index and the encoder (and builds the own corpus's index where it is missing or
    stale); later ones do not. Threads may call at the same time.

    Args:
        question: In simplified or traditional Chinese, pinyin or English.
        history: The questions asked before, oldest first: "那教育呢?" is understood from them.
        top_k: How many passages come with the answer.
        index_dir: Default: DAWU_QA_INDEX, else the index of the corpus at hand.

    Raises:
        ValueError: The question is blank or longer than 2,000 characters, or `top_k` is below one.
        DawuQAError: The index or the encoder cannot be used; the message names the mend.
    """
    check_question(question, top_k)
    return _opened(index_dir).ask(question, history=history, top_k=top_k)


def figures(index_dir: str | Path | None = None) -> tuple[Figure, ...]:
    """Return every quantity that the corpus states, in order.

    Args:
        index_dir: Default: DAWU_QA_INDEX, else the index of the corpus at hand.

    Raises:
        DawuQAError: The index or the encoder cannot be used; the message names the mend.
    """
    return _opened(index_dir).figures


def _opened(index_dir: str | Path | None) -> QAPipeline:
    key = Path(index_dir).resolve() if index_dir is not None else None
    with _loading:
        if key not in _pipelines:
            _pipelines[key] = open_pipeline(index_dir)
        return _pipelines[key]
