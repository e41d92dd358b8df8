"""Coverage-guided fuzzing of decoding, parsing and sidecars; needs `pip install atheris`.

`python tests/torture/fuzz.py FOLDER tests/torture/fuzz_corpus -max_total_time=900` keeps in FOLDER what reaches new code;
the arguments are libFuzzer's. An input is a source and, behind a record separator, its sidecar.
"""

import sys
from itertools import pairwise
from pathlib import Path

CORPUS = Path(__file__).parent / "fuzz_corpus"
SEPARATOR = b"\x1e\n"
#: How long an input may take, in seconds, and how long it may be, in bytes.
_LIMITS = ("-timeout=10", "-max_len=4096", "-rss_limit_mb=2048")


def check(data):
    """Read an input; raise whatever is no documented error, and where what is read is not in the source."""
    from dawu_qa import CorpusError
    from dawu_qa.corpus.decode import decode
    from dawu_qa.corpus.parse import parse

    source, _, sidecar = data.partition(SEPARATOR)
    try:
        text = decode(source, "x.txt")
    except CorpusError:
        return
    text.encode()
    for name in ("x.txt", "x.md"):
        document = parse(name, text)
        _check_document(document)
        _check_sidecar(sidecar, document)


def _check_document(document):
    from dawu_qa.corpus import PASSAGE_LIMIT, clauses, sentences

    text = document.text
    for span in (*document.metadata.values(), *document.passages):
        assert text[span.start : span.end] == span.text != ""
    assert all(left.end <= right.start for left, right in pairwise(document.passages))
    for passage in document.passages:
        assert len(passage.text) <= PASSAGE_LIMIT
        for split in (sentences, clauses):
            spans = split(passage.text)
            assert spans
            assert all(left[1] <= right[0] for left, right in pairwise(spans))


def _check_sidecar(raw, document):
    from dawu_qa import CorpusError
    from dawu_qa.corpus.decode import decode
    from dawu_qa.corpus.sidecar import parse_sidecar

    try:
        sidecar = parse_sidecar(decode(raw, "x.questions.jsonl"), "x.questions.jsonl", document)
    except CorpusError as error:
        if not str(error).isprintable():
            raise AssertionError("a message of more than a line") from error
        return
    for question in (*sidecar.unanswerable, *(one for fact in sidecar.facts for one in fact.questions)):
        assert question.strip()
        question.encode()
    for fact in sidecar.facts:
        place = fact.sentence
        assert document.text[place.start : place.end] == place.text != ""
        assert any(one.start <= place.start and place.end <= one.end for one in document.passages)
        if fact.answer:
            assert document.text[fact.answer.start : fact.answer.end] == fact.answer.text != ""


def main():
    import atheris

    with atheris.instrument_imports(include=["dawu_qa.corpus"]):
        from dawu_qa.corpus import folder  # noqa: F401 - the rooms below it as well
    atheris.enabled_hooks.add("RegEx")
    atheris.Setup([sys.argv[0], *_LIMITS, *sys.argv[1:]], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
