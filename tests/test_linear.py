"""The short form of the measurements of time and memory, and what keeps them linear."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dawu_qa.corpus.sidecar import _Finder
from torture import linear


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="tells memory as Linux does")
@pytest.mark.parametrize(
    ("work", "shape", "largest"), linear.CASES, ids=lambda value: getattr(value, "__name__", "")
)
def test_time_and_memory_grow_as_the_input_does(work, shape, largest):
    faults = (linear.fault(work, shape, largest // 40) for _ in range(3))  # others use the machine as well
    assert "" in faults


@given(st.text("甲乙 \n", max_size=40), st.text("甲乙 \n", min_size=1, max_size=8))
def test_quotes_are_found_where_trying_every_place_finds_them(text, quote):
    places = [start for start in range(len(text)) if text.startswith(quote, start)]
    assert list(_Finder(text).places(quote)) == places
