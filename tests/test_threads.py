"""Which thread computes."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dawu_qa.threads import on_one_thread


@on_one_thread
def where():
    return threading.current_thread()


@on_one_thread
def where_within():
    return where()


def elsewhere(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(timeout=10)


def test_the_main_thread_computes_for_itself():
    assert where() is threading.current_thread() is threading.main_thread()


def test_all_others_share_one_thread():
    first, second = elsewhere(where), elsewhere(where)
    assert first is second
    assert first is not threading.main_thread()


def test_what_runs_on_the_thread_may_call_what_runs_there():
    assert elsewhere(where_within) is elsewhere(where)


def test_the_main_thread_and_the_other_take_turns():
    inside, overlapped = [], []

    @on_one_thread
    def busy():
        inside.append(threading.current_thread())
        time.sleep(0.02)
        overlapped.append(len(inside) > 1)
        inside.pop()

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(busy) for _ in range(4)]
        for _ in range(4):
            busy()
        for each in asked:
            each.result(timeout=10)
    assert overlapped == [False] * 8


def test_an_error_reaches_who_called():
    def fail():
        raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        elsewhere(on_one_thread(fail))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_a_thread_of_its_own():
    elsewhere(where)
    child = os.fork()
    if not child:
        os._exit(0 if elsewhere(where).is_alive() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
