"""Nothing but installing reaches out."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.model


def test_ask_opens_no_socket(built_index):
    code = textwrap.dedent(
        """
        import socket, sys

        def refused(*args, **kwargs):
            raise AssertionError("a socket was opened")

        socket.socket.connect = socket.socket.connect_ex = socket.create_connection = socket.getaddrinfo = refused
        from dawu_qa import ask

        print(ask("饮水安全花了多少钱?", index_dir=sys.argv[1]).text)
        """
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(built_index)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "11665万元"
