"""When to reconnect and how long to wait, without I/O."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.reconnection import (
    DEFAULT_RETRY,
    JITTER,
    LIMIT,
    LONGEST,
    SHORTEST,
    Reconnection,
    Verdict,
    judge,
    read_retry_after,
)

STREAM = "text/event-stream"
NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "content_type", "verdict"),
    [
        (200, "text/event-stream", Verdict.STREAM),
        (200, "Text/Event-Stream ; charset=utf-8", Verdict.STREAM),
        (200, "text/event-stream;", Verdict.STREAM),
        (200, "text/html", Verdict.STOP),
        (200, "text/event-streams", Verdict.STOP),
        (200, "", Verdict.STOP),
        (201, STREAM, Verdict.STOP),
        (204, "", Verdict.END),
        (301, "", Verdict.STOP),
        (400, STREAM, Verdict.STOP),
        (401, "", Verdict.STOP),
        (404, "", Verdict.STOP),
        (429, "", Verdict.RETRY),
        (500, "", Verdict.RETRY),
        (503, STREAM, Verdict.RETRY),
    ],
)
def test_status_and_content_type_decide(status, content_type, verdict):
    assert judge(status, content_type) is verdict


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 2.4), (0.5, 3.0), (1.0, 3.6)])
def test_first_wait_is_the_retry_give_or_take_the_jitter(chance, wait):
    assert Reconnection().lost(chance) == pytest.approx(wait)


def test_wait_after_each_failure_is_drawn_under_a_doubled_ceiling():
    reconnection = Reconnection(retry=1.0)

    assert [reconnection.lost(1.0) for _ in range(8)] == pytest.approx([1.2, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST])


def test_wait_after_a_failure_has_full_jitter():
    reconnection = Reconnection(retry=4.0)
    reconnection.lost(0.5)

    assert reconnection.lost(0.25) == 2.0


def test_opened_stream_makes_the_next_wait_a_first_one():
    reconnection = Reconnection(retry=1.0)
    for _ in range(5):
        reconnection.lost(1.0)

    reconnection.opened()

    assert reconnection.lost(0.5) == 1.0


def test_retry_of_the_server_beyond_the_longest_backoff_is_the_ceiling():
    reconnection = Reconnection(retry=120.0)
    reconnection.lost(0.5)

    assert [reconnection.lost(1.0), reconnection.lost(0.5)] == [120.0, 60.0]


def test_retry_after_is_a_floor_for_one_wait_only():
    reconnection = Reconnection(retry=1.0)
    reconnection.postpone(20.0)

    assert [reconnection.lost(0.5), reconnection.lost(0.5)] == [20.0, 1.0]


def test_retry_of_zero_never_becomes_a_busy_loop():
    reconnection = Reconnection(retry=0.0)
    waits = []
    for _ in range(5):
        reconnection.opened()
        waits.append(reconnection.lost(0.0))

    assert waits == [SHORTEST] * 5


def test_retry_of_zero_still_backs_off():
    reconnection = Reconnection(retry=0.0)

    assert [reconnection.lost(1.0) for _ in range(3)] == [SHORTEST, 2 * SHORTEST, 4 * SHORTEST]


@given(
    retry=st.floats(0, 1e13),
    floor=st.floats(0, 1e13),
    chances=st.lists(st.floats(0, 1), min_size=1, max_size=60),
)
def test_no_wait_is_beyond_its_bounds(retry, floor, chances):
    reconnection = Reconnection(retry)
    for chance in chances:
        reconnection.postpone(floor)
        wait = reconnection.lost(chance)

        assert SHORTEST <= wait <= LIMIT
        assert wait >= min(floor, LIMIT)


@given(st.floats(0, 1))
def test_default_first_wait_is_spread(chance):
    assert abs(Reconnection().lost(chance) - DEFAULT_RETRY) <= DEFAULT_RETRY * JITTER + 1e-9


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("١٢", 0.0),
        ("9" * 5000, 999_999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nothing_else(value, seconds):
    assert read_retry_after(value, NOW) == seconds
