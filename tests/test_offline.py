"""Nothing but installing reaches out: the kernel counts what is tried where there is no network but loopback."""

import subprocess
import sys
import textwrap

import pytest

import namespace
from conftest import CORPUS

QUESTION, ANSWER = "饮水安全花了多少钱?", "11665万元"

in_a_namespace = pytest.mark.skipif(
    not namespace.available(), reason="this system lets nobody make a network namespace"
)


@pytest.mark.model
def test_ask_opens_no_socket(built_index):
    code = textwrap.dedent(
        """
        import socket, sys

        def refused(*args, **kwargs):
            raise AssertionError("a socket was opened")

        socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refused
        from dawu_qa import ask

        print(ask(sys.argv[2], index_dir=sys.argv[1]).text)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(built_index), QUESTION], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ANSWER


@in_a_namespace
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('192.0.2.1', 80), 1)",
        "socket.create_connection(('2001:db8::1', 80), 1)",
        "socket.getaddrinfo('example.org', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 53))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('127.0.0.53', 53))",
    ],
)
def test_what_is_tried_is_counted(attempt):
    code = f"import contextlib, socket\nwith contextlib.suppress(OSError):\n    {attempt}"
    _, attempts = namespace.run_inside([sys.executable, "-c", code])
    assert attempts > 0


@in_a_namespace
@pytest.mark.model
def test_index_and_ask_need_no_network_and_look_for_none(tmp_path):
    index = tmp_path / "index"
    for command in (["index", "--corpus", CORPUS, "--index", index], ["ask", QUESTION, "--index", index]):
        result, attempts = namespace.run_inside([sys.executable, "-m", "dawu_qa", *command])
        assert result.returncode == 0, result.stderr
        assert attempts == 0
    assert ANSWER in result.stdout


@in_a_namespace
@pytest.mark.model
def test_the_page_needs_no_network_and_looks_for_none(built_index, tmp_path):
    code = textwrap.dedent(
        """
        import json, os, signal, subprocess, sys, time, urllib.error, urllib.request

        question, index, data = sys.argv[1:]
        environment = {**os.environ, "DAWU_QA_INDEX": index, "DAWU_QA_DATA": data}
        page = "http://127.0.0.1:7860"
        server = subprocess.Popen([sys.executable, "-m", "dawu_qa", "serve", "--port", "7860"], env=environment)
        for _ in range(600):
            try:
                urllib.request.urlopen(page + "/readyz")
                break
            except OSError:
                time.sleep(0.1)
        body = json.dumps({"question": question}).encode()
        asked = urllib.request.Request(page + "/api/ask", body, {"content-type": "application/json"})
        print(json.load(urllib.request.urlopen(asked))["text"])
        print(len(urllib.request.urlopen(page).read()) > 1000)
        server.send_signal(signal.SIGINT)
        sys.exit(server.wait(30))
        """
    )
    result, attempts = namespace.run_inside(
        [sys.executable, "-c", code, QUESTION, built_index, tmp_path / "data"]
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [ANSWER, "True"]
    assert attempts == 0
