"""The wheel loses nothing and is never early; reconnections are spread within their bounds."""

from __future__ import annotations

import random

import pytest

from longwave.core.pacing import Wheel, drain_retry, overload_retry


@pytest.mark.parametrize("tick", [0.01, 0.3, 0.9375, 1.0, 7.0])
@pytest.mark.parametrize("seed", range(5))
def test_every_item_comes_once_not_early_and_not_a_tick_late(tick, seed):
    rng = random.Random(f"{tick} {seed}")
    now = rng.uniform(0, 1e6)
    wheel = Wheel(tick, now)
    due = {}
    for item in range(300):
        due[item] = max(now, now + rng.choice([-1.0, 0.0, rng.uniform(0, 5 * tick), rng.uniform(0, 100 * tick)]))
        wheel.add(item, due[item])
        if rng.random() < 0.5:
            now += rng.choice([0.0, rng.uniform(0, tick), rng.uniform(0, 20 * tick)])
            for found in wheel.expired(now):
                assert due.pop(found) <= now + 1e-6
            assert all(at > now - tick - 1e-6 for at in due.values())

    left = wheel.expired(now + 200 * tick)
    assert sorted(left) == sorted(due)
    assert wheel.expired(now + 1000 * tick) == []


def test_items_come_earliest_tick_first():
    wheel = Wheel(1.0, 0.0)
    for due in (5.0, 2.0, 9.0):
        wheel.add(due, due)

    assert wheel.expired(20.0) == [2.0, 5.0, 9.0]


def test_an_item_due_in_the_past_comes_at_the_next_tick():
    wheel = Wheel(1.0, 10.0)
    wheel.expired(10.5)
    wheel.add("late", 3.0)

    assert wheel.expired(10.9) == []
    assert wheel.expired(11.0) == ["late"]


def test_an_item_added_again_while_it_expires_does_not_come_at_once():
    wheel = Wheel(1.0, 0.0)
    wheel.add("x", 1.0)
    assert wheel.expired(1.0) == ["x"]
    wheel.add("x", 1.0)

    assert wheel.expired(1.0) == []
    assert wheel.expired(2.0) == ["x"]


def test_what_was_due_long_ago_is_not_kept():
    wheel = Wheel(1.0, 0.0)
    for number in range(1000):
        wheel.add(number, number)
    wheel.expired(5000.0)

    assert wheel._buckets == {}


@pytest.mark.parametrize(
    ("clients", "spread"), [(0, 2000), (1, 2000), (4000, 2000), (20_000, 10_000), (60_000, 30_000), (10**9, 30_000)]
)
def test_clients_of_a_drained_hub_return_over_a_time_that_grows_with_their_number(clients, spread):
    assert drain_retry(clients, 0.0) == 1000
    assert drain_retry(clients, 0.5) == 1000 + spread // 2
    assert 1000 + spread - 1 <= drain_retry(clients, 0.999_999_999) <= 1000 + spread


def test_clients_of_a_full_hub_return_after_half_a_minute_to_a_minute():
    assert overload_retry(0.0) == 30_000
    assert overload_retry(0.5) == 45_000
    assert 59_999 <= overload_retry(0.999_999_999) <= 60_000
