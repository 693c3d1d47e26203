"""Where faults come: at bytes that depend on the seed alone, as often as their rates say."""

from __future__ import annotations

from random import Random

import pytest

from longwave.errors import InvalidValue
from longwave.testing.faults import KIB, MAX_DELAY, Fault, FaultPlan, Faults

MIXED = Faults(cut=2, stall=1, split=20, delay=10)
AT_EVERY_BYTE = 1e9  # the distance to the next is a byte, but in one of a million cases


def places(plan, total, piece):
    """Where a plan puts its faults if the bytes come in pieces."""
    found, position = [], 0
    while position < total:
        passed, fault = plan.pass_bytes(min(piece, total - position))
        position += passed
        if fault is not None:
            found.append((position, fault))
    return found


def test_the_same_seed_gives_the_same_faults_however_the_bytes_arrive():
    whole = places(FaultPlan(MIXED, Random(7)), 10 * KIB, 10 * KIB)

    assert places(FaultPlan(MIXED, Random(7)), 10 * KIB, 1) == whole
    assert places(FaultPlan(MIXED, Random(7)), 10 * KIB, 100) == whole
    assert places(FaultPlan(MIXED, Random(8)), 10 * KIB, 10 * KIB) != whole


@pytest.mark.parametrize("fault", Fault)
def test_a_rate_is_the_average_number_in_a_kib(fault):
    found = places(FaultPlan(Faults(**{fault.value: 2}), Random(7)), 500 * KIB, KIB)

    assert {kind for _, kind in found} == {fault}
    assert 900 < len(found) < 1100


def test_without_faults_all_bytes_pass():
    assert FaultPlan(Faults(), Random(7)).pass_bytes(KIB) == (KIB, None)


def test_a_byte_passes_before_each_fault():
    plan = FaultPlan(Faults(cut=AT_EVERY_BYTE), Random(7))

    assert [plan.pass_bytes(10) for _ in range(3)] == [(1, Fault.CUT)] * 3


def test_of_several_faults_at_one_byte_the_gravest_comes():
    every = AT_EVERY_BYTE

    for fault in Fault:
        graver = [other for other in Fault if list(Fault).index(other) >= list(Fault).index(fault)]
        plan = FaultPlan(Faults(**{other.value: every for other in graver}), Random(7))
        assert plan.pass_bytes(10) == (1, fault)


def test_delays_are_from_nothing_to_the_longest():
    plan = FaultPlan(Faults(longest_delay=0.5), Random(7))
    delays = [plan.draw_delay() for _ in range(1000)]

    assert 0 <= min(delays) < 0.05
    assert 0.45 < max(delays) <= 0.5


def test_a_cut_is_a_reset_in_half_of_the_cases():
    plan = FaultPlan(Faults(), Random(7))

    assert 400 < sum(plan.draw_reset() for _ in range(1000)) < 600


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((fault.value, -0.1) for fault in Fault),
        ("cut", float("nan")),
        ("cut", float("inf")),
        ("longest_delay", 0),
        ("longest_delay", MAX_DELAY + 1),
    ],
)
def test_values_that_cannot_be_are_refused(field, value):
    with pytest.raises(InvalidValue, match=field):
        Faults(**{field: value})
