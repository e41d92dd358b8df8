"""The fuzzer's small corpus, read once each; the fuzzer itself goes on from it."""

import pytest

from torture import fuzz


@pytest.mark.parametrize("path", sorted(fuzz.CORPUS.iterdir()), ids=lambda path: path.name)
def test_what_the_fuzzer_starts_from_is_read_or_refused(path):
    fuzz.check(path.read_bytes())
