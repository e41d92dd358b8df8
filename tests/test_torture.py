"""The short form of the torture: each kind of breaking with few cases."""

import pytest

from torture import crash, damage, together
from torture.common import Bench, Tally


@pytest.fixture(scope="module")
def bench():
    with Bench.set_up() as bench:
        yield bench


@pytest.fixture
def tally():
    tally = Tally()
    yield tally
    assert tally.failures == []


def test_builds_killed_at_random_leave_a_whole_index(bench, tally):
    crash.kills_at_random(bench, tally, 3)


def test_builds_stopped_at_file_operations_leave_a_whole_index(bench, tally):
    crash.stops_at_every_operation(bench, tally, range(0, 300, 70))


def test_a_full_or_read_only_disk_is_refused(bench, tally):
    crash.no_room(bench, tally, range(0, 40, 13))
    if not tally.cases:
        pytest.skip("this system lets nobody mount")


def test_a_folder_in_the_way_is_refused(bench, tally):
    crash.not_a_folder(bench, tally)


def test_a_corpus_that_changes_while_it_is_read_breaks_no_index(bench, tally):
    crash.corpus_changes(bench, tally, 5)


def test_damaged_index_files_are_refused_and_mended(bench, tally):
    damage.of_the_index(bench, tally, 20)


def test_answers_under_rebuilds_are_of_one_index_or_the_other(bench, tally):
    together.asking_while_rebuilt(bench, tally, 2, answers=20)


def test_of_two_builds_at_once_one_is_refused_or_waits(bench, tally):
    together.builds_at_once(bench, tally, 2)
