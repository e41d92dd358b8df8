"""Which candidate is given: the one that may be expected to answer best, which need not be the likeliest.

Of "1天", "至少1天" and "每月至少1天" none may be likely by itself, but the last holds what is wanted whichever of them it
is. So each candidate is worth what it is expected to be (minimum Bayes risk: Goel and Byrne 2000), all of it where it
is the answer itself and less the more words stand around the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dawu_qa.types import FloatArray, Span

#: An answer with words around it is worth this, less so much for each; with more words than these, nothing.
HELD, PER_CHARACTER, SLACK = 0.5, 0.03, 12
#: Among so many of the likeliest candidates one is chosen.
CHOICE = 25


def worth(spare: int) -> float:
    """Return how good an answer is that has so many characters beyond the gold words, 1 where there are none."""
    if spare > SLACK:
        return 0.0
    return HELD - PER_CHARACTER * spare if spare else 1.0


_WORTHS = np.asarray([worth(spare) for spare in range(SLACK + 2)], np.float32)


def expected_worth(spans: Sequence[Span], probabilities: FloatArray) -> FloatArray:
    """Return what each span is expected to be worth.

    Args:
        spans: Those that could be the answer.
        probabilities: How likely each is the answer, shape (spans,).
    """
    starts = np.asarray([span.start for span in spans])
    ends = np.asarray([span.end for span in spans])
    sources = np.unique([span.source for span in spans], return_inverse=True)[1]
    holds = (starts[:, None] <= starts) & (ends[:, None] >= ends) & (sources[:, None] == sources)
    spare = (ends - starts)[:, None] - (ends - starts)
    values = _WORTHS[np.where(holds, np.clip(spare, 0, SLACK + 1), SLACK + 1)]
    return np.asarray(values @ probabilities, np.float32)
