"""Install the wheel without its dependencies into an empty folder, and ask it from another empty folder.

python tests/wheel_works.py dist
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    wheel = max(Path(sys.argv[1]).resolve().glob("dawu_qa-*.whl"), key=lambda path: path.stat().st_mtime)
    with tempfile.TemporaryDirectory() as folder:
        target, empty = Path(folder) / "site", Path(folder) / "empty"
        empty.mkdir()
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel],
            check=True,
        )
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import dawu_qa; assert dawu_qa.__file__.startswith(sys.argv[1]), dawu_qa.__file__; "
            "answer = dawu_qa.ask('饮水安全花了多少钱?'); assert answer.text == '11665万元', answer"
        )
        environment = {**os.environ, "DAWU_QA_INDEX": "", "PYTHONUTF8": "1"}
        environment["DAWU_QA_CACHE"] = str(Path(folder) / "cache")
        subprocess.run([sys.executable, "-c", code, str(target)], cwd=empty, env=environment, check=True)
    print(f"{wheel.name} works from an empty folder")
    return 0


if __name__ == "__main__":
    sys.exit(main())
