"""How many questions are worked on, how many wait, and how fast one client may ask."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

import anyio

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "testclient"})
_CLIENTS = 4096


class Busy(Exception):  # noqa: N818
    """So many questions wait that another would wait too long."""


class TooFast(Exception):  # noqa: N818
    """One client asks faster than it may."""


class RateLimit:
    """A bucket of questions for each client, refilled over time (token bucket); a minute's worth at most."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> bool:
        """Take one question from a client's bucket; False if it is empty."""
        if not self._per_minute:
            return True
        now = self._clock()
        left, since = self._buckets.pop(client, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - since) * self._per_minute / 60)
        allowed = left >= 1
        self._buckets[client] = (left - 1 if allowed else left, now)
        while len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        return allowed


class Gate:
    """Lets a bounded number of questions in; whoever finds the waiting room full is told at once."""

    def __init__(self, concurrency: int, waiting: int, questions_per_minute: int) -> None:
        self._slots = anyio.Semaphore(concurrency)
        self._room = concurrency + waiting
        self._inside = 0
        self._rate = RateLimit(questions_per_minute)

    @contextlib.asynccontextmanager
    async def question(self, client: str | None) -> AsyncIterator[None]:
        """Hold a place for one question of a client; whoever sits at this computer may ask as fast as they like.

        Raises:
            TooFast: The client has used up its questions for now.
            Busy: The waiting room is full.
        """
        if client and client not in _LOOPBACK and not self._rate.take(client):
            raise TooFast
        if self._inside >= self._room:
            raise Busy
        self._inside += 1
        try:
            async with self._slots:
                yield
        finally:
            self._inside -= 1
