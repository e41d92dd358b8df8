"""A question, read once for all retrievers."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from dawu_qa.folding import fold, fold_in_place, latin_share, lexical_terms, pinyin_terms
from dawu_qa.types import Encoder, FloatArray


@dataclass(frozen=True)
class Query:
    """What is searched for: the question with typing errors mended, its vectors and its terms.

    `embedding` has shape (dim,), `tokens` shape (tokens, dim), rows of unit L2 norm; `lower`, shape (1 + tokens, dim),
    is what the encoder's lower layers make of it.
    """

    text: str
    embedding: FloatArray = field(repr=False)
    tokens: FloatArray = field(repr=False)
    lower: FloatArray = field(repr=False)
    last: str = ""

    @classmethod
    def of(cls, text: str, encoder: Encoder, *, last: str = "") -> Query:
        """Encode a question.

        Args:
            text: The question, with what it takes over from those before it.
            encoder: Gives the vectors.
            last: The question as it was asked, where that is less: it tells what kind of answer is wanted.
        """
        encoded = encoder.encode_query([fold_in_place(text)])[0]
        tokens = encoded.tokens if len(encoded.tokens) else encoded.embedding[None]
        return cls(text, encoded.embedding, tokens, encoded.lower, last)

    @cached_property
    def asked(self) -> str:
        """What was asked last, in simplified lower case."""
        return fold(self.last or self.text)

    @cached_property
    def folded(self) -> str:
        """The question in simplified lower case."""
        return fold(self.text)

    @cached_property
    def terms(self) -> list[str]:
        """Its terms for BM25."""
        return lexical_terms(self.text)

    @cached_property
    def syllables(self) -> list[str]:
        """Its terms for BM25 over pinyin."""
        return pinyin_terms(self.text)

    @cached_property
    def latin_share(self) -> float:
        """How much of it is written in Latin letters, in [0, 1]."""
        return latin_share(self.text)
