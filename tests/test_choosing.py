"""Which candidate is given."""

import numpy as np
import pytest

from dawu_qa.reader.choosing import HELD, PER_CHARACTER, SLACK, expected_worth, worth
from dawu_qa.types import Span


def span(start, end, source="a.txt"):
    return Span("x" * (end - start), source, start, end)


def test_the_words_alone_are_worth_most_and_words_around_them_cost():
    assert [worth(0), worth(1), worth(SLACK), worth(SLACK + 1)] == [
        1,
        HELD - PER_CHARACTER,
        pytest.approx(HELD - PER_CHARACTER * SLACK),
        0,
    ]


def test_what_holds_several_likely_ones_is_worth_more_than_each():
    alone, longer, other = span(4, 6), span(2, 6), span(20, 22)
    found = expected_worth([alone, longer, other], np.asarray([0.35, 0.25, 0.4], np.float32))
    np.testing.assert_allclose(found, [0.35, 0.25 + 0.35 * worth(2), 0.4], rtol=1e-6)
    assert found.argmax() == 1


def test_what_stands_in_another_source_or_far_around_is_not_held():
    found = expected_worth(
        [span(4, 6), span(0, 30), span(0, 10, "b.txt")], np.asarray([0.5, 0.3, 0.2], np.float32)
    )
    np.testing.assert_allclose(found, [0.5, 0.3, 0.2], rtol=1e-6)
