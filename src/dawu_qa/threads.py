"""One thread for what torch computes for all others.

OpenMP keeps a pool of threads for every thread that has called it. Once there are more of them than cores, none stays
awake for the next product, and a question takes half as long again. So one thread computes, whichever asks; only the
main thread, which in a program without others is the only one that asks, computes for itself. The two take turns.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import ParamSpec, TypeVar

import faiss
import torch

P = ParamSpec("P")
R = TypeVar("R")

_NAME = "dawu_qa-torch"
_executor = ThreadPoolExecutor(1, _NAME)
_turn = threading.RLock()


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Have a function run on the thread that is kept for it, unless the main one calls; who calls it waits.

    Of all functions wrapped so, no two run at the same time but one within the other.
    """

    def in_turn(*args: P.args, **kwargs: P.kwargs) -> R:
        with _turn:
            return function(*args, **kwargs)

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        here = threading.current_thread()
        if here is threading.main_thread() or here.name.startswith(_NAME):
            return in_turn(*args, **kwargs)
        call = partial(contextvars.copy_context().run, in_turn, *args, **kwargs)
        return _executor.submit(call).result()

    return wrapped


def keep_faiss_to_one_thread() -> None:
    """Its OpenMP threads, spinning beside torch's, slow the encoder tenfold; loaded behind torch, it shares torch's."""
    threads = torch.get_num_threads()
    faiss.omp_set_num_threads(1)
    torch.set_num_threads(threads)


def _start_anew() -> None:
    """A forked process has no threads but the one that forked."""
    global _executor, _turn
    _executor, _turn = ThreadPoolExecutor(1, _NAME), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
