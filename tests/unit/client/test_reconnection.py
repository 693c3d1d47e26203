"""How long to wait, and when to give up, without I/O."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.reconnection import (
    DEFAULT_RETRY,
    JITTER,
    LIMIT,
    LONGEST,
    SHORTEST,
    Patience,
    Reconnection,
    read_retry_after,
)
from longwave.errors import InvalidValue

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT

CHANCES = st.floats(0, 1)


def reconnection(retry=DEFAULT_RETRY, **patience):
    made = Reconnection(Patience(**patience))
    made.retry = retry
    return made


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 2.7), (0.5, 3.0), (1.0, 3.3)])
def test_first_wait_is_the_retry_give_or_take_the_jitter(chance, wait):
    assert Reconnection().wait(chance) == pytest.approx(wait)


def test_each_further_wait_is_drawn_under_a_doubled_ceiling():
    waits = reconnection(1.0)

    assert [waits.wait(1.0) for _ in range(8)] == pytest.approx([1.1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST])


def test_wait_after_a_failure_has_full_jitter():
    waits = reconnection(4.0)
    waits.wait(0.5)

    assert waits.wait(0.25) == 2.0
    assert waits.wait(0.0) == SHORTEST


def test_healthy_stream_makes_the_next_wait_a_first_one():
    waits = reconnection(1.0)
    for _ in range(5):
        waits.failed()
        waits.wait(1.0)

    waits.healthy()

    assert waits.wait(0.5) == 1.0
    assert waits.failures == 0


def test_first_failure_after_a_healthy_stream_doubles_the_ceiling_already():
    waits = reconnection(1.0)
    waits.healthy()
    waits.wait(0.5)
    waits.failed()

    assert waits.wait(1.0) == 2.0


def test_longest_is_the_ceiling():
    waits = reconnection(1.0, longest=3.0)
    waits.wait(1.0)

    assert [waits.wait(1.0), waits.wait(1.0)] == [2.0, 3.0]


def test_retry_of_the_server_beyond_the_longest_is_the_ceiling():
    waits = reconnection(120.0)
    waits.wait(0.5)

    assert [waits.wait(1.0), waits.wait(0.5)] == [120.0, 60.0]


def test_retry_after_is_a_floor_for_one_wait_only():
    waits = reconnection(1.0)
    waits.postpone(20.0)

    assert [waits.wait(0.0), waits.wait(0.5)] == [20.0, 1.0]


def test_jitter_of_a_retry_after_is_upwards_only():
    """Clients that one server turned away together do not return together, and none returns too early."""
    assert {reconnection_after(20.0, chance) for chance in (0.0, 0.5, 1.0)} == {20.0, 21.0, 22.0}


def reconnection_after(seconds, chance):
    waits = Reconnection()
    waits.postpone(seconds)
    return waits.wait(chance)


@pytest.mark.parametrize("seconds", [LIMIT + 1, 1e12, float("inf")])
def test_huge_retry_after_is_not_obeyed_beyond_the_limit(seconds):
    assert reconnection_after(seconds, 0.5) == LIMIT


def test_retry_of_zero_never_becomes_a_busy_loop():
    waits = reconnection(0.0)
    seen = []
    for _ in range(5):
        waits.healthy()
        seen.append(waits.wait(0.0))

    assert seen == [SHORTEST] * 5


def test_retry_of_zero_still_backs_off():
    waits = reconnection(0.0)

    assert [waits.wait(1.0) for _ in range(3)] == [SHORTEST, 2 * SHORTEST, 4 * SHORTEST]


@given(
    retry=st.floats(0, 1e13),
    longest=st.floats(0.001, LIMIT),
    steps=st.lists(st.tuples(st.sampled_from(["healthy", "failed", ""]), st.floats(0, 1e13), CHANCES), max_size=60),
)
def test_waits_keep_their_rules(retry, longest, steps):
    """Those of the module's docstring, for any order of what happens."""
    waits = reconnection(retry, longest=longest)
    since_healthy = 0
    for happened, floor, chance in steps:
        if happened:
            getattr(waits, happened)()
        since_healthy = 0 if happened == "healthy" else since_healthy
        waits.postpone(floor)
        wait = waits.wait(chance)

        assert SHORTEST <= wait <= LIMIT
        assert wait >= min(floor, LIMIT)
        ceiling = retry * (1 + JITTER) if since_healthy == 0 else max(SHORTEST, retry, longest)
        if since_healthy == 0 and floor == 0:
            assert wait >= min(retry * (1 - JITTER), LIMIT) - 1e-9
        assert wait <= max(ceiling, floor * (1 + JITTER), SHORTEST) * (1 + 1e-9)
        since_healthy += 1


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_it_gives_up_after_so_many_failures_one_after_the_other(failures, attempts):
    waits = reconnection(attempts=attempts)
    in_a_row = 0
    for failed in failures:
        waits.failed() if failed else waits.healthy()
        in_a_row = in_a_row + 1 if failed else 0

        assert waits.exhausted == (in_a_row >= attempts)
        assert waits.failures == in_a_row


def test_without_a_number_of_attempts_it_never_gives_up():
    waits = Reconnection()
    for _ in range(10_000):
        waits.failed()
        waits.wait(1.0)

    assert not waits.exhausted


def test_first_wait_is_the_users_until_a_server_says_another():
    waits = Reconnection(Patience(retry=0.5))

    assert waits.wait(0.5) == 0.5
    waits.healthy()
    waits.retry = 2.0
    assert waits.wait(0.5) == 2.0


@pytest.mark.parametrize(
    "options",
    [{"attempts": 0}, {"attempts": -1}, {"attempts": 1.5}, {"attempts": True}]
    + [{"longest": value} for value in (0, -1, float("nan"), float("inf"))]
    + [{"retry": value} for value in (-1, 3601, float("nan"), float("inf"))],
)
def test_patience_that_cannot_be_is_refused(options):
    with pytest.raises(InvalidValue, match=f"^{next(iter(options))}: expected "):
        Patience(**options)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", 60.0),
        ("Tue Nov 14 22:14:20 2023", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 99999 22:00:00 GMT", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("١٢", 0.0),
        ("9" * 5000, 999_999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nothing_else(value, seconds):
    assert read_retry_after(value, NOW) == seconds


def test_date_is_universal_time_wherever_the_client_is(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert read_retry_after("Tue Nov 14 22:14:20 2023", NOW) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.text(st.characters(max_codepoint=0xFF), max_size=40) | st.from_regex(r"[A-Z][a-z]{2},? [-0-9A-Za-z: +]{0,30}")
)
def test_no_value_of_the_header_breaks_the_client(value):
    assert read_retry_after(value, NOW) >= 0.0
