"""Opens the chat page on http://127.0.0.1:7860; `python app.py --help` lists what can be set."""

from __future__ import annotations

import sys

from dawu_qa.cli import main

if __name__ == "__main__":
    main(["serve", *sys.argv[1:]])
