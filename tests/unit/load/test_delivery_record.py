"""Arrivals become latencies from the intended moment, and counts of who has each event."""

from __future__ import annotations

import pytest

from longwave.load.delivery_record import TICK_BITS, DeliveryRecord, tick_moment
from longwave.load.place import Step
from longwave.load.sequence import Faults
from unit.load.examples import stamp

MILLISECOND = 1_000_000


def step(stamps, arrivals, faults=None):
    one = Step(None, stamps, faults or Faults())
    one.arrivals = [moment >> TICK_BITS for moment in arrivals]
    return one


def test_each_arrival_is_a_delivery_of_each_event():
    record = DeliveryRecord(events=3, warmup=0)
    record.note([step([stamp(0), stamp(1)], [2 * MILLISECOND, 3 * MILLISECOND])])

    assert record.delivered == 4
    assert list(record.received) == [2, 2, 0]
    assert tick_moment(record.last[1]) == pytest.approx(3 * MILLISECOND, abs=2**TICK_BITS)


def test_latency_counts_from_the_intended_moment():
    record = DeliveryRecord(events=1, warmup=0)
    record.note([step([stamp(0, intended=MILLISECOND)], [6 * MILLISECOND, 11 * MILLISECOND])])
    summary = record.latencies().summary()

    assert summary.count == 2
    assert summary.p50 == pytest.approx(5.0, abs=0.02)
    assert summary.max == pytest.approx(10.0, abs=0.02)


def test_events_of_the_warm_up_are_counted_and_not_timed():
    record = DeliveryRecord(events=2, warmup=1)
    record.note([step([stamp(0), stamp(1)], [MILLISECOND])])

    assert record.delivered == 2
    assert record.latencies().count == 1


def test_last_arrival_stays_the_last():
    record = DeliveryRecord(events=1, warmup=0)
    record.note([step([stamp(0)], [9 * MILLISECOND])])
    record.note([step([stamp(0)], [4 * MILLISECOND])])

    assert tick_moment(record.last[0]) == pytest.approx(9 * MILLISECOND, abs=2**TICK_BITS)


def test_fault_counts_for_every_stream_that_took_the_step():
    record = DeliveryRecord(events=1, warmup=0)
    record.note([step([], [1, 2, 3], Faults(duplicates=2))])

    assert record.faults == Faults(duplicates=6)


def test_event_that_the_run_does_not_have_is_corrupt():
    record = DeliveryRecord(events=1, warmup=0)
    record.note([step([stamp(1)], [1, 2])])

    assert record.faults == Faults(corrupt=2)


def test_arrivals_are_taken_over_once():
    record, one = DeliveryRecord(events=1, warmup=0), step([stamp(0)], [1])
    record.note([one])

    assert one.arrivals == []
