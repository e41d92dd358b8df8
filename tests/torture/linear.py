"""Time and memory of reading, folding and building for inputs of one, two and four times a size: linear in it."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from dawu_qa import build_index
from dawu_qa.corpus import clauses, parse, sentences
from dawu_qa.corpus.decode import decode
from dawu_qa.corpus.folder import Entry
from dawu_qa.corpus.sidecar import Sidecar, parse_sidecar
from dawu_qa.figure_table import find_figures
from dawu_qa.folding import fold, fold_in_place, lexical_terms, pinyin_terms
from dawu_qa.index.contents import Catalogue
from torture.common import ENCODER, WORKERS, run

GROWTH = (1, 2, 4)
#: The largest input may take this many times as long a byte as the smallest: quadratic time would take four.
TIME_BOUND = 2.5
#: The same for memory, where the noise is less.
MEMORY_BOUND = 2.0
#: What is kept beside the input, in bytes: allocators take memory in steps.
_STEP = 4 << 20
_SENTENCES = "第{0}条河治理{0}米,种树8000棵,投入资金320万元;二〇一九年5月建成。"


def text(size):
    """Paragraphs of two sentences."""
    return _filled(lambda at: f"{_SENTENCES.format(at)}{_SENTENCES.format(at + 1)}\n\n", size)


def one_line(size):
    return _filled(_SENTENCES.format, size)


def headings(size):
    return _filled(lambda at: f"## 标题{at}\n\n正文{at}。\n\n", size)


def blank_lines(size):
    return f"种树8000棵。{chr(10) * size}又种树90棵。"


def _filled(piece, size):
    pieces, length, at = [], 0, 0
    while length < size:
        pieces.append(piece(at))
        length += len(pieces[-1].encode())
        at += 1
    return "".join(pieces)


def of_reading(raw):
    return parse("x.md", decode(raw.encode(), "x.md"))


def of_splitting(raw):
    return sentences(raw), clauses(raw)


def of_folding(raw):
    return fold(raw), fold_in_place(raw), lexical_terms(raw), pinyin_terms(raw)


def of_a_sidecar(raw):
    """A fact for each line of the source."""
    lines = (line for line in raw.split("\n") if line and not line.startswith("#"))
    facts = "\n".join(f'{{"sentence": "{line}", "questions": ["多少?"]}}' for line in lines)
    return parse_sidecar(facts, "x.questions.jsonl", parse("x.md", raw))


def of_figures(raw):
    return find_figures(Catalogue.of([Entry(parse("x.md", raw), Sidecar())]))


def of_an_index(raw):
    with TemporaryDirectory() as name:
        corpus = Path(name) / "corpus"
        corpus.mkdir()
        (corpus / "x.md").write_text(raw, encoding="utf-8")
        build_index(corpus, Path(name) / "index", encoder=ENCODER)


MB, KB = 1_000_000, 1_000
#: What is done, to which inputs, and how large the largest of them is, in bytes.
CASES = (
    (of_reading, text, 50 * MB),
    (of_reading, one_line, 4 * MB),
    (of_reading, headings, 40_000 * 27),
    (of_reading, blank_lines, 4 * MB),
    (of_splitting, text, 50 * MB),
    (of_splitting, one_line, 4 * MB),
    (of_folding, text, 20 * MB),
    (of_folding, one_line, 4 * MB),
    (of_folding, blank_lines, 4 * MB),
    (of_a_sidecar, text, 20 * MB),
    (of_a_sidecar, headings, 40_000 * 27),
    (of_figures, text, 10 * MB),
    (of_figures, one_line, 4 * MB),
    (of_figures, headings, 40_000 * 27),
    (of_an_index, text, 2 * MB),
    (of_an_index, one_line, 2 * MB),
    (of_an_index, headings, 40_000 * 27),
    (of_an_index, blank_lines, 4 * MB),
)


def _alone(work, shape, size, pipe):
    """Do some work in this process, which does nothing else; send its seconds and the bytes that it took at most."""
    raw = shape(size)
    work(shape(1 * KB))  # what is loaded once is loaded
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten
    before, began = _memory("VmRSS"), time.process_time()
    work(raw)
    pipe.send((time.process_time() - began, _memory("VmHWM") - before, len(raw.encode())))


def _memory(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{field}:"))


def measured(work, shape, size):
    """Return the seconds, the highest memory and the size of the input, in bytes."""
    here, there = WORKERS.Pipe()
    child = WORKERS.Process(target=_alone, args=(work, shape, size, there))
    child.start()
    there.close()
    try:
        return here.recv()
    finally:
        child.join()


def ratios(work, shape, largest):
    """Return how much longer a byte takes, and how much more memory, in the largest input than in the smallest."""
    sizes = [largest * growth // GROWTH[-1] for growth in GROWTH]
    runs = [measured(work, shape, size) for size in sizes]
    for seconds, memory, size in runs:
        print(f"  {size / MB:7.2f} MB {seconds:7.2f} s {memory / MB:8.1f} MB of memory")
    (first_time, first_memory, first_size), (time_, memory, size) = runs[0], runs[-1]
    growth = size / first_size
    return time_ / first_time / growth, (memory + _STEP) / (first_memory + _STEP) / growth


def fault(work, shape, largest):
    """Return by how much time or memory grow faster than the input; empty where they do not."""
    slower, larger = ratios(work, shape, largest)
    print(f"  a byte takes {slower:.2f} times the time and {larger:.2f} times the memory", flush=True)
    grown = slower > TIME_BOUND or larger > MEMORY_BOUND
    return f"{slower:.2f} times the time, {larger:.2f} times the memory" if grown else ""


def main(tally, cases):
    """Measure with inputs that are so many percent of the largest."""
    for work, shape, largest in CASES:
        case = f"{work.__name__} {shape.__name__}".replace("_", " ")
        print(case, flush=True)
        tally.count("linear", fault(work, shape, largest * cases // 100), case)


if __name__ == "__main__":
    run("linear", main, cases=100)
