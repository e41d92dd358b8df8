"""Measuring an index on labelled questions."""

from dawu_qa.evaluation.interviews import open_interviews
from dawu_qa.evaluation.labelled import Labelled, read_labelled
from dawu_qa.evaluation.run import Report, evaluate, save_report
from dawu_qa.evaluation.squad import open_corpus, read_squad, write_corpus

__all__ = [
    "Labelled",
    "Report",
    "evaluate",
    "open_corpus",
    "open_interviews",
    "read_labelled",
    "read_squad",
    "save_report",
    "write_corpus",
]
