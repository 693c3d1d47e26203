"""Checks of when bytes came, each with what is well and what is not."""

from __future__ import annotations

import pytest

from longwave.doctor import checks_timing as checks
from longwave.doctor.finding import Verdict
from longwave.doctor.observation import Ending
from unit.doctor.seen import head_of, seen_of, watch_of

EVENT = b"data: x\n\n"


def at(*times, data=b":\n"):
    return [(time, data) for time in times]


@pytest.mark.parametrize(
    ("body", "ended_at", "verdict"),
    [
        (at(0.1), 20.0, Verdict.OK),
        (at(5.0), 20.0, Verdict.WARNING),
        ([], 20.0, Verdict.WARNING),
        ([], 1.0, Verdict.NOT_CHECKED),
    ],
)
def test_first_byte(body, ended_at, verdict):
    assert checks.judge_first_byte(seen_of(watch=watch_of(*body, ended_at=ended_at))).verdict is verdict


@pytest.mark.parametrize(
    ("body", "verdict", "says"),
    [
        (at(0.1, 5.0, 10.0), Verdict.OK, "3 moments"),
        (at(0.1), Verdict.NOT_CHECKED, "too little"),
        ([], Verdict.NOT_CHECKED, "too little"),
        # Heartbeats are sent apart.
        (at(0.1, 10.0, 10.01, 10.02), Verdict.FAILURE, "3 heartbeats"),
        (at(6.0, 6.01), Verdict.FAILURE, "2 heartbeats"),
        # Padding and replayed events come together at the beginning, and may.
        (at(0.1, 0.11, 0.12, 9.0), Verdict.OK, "at most 0 events"),
        ([(0.1, EVENT * 50), (5.0, EVENT)], Verdict.OK, "at most 50 events"),
        # One crowd of events may have been published so, several point to a buffer.
        ([(0.1, EVENT), (5.0, EVENT * 20)], Verdict.OK, "at most 20 events"),
        ([(0.1, EVENT), (5.0, EVENT * 20), (9.0, EVENT * 20)], Verdict.WARNING, "20 events"),
        # Without silence before them events are a fast stream.
        ([(0.1 + n / 10, EVENT * 20) for n in range(50)], Verdict.OK, "at most 20 events"),
        (at(0.1, 1.0, 2.0, 3.0, 8.0, 9.0), Verdict.WARNING, "1.0 to 5.0 s apart"),
        (at(0.1, 3.0, 6.0, 9.1, 12.0), Verdict.OK, "5 moments"),
    ],
)
def test_buffering(body, verdict, says):
    judgement = checks.judge_buffering(seen_of(watch=watch_of(*body)))
    assert judgement.verdict is verdict
    assert says in judgement.seen


def test_heartbeats_that_wait_for_silence_after_events_are_not_uneven():
    body = [*at(0.1, 1.0, 2.0), (2.5, EVENT), *at(7.0), (7.1, EVENT), *at(12.0, 13.0)]
    assert checks.judge_buffering(seen_of(watch=watch_of(*body))).verdict is Verdict.OK


def test_a_quicker_heartbeat_makes_a_shorter_silence_count():
    seen = seen_of(watch=watch_of(*at(0.1, 0.5, 0.51)), inquiry={"heartbeat": 0.2})
    assert checks.judge_buffering(seen).verdict is Verdict.FAILURE


@pytest.mark.parametrize(
    ("body", "ended_at", "verdict"),
    [
        (at(0.1, 15.3), 20.0, Verdict.OK),
        (at(0.1), 20.0, Verdict.WARNING),
        (at(0.1, 50.0), 70.0, Verdict.WARNING),
        (at(0.1), 70.0, Verdict.FAILURE),
        ([], 70.0, Verdict.FAILURE),
        (at(0.1), 5.0, Verdict.NOT_CHECKED),
        (at(0.1, 4.0), 5.0, Verdict.OK),
        (at(*range(1, 20), data=EVENT), 20.0, Verdict.OK),
    ],
)
def test_heartbeats(body, ended_at, verdict):
    judgement = checks.judge_heartbeats(seen_of(watch=watch_of(*body, ended_at=ended_at)))
    assert judgement.verdict is verdict
    assert f"in {ended_at - 0.05:.1f} s" in judgement.seen or f"{ended_at - 0.1:.1f}" in judgement.seen


@pytest.mark.parametrize(
    ("ending", "ended_at", "verdict", "says"),
    [
        (Ending.OPEN, 20.0, Verdict.OK, "still open after 20.0 s"),
        (Ending.FULL, 2.0, Verdict.NOT_CHECKED, "as much as is read"),
        (Ending.CLOSED, 0.1, Verdict.FAILURE, "ended it after 0.1 s"),
        (Ending.CLOSED, 12.0, Verdict.WARNING, "ended it after 12.0 s, 7 bytes short of a blank line"),
        (Ending.BROKEN, 12.0, Verdict.FAILURE, "broke after 12.0 s: reset"),
    ],
)
def test_lifetime(ending, ended_at, verdict, says):
    watch = watch_of(b"data: 1", ending=ending, ended_at=ended_at, problem="reset")
    judgement = checks.judge_lifetime(seen_of(watch=watch))
    assert judgement.verdict is verdict
    assert says in judgement.seen


def test_bytes_close_to_each_other_are_one_burst():
    watch = watch_of((0.1, EVENT), (3.0, EVENT), (3.02, EVENT), (3.04, b":\n"), (4.0, EVENT), head=head_of(at=0.0))
    bursts = [(burst.at, round(burst.silence, 2), burst.events, burst.comments) for burst in checks.read_bursts(watch)]
    assert bursts == [(0.1, 0.0, 1, 0), (3.0, 2.9, 2, 1), (4.0, 0.96, 1, 0)]
