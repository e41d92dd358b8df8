"""The chat page: `build_app` makes it, `serve` opens it.

Gradio is told to stay offline before anything here imports it.
"""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

from dawu_qa.web.server import build_app, serve
from dawu_qa.web.settings import WebSettings

__all__ = ["WebSettings", "build_app", "serve"]
