"""Every event once and in order: anything else is noticed, and called by its name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.load.sequence import MAX_MISSING, Audience, Faults
from unit.load.examples import stamp


def count(numbers, sent):
    """The faults of one stream that got these numbers of one sequence, of so many that were sent."""
    audience = Audience([0], 1)
    tally, faults = audience.count(audience.start(), [stamp(number) for number in numbers])
    faults.gaps = audience.left(tally, {(0, 0): sent}).total()
    return faults


@pytest.mark.parametrize(
    ("numbers", "faults"),
    [
        ([0, 1, 2, 3], Faults()),
        ([0, 1, 3], Faults(gaps=1)),
        ([2, 3], Faults(gaps=2)),
        ([0, 1], Faults(gaps=2)),
        ([], Faults(gaps=4)),
        ([0, 1, 1, 2, 3], Faults(duplicates=1)),
        ([0, 0, 0, 1, 2, 3], Faults(duplicates=2)),
        ([0, 2, 1, 3], Faults(reorderings=1)),
        ([3, 2, 1, 0], Faults(reorderings=3)),
        ([0, 2, 1, 1, 3], Faults(reorderings=1, duplicates=1)),
        ([0, 1, 3, 3], Faults(gaps=1, duplicates=1)),
    ],
)
def test_faults_of_a_stream(numbers, faults):
    assert count(numbers, 4) == faults


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 12))
def test_it_does_not_matter_how_events_come_together(numbers, cut):
    audience = Audience([0], 1)
    stamps = [stamp(number) for number in numbers]
    whole, faults = audience.count(audience.start(), stamps)
    part, first = audience.count(audience.start(), stamps[:cut])
    parts, second = audience.count(part, stamps[cut:])
    first.add(second)

    assert (parts, first) == (whole, faults)


@given(st.permutations(range(5)))
def test_any_order_of_all_events_has_no_gap_and_no_duplicate(numbers):
    faults = count(numbers, 5)

    assert (faults.gaps, faults.duplicates) == (0, 0)
    assert bool(faults.reorderings) == (list(numbers) != sorted(numbers))


def test_each_topic_and_publisher_has_its_own_sequence():
    audience = Audience([4, 9], 2)
    stamps = [stamp(n, topic=topic, publisher=p, sequence=0) for n, (topic, p) in enumerate([(4, 0), (9, 1), (4, 1)])]
    tally, faults = audience.count(audience.start(), stamps)

    assert not faults
    assert audience.left(tally, {(4, 0): 1, (4, 1): 1, (9, 0): 1, (9, 1): 2, (5, 0): 7}) == {(9, 0, 0): 1, (9, 1, 1): 1}


def test_event_of_a_topic_that_was_not_subscribed_to_is_misdelivered():
    audience = Audience([4], 1)

    assert audience.count(audience.start(), [stamp(0, topic=5)]) == (audience.start(), Faults(misdelivered=1))


def test_numbers_of_missing_events_are_bounded():
    audience = Audience([0], 1)
    tally, _ = audience.count(audience.start(), [stamp(0, sequence=10 * MAX_MISSING)])

    assert len(tally.missing) == MAX_MISSING


def test_faults_add_up_over_streams():
    faults = Faults(gaps=1)
    faults.add(Faults(gaps=2, corrupt=1), 10)

    assert faults == Faults(gaps=21, corrupt=10)
    assert faults
    assert not Faults()
