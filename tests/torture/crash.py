"""Builds that are killed, fail or have no room: the old or the new index is whole, and nothing is left behind."""

import ctypes
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pytest

import tiny_model
from dawu_qa import CorpusError, DawuQAError, IndexWriteError
from dawu_qa.default_model import model_folder
from torture.common import WORKERS, Bench, Tally, answers, build, run

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "fcntl.flock"}
_FILLS, _FILES = {"write", "tofile"}, (io.IOBase, np.ndarray)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_PAGE = 4096
#: More operations or pages than a build needs: each of these ends with the first that is through.
_EVERY = range(10_000)


def kills_at_random(bench, tally, cases, seed=0):
    """Kill builds at random moments, and let the next one clear up."""
    random_ = random.Random(seed)
    bench.build(0)
    longest, old = 0.2, 0
    while tally.cases["random kills"] < cases:
        moment = random_.uniform(0, longest)
        code = _killed_after(moment, bench.corpora[1 - old], bench.index)
        longest = moment if code == 0 else longest * 1.05
        if code != 0:
            fault = "" if code == -signal.SIGKILL else f"exit status {code}"
            fault = fault or bench.fault(0, 1) or bench.fault_after_build(1 - old)
            tally.count("random kills", fault, f"after {moment:.3f} s")
        else:
            bench.build(1 - old)
        old = 1 - old


def _killed_after(moment, *args):
    """Run a build and kill it this many seconds after it began; return its exit status."""
    ours, theirs = WORKERS.Pipe()
    process = WORKERS.Process(target=_announced, args=(theirs, *args))
    process.start()
    ours.recv()
    process.join(moment)
    process.kill()
    process.join()
    return process.exitcode


def _announced(pipe, *args):
    pipe.send("begins")
    build(*args)


def stops_at_every_operation(bench, tally, cases):
    """Kill a build before each of its file operations in turn, then let each of them fail."""
    for kind, stop in {"operations killed": _die, "operations failed": _fail}.items():
        bench.build(0)
        for at in cases:
            code = _run(_build_stopped, at, stop, bench.corpora[1], bench.index)
            if code == 0:
                break
            fault = "" if code in {-signal.SIGKILL, os.EX_IOERR} else f"exit status {code}"
            tally.count(kind, fault or bench.fault(0, 1) or bench.fault_after_build(0), f"at {at}")


def power_lost_at_every_flush(bench, tally, cases):
    """Lose what is not flushed yet before each flush, renaming and removal; the last renaming may be kept or lost."""
    for kept in (True, False):
        bench.build(0)
        for at in cases:
            code = _run(_build_without_power, at, kept, bench.corpora[1], bench.index)
            if code == 0:
                break
            fault = "" if code == -signal.SIGKILL else f"exit status {code}"
            fault = fault or bench.fault(0, 1) or bench.fault_after_build(0)
            tally.count("power losses", fault, f"at {at}, renaming {'kept' if kept else 'lost'}")


class _Disk:
    """An index folder that forgets, when the power is lost, all that a build did not flush.

    What a file holds is lost unless it was flushed; so is a folder, unless it and the name of it were.
    """

    def __init__(self, index, *, renaming_kept):
        self.index, self.renaming_kept = index, renaming_kept
        self.pointer = (index / "CURRENT").read_bytes()
        self.flushed = {_state(path) for path in index.rglob("*")}
        self.unnamed, self.renamed, self.lost = set(), False, False
        sys.addaudithook(self._watch)
        fsync = os.fsync

        def flush(descriptor):
            fsync(descriptor)
            self._flush(Path(f"/proc/self/fd/{descriptor}").resolve())

        os.fsync = flush

    def _watch(self, event, args):
        if event == "os.mkdir" and not Path(args[0]).exists():
            self.unnamed.add(Path(args[0]).resolve())
        elif event == "os.rename" and Path(args[1]) == self.index / "CURRENT":
            self.renamed = True

    def _flush(self, path):
        self.flushed.add(_state(path))
        if path == self.index.resolve():
            self.unnamed.clear()
            self.renamed = False

    def lose_power(self):
        if self.lost:
            return  # what is changed here is counted as well
        self.lost = True
        if self.renamed and not self.renaming_kept:
            (self.index / "CURRENT").write_bytes(self.pointer)
            self.flushed.add(_state(self.index / "CURRENT"))
        lost = [path for path in self.index.resolve().rglob("*") if _state(path) not in self.flushed]
        for path in {*lost, *self.unnamed}:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.is_file():
                os.truncate(path, 0)
        _die()


def _state(path):
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def unpacking_stops_at_every_operation(folder, tally, cases):
    """Kill the unpacking of a model before each of its file operations; the next call mends it."""
    content, _ = tiny_model.packed_model()
    tiny_model.install(pytest.MonkeyPatch(), folder, content)
    whole = _contents(model_folder())
    for at in cases:
        shutil.rmtree(folder / "cache")
        code = _run(_unpack_stopped, at, folder, content)
        if code == 0:
            break
        left = [path.name for path in model_folder().parent.iterdir() if path.suffix != ".lock"]
        fault = "" if code == -signal.SIGKILL else f"exit status {code}"
        fault = fault or ("" if _contents(model_folder()) == whole else "not mended")
        tally.count("unpackings killed", fault or ("" if len(left) == 1 else f"left: {left}"), f"at {at}")


def _contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _run(target, *args):
    process = WORKERS.Process(target=target, args=args)
    process.start()
    process.join()
    return process.exitcode


def _build_stopped(at, stop, corpus, index):
    _at_operation(at, stop)
    try:
        build(corpus, index)
    except IndexWriteError:
        sys.exit(os.EX_IOERR)


def _build_without_power(at, renaming_kept, corpus, index):
    disk = _Disk(index, renaming_kept=renaming_kept)
    _at_operation(at, disk.lose_power, changes={"os.rename", "os.remove", "os.rmdir"}, writes=False)
    build(corpus, index)


def _unpack_stopped(at, folder, content):
    from transformers import PreTrainedTokenizerFast  # noqa: F401 - imported before operations are counted

    tiny_model.install(pytest.MonkeyPatch(), folder, content)
    _at_operation(at, _die)
    model_folder()


def _at_operation(at, stop, *, changes=_CHANGES, writes=True):
    """Stop this process before it changes a folder or a file, or flushes one, for the time after `at` times."""
    left, fsync = iter(range(at)), os.fsync

    def pass_one():
        if next(left, None) is None:
            stop()

    def watch(event, args):
        if event in changes or (writes and event == "open" and args[2] & _WRITES):
            pass_one()

    def watch_calls(_frame, event, call):
        if event == "c_call" and call.__name__ in _FILLS and isinstance(call.__self__, _FILES):
            pass_one()

    def watch_flush(descriptor):
        pass_one()
        fsync(descriptor)

    sys.addaudithook(watch)
    os.fsync = watch_flush
    if writes:
        sys.setprofile(watch_calls)


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _fail():
    raise OSError(5, "Input/output error")


def no_room(bench, tally, cases):
    """Build onto a disk with ever more free pages, then onto one that may only be read."""
    with ProcessPoolExecutor(1, WORKERS) as pool:
        tally.add(pool.submit(_no_room, bench, cases).result())


def _no_room(bench, cases):
    tally, libc = Tally(), ctypes.CDLL(None)
    user = os.getuid(), os.getgid()
    if libc.unshare(_NEW_USER | _NEW_MOUNTS):
        return tally  # this system lets nobody mount; the figures say so by their absence
    Path("/proc/self/setgroups").write_text("deny")
    for name, number in zip(("uid_map", "gid_map"), user, strict=True):
        Path(f"/proc/self/{name}").write_text(f"0 {number} 1")
    bench.index.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", bench.index], check=True)
    bench.build(0)
    filler = bench.index / "filler"
    for pages in cases:
        free = os.statvfs(bench.index).f_bavail * os.statvfs(bench.index).f_bsize
        filler.write_bytes(bytes(free - pages * _PAGE))
        done = _refused(tally, "full disks", bench, f"{pages} pages free")
        filler.unlink()
        if done:
            bench.build(0)
            break
    subprocess.run(["mount", "-o", "remount,ro", bench.index], check=True)
    if _refused(tally, "read-only disks", bench, ""):
        tally.count("read-only disks", "written")
    return tally


def _refused(tally, kind, bench, case):
    """Build the second corpus where there is no room; return whether there was."""
    try:
        bench.build(1)
    except IndexWriteError:
        left = {path.name for path in bench.index.iterdir()} - {".lock", "CURRENT", "filler"}
        fault = "" if left == {(bench.index / "CURRENT").read_text()} else f"left behind: {left}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        fault = repr(error)
    else:
        return True
    tally.count(kind, fault or bench.fault(0), case)
    return False


def not_a_folder(bench, tally):
    """Build where a file, or a link to nowhere, stands in the place of the folder."""
    for make in (lambda path: path.write_text(""), lambda path: path.symlink_to("nowhere/at/all")):
        path = bench.folder / "file"
        make(path)
        for index in (path, path / "below"):
            try:
                build(bench.corpora[0], index)
                fault = "built"
            except IndexWriteError:
                fault = ""
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                fault = repr(error)
            tally.count("folders in the way", fault, index.name)
        path.unlink()


def corpus_changes(bench, tally, cases, seed=0):
    """Build from a corpus whose files are cut, removed and written again meanwhile."""
    random_, stop = random.Random(seed), threading.Event()
    moving = Path(shutil.copytree(bench.corpora[1], bench.folder / "moving"))
    whole = {path: path.read_bytes() for path in moving.iterdir()}
    bench.build(0)

    def move():
        while not stop.wait(0.001):
            path = random_.choice(list(whole))
            change = random_.choice(("cut", "remove", "write"))
            if change == "remove":
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(whole[path][: None if change == "write" else random_.randrange(99)])

    mover = threading.Thread(target=move)
    mover.start()
    try:
        for at in range(cases):
            try:
                build(moving, bench.index)
                fault = _mixed(bench.index)
                bench.build(0)
            except CorpusError:
                fault = bench.fault(0)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                fault = repr(error)
            tally.count("moving corpora", fault, f"at {at}")
    finally:
        stop.set()
        mover.join()


def _mixed(index):
    """Return what is wrong with an index of a corpus that has changed since: it may be stale, not broken."""
    try:
        answers(index)
    except DawuQAError as error:
        return "" if "has changed since" in str(error) or "corpus" in str(error) else repr(error)
    return ""


def main(tally, cases):
    with Bench.set_up() as bench:
        kills_at_random(bench, tally, cases)
        stops_at_every_operation(bench, tally, _EVERY)
        power_lost_at_every_flush(bench, tally, _EVERY)
        unpacking_stops_at_every_operation(bench.folder, tally, _EVERY)
        no_room(bench, tally, _EVERY)
        not_a_folder(bench, tally)
        corpus_changes(bench, tally, cases)


if __name__ == "__main__":
    run("crash", main, cases=200)
