"""Runs a command where there is no network but loopback, and counts what it tried to send elsewhere.

The kernel counts, in a network namespace of the command's own: packets and connections for which it had no route, and
those to ports of this machine where nobody listens, such as a name server's.
"""

import fcntl
import socket
import struct
import subprocess
import sys
from pathlib import Path

_UNSHARE = ("unshare", "--user", "--map-root-user", "--net")
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1
_NO_ROUTE, _NO_ROUTE_6, _NO_PORT = ("Ip:", "OutNoRoutes"), "Ip6OutNoRoutes", ("Udp:", "NoPorts")


def available():
    """Tell whether this system lets its users make network namespaces."""
    try:
        return not subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        return False


def run_inside(command, **options):
    """Run a command without a network; return what it gave, and how often it tried to reach one."""
    wrapped = [*_UNSHARE, sys.executable, __file__, *map(str, command)]
    result = subprocess.run(wrapped, capture_output=True, text=True, check=False, **options)
    output, _, attempts = result.stdout.rstrip("\n").rpartition("\n")
    result.stdout = output
    return result, int(attempts)


def _loopback_up():
    with socket.socket() as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        (flags,) = struct.unpack("16xh", fcntl.ioctl(any_socket, _GET_FLAGS, request)[:18])
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", b"lo", flags | _UP))


def _attempts():
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    counts = {
        (names[0], name): int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=True)
        for name, value in zip(names[1:], values[1:], strict=True)
    }
    counts |= {
        name: int(value) for name, value in map(str.split, Path("/proc/net/snmp6").read_text().splitlines())
    }
    return sum(counts[name] for name in (_NO_ROUTE, _NO_ROUTE_6, _NO_PORT))


def main():
    """Run the command that was given, in the namespace that `run_inside` made; the last line is the count."""
    _loopback_up()
    before = _attempts()
    code = subprocess.run(sys.argv[1:], check=False).returncode
    print(f"\n{_attempts() - before}", flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
