"""Whether and when a worker that ended is started again."""

from __future__ import annotations

from itertools import pairwise

import pytest

from longwave.server.workers.restarts import LONGEST_PAUSE, MOST_FAILED_STARTS, SHORTEST_PAUSE, STEADY, Restarts


def test_worker_that_served_for_long_is_replaced_at_once():
    restarts = Restarts()

    assert [restarts.after_life(STEADY) for _ in range(5)] == [0.0] * 5


def test_pauses_after_short_lives_double_up_to_the_longest_and_never_end():
    restarts = Restarts()
    pauses = [restarts.after_life(STEADY - 1) for _ in range(2000)]

    assert pauses[0] == SHORTEST_PAUSE
    assert all(after == min(2 * before, LONGEST_PAUSE) for before, after in pairwise(pauses))
    assert pauses[-1] == LONGEST_PAUSE


def test_long_life_makes_good_for_short_ones():
    restarts = Restarts()
    for seconds in (0.0, 0.0, STEADY):
        restarts.after_life(seconds)

    assert restarts.after_life(0.0) == SHORTEST_PAUSE


def test_gives_up_after_failed_starts_in_a_row():
    restarts = Restarts()
    pauses = [restarts.after_failed_start() for _ in range(MOST_FAILED_STARTS)]

    assert pauses[-1] is None
    assert None not in pauses[:-1]
    assert pauses[:2] == [SHORTEST_PAUSE, 2 * SHORTEST_PAUSE]


@pytest.mark.parametrize("seconds", [0.0, STEADY])
def test_any_life_between_makes_good_for_failed_starts(seconds):
    restarts = Restarts()
    for _ in range(3):
        for _ in range(MOST_FAILED_STARTS - 1):
            assert restarts.after_failed_start() is not None
        restarts.after_life(seconds)
