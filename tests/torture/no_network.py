"""The whole suite but for the browser's tests, where there is no network but loopback: it passes, and looks for none."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import namespace
from torture.common import run

_ROOT = Path(__file__).parents[2]
#: Those that drive Chromium, and the one that makes a namespace of its own.
_LEFT_OUT = ("tests/test_browser.py", "tests/test_offline.py")


def main(tally, cases):
    ignored = [f"--ignore={path}" for path in _LEFT_OUT]
    for _ in range(cases):
        suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ignored]
        result, attempts = namespace.run_inside(suite, cwd=_ROOT)
        last = result.stdout.rpartition("\n")[2]
        print(last)
        tally.count("the suite without a network", "" if result.returncode == 0 else result.stdout[-3000:])
        tally.count("nothing was sent elsewhere", f"{attempts} times" if attempts else "")


if __name__ == "__main__":
    run("no network", main, cases=1)
