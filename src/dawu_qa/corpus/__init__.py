"""Reading the corpus: source files to documents with passages, and the questions that editors write beside them."""

from dawu_qa.corpus.parse import PASSAGE_LIMIT, SPLITTER_VERSION, parse
from dawu_qa.corpus.sentences import clauses, sentences

__all__ = ["PASSAGE_LIMIT", "SPLITTER_VERSION", "clauses", "parse", "sentences"]
