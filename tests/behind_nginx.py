"""Serves the page behind nginx, in a folder of a site, by the configuration that docs/ shows."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dawu_qa.web import WebSettings
from web_pipeline import FakePipeline, served

FOLDER = "/dawu"
_EXAMPLE = Path(__file__).parents[1] / "docs/nginx.conf"
_EXECUTABLE = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_CONFIGURATION = """
user root;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


@contextlib.contextmanager
def behind_nginx(settings: WebSettings, folder: Path) -> Iterator[str]:
    """Serve the page in `FOLDER` of a site and give its address; skip the test where there is no nginx."""
    if not _EXECUTABLE:
        pytest.skip("nginx is missing: apt-get install nginx-light")
    with served(FakePipeline(), settings) as behind:
        locations = _EXAMPLE.read_text(encoding="utf-8").replace("http://127.0.0.1:7860", behind)
        if behind not in locations:
            raise AssertionError("the example names another address")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        configuration, log = folder / "nginx.conf", folder / "error.log"
        configuration.write_text(_CONFIGURATION.format(folder=folder, port=port, locations=locations))
        proxy = subprocess.Popen([_EXECUTABLE, "-c", configuration, "-e", log], stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{port}{FOLDER}"
            _wait_for(address)
            yield address
        finally:
            proxy.terminate()
            proxy.wait(20)


def _wait_for(address: str) -> None:
    for _ in range(100):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(address + "/healthz")
            return
        time.sleep(0.05)
    raise TimeoutError(address)
