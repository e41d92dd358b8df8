"""Opens the chat page on http://127.0.0.1:7860; `python app.py --help` lists what can be set."""

from __future__ import annotations

import argparse
import logging
import sys

from dawu_qa.errors import DawuQAError


def main() -> int:
    """Serve the page until it is stopped; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", help="default: DAWU_QA_HOST, else 127.0.0.1")
    parser.add_argument("--port", type=int, help="default: DAWU_QA_PORT, else 7860")
    parser.add_argument("--index", metavar="DIR", help="default: DAWU_QA_INDEX, else index/")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("dawu_qa").setLevel(logging.INFO)
    try:
        from dawu_qa.web import serve

        serve(given.host, given.port, given.index)
    except (DawuQAError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
