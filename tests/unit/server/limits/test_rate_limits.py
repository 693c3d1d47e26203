"""A bucket for each key gives what it should, to the token, and no flood of keys makes it give more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import InvalidValue
from longwave.server.limits import rate_limits
from longwave.server.limits.rate_limits import NO_LIMIT, Rate, RateLimit, retry_after


def taken(limit, key, now, times):
    return [limit.take(key, now) for _ in range(times)]


def test_burst_at_once_then_one_each_interval():
    limit = RateLimit(Rate(2, 3))

    assert taken(limit, "a", 10.0, 4) == [0, 0, 0, 0.5]
    assert limit.take("a", 10.25) == 0.25
    assert taken(limit, "a", 10.5, 2) == [0, 0.5]


def test_bucket_fills_up_to_the_burst_only():
    limit = RateLimit(Rate(1, 2))
    limit.take("a", 0.0)

    assert taken(limit, "a", 1000.0, 3) == [0, 0, 1]


def test_waiting_as_long_as_told_is_enough():
    limit = RateLimit(Rate(0.3, 1))
    now = 4_000_000.1
    for _ in range(100):
        assert limit.take("a", now) == 0
        now += limit.take("a", now)


def test_what_was_refused_costs_nothing():
    limit = RateLimit(Rate(1, 1))
    taken(limit, "a", 0.0, 100)

    assert limit.take("a", 1.0) == 0


def test_keys_are_apart():
    limit = RateLimit(Rate(1, 1))

    assert [limit.take(key, 0.0) for key in "aabb"] == [0, 1, 0, 1]


def test_a_batch_costs_as_much_as_its_updates():
    limit = RateLimit(Rate(10, 10))

    assert limit.take("a", 0.0, 8) == 0
    assert limit.take("a", 0.0, 4) == pytest.approx(0.2)
    assert limit.take("a", 0.0, 2) == 0


def test_a_batch_above_the_burst_needs_a_full_bucket_and_is_paid_for_afterwards():
    limit = RateLimit(Rate(10, 10))
    limit.take("a", 0.0)

    assert limit.take("a", 0.0, 30) == pytest.approx(0.1)
    assert limit.take("a", 0.1, 30) == 0
    assert limit.take("a", 0.1) == pytest.approx(2.1)


def test_without_a_rate_and_for_nobody_in_particular_there_is_no_limit():
    none, one = RateLimit(NO_LIMIT), RateLimit(Rate(1, 1))

    assert taken(none, "a", 0.0, 100) == [0] * 100
    assert taken(one, "", 0.0, 100) == [0] * 100
    assert (len(none), len(one)) == (0, 0)


def test_keys_are_bounded_and_those_that_are_refused_take_no_place():
    limit = RateLimit(Rate(1, 1), keys=10)
    for number in range(100):
        limit.take(str(number), number * 10.0)
        limit.take(str(number), number * 10.0)

    assert len(limit) == len(limit._heap) == 10


def test_flood_of_keys_gives_nobody_a_free_pass():
    """Who used up its bucket cannot have it forgotten by sending from many other addresses."""
    limit = RateLimit(Rate(1, 5), keys=10)
    taken(limit, "greedy", 0.0, 5)
    for number in range(1000):
        limit.take(f"flood {number}", 0.0)

    assert limit.take("greedy", 0.0) == 1


def test_flood_of_more_keys_than_are_kept_gets_less_than_it_asks_for():
    """Each takes once only, from a bucket of its own, but there are only so many buckets."""
    limit = RateLimit(Rate(1, 5), keys=10)

    passed = sum(limit.take(f"flood {number}", 0.0) == 0 for number in range(1000))

    assert passed <= 10 * 5 + 5


def test_newcomer_beside_full_table_of_idle_keys_has_all_of_its_burst():
    limit = RateLimit(Rate(1, 5), keys=10)
    for number in range(100):
        limit.take(f"idle {number}", number * 1.0)

    assert taken(limit, "new", 200.0, 6) == [0] * 5 + [1]


def test_who_used_most_is_forgotten_last():
    limit = RateLimit(Rate(1, 50), keys=10)
    for number in range(10):
        taken(limit, f"busy {number}", 0.0, 1)
    for number in range(9):
        taken(limit, f"busy {number}", 0.0, 40)  # their places in the heap are stale now
    limit.take("new", 0.0)

    assert limit._full_at.keys() == {f"busy {number}" for number in range(9)} | {"new"}


def test_one_look_puts_a_bounded_number_of_places_right(monkeypatch):
    replaced = []
    genuine = rate_limits.heapreplace
    monkeypatch.setattr(rate_limits, "heapreplace", lambda *args: replaced.append(1) or genuine(*args))
    monkeypatch.setattr(rate_limits, "TRIES", 5)
    limit = RateLimit(Rate(1, 50), keys=100)
    for number in range(200):
        taken(limit, f"busy {number % 100}", 0.0, 2)

    limit.take("new", 0.0)

    assert 1 < len(replaced) <= 6


class Bucket:
    """What one key's bucket is meant to be: tokens that come and go."""

    def __init__(self, rate):
        self.rate = rate
        self.tokens = float(rate.burst)
        self.then = 0.0

    def take(self, now, cost):
        self.tokens = min(self.rate.burst, self.tokens + (now - self.then) * self.rate.per_second)
        self.then = now
        if self.tokens < min(cost, self.rate.burst):
            return False
        self.tokens -= cost
        return True


RATES = st.builds(Rate, st.sampled_from([0.5, 1, 4]), st.integers(1, 6))  # fractions that floats hold exactly
TAKES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 8), st.integers(1, 9)), max_size=80)


@given(RATES, TAKES)
def test_as_long_as_all_keys_have_room_each_gets_exactly_what_its_bucket_gives(rate, takes):
    limit = RateLimit(rate, keys=8)
    buckets = {key: Bucket(rate) for key in "abcdefgh"}
    now = 0.0
    for key, quarters, cost in takes:
        now += quarters / 4
        assert (limit.take(key, now, cost) == 0) == buckets[key].take(now, cost)


@given(RATES, TAKES, st.integers(1, 7), st.integers(1, 4))
def test_with_room_for_fewer_keys_none_gets_more_than_its_bucket_gives(rate, takes, room, tries):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limits, "TRIES", tries)
        limit = RateLimit(rate, keys=room)
        buckets = {key: Bucket(rate) for key in "abcdefgh"}
        now = 0.0
        for key, quarters, cost in takes:
            now += quarters / 4
            if limit.take(key, now, cost) == 0:
                assert buckets[key].take(now, cost)
            assert len(limit) <= room
            assert sorted(name for _, name in limit._heap) == sorted(limit._full_at)


@given(RATES, TAKES, st.integers(1, 8))
def test_who_waits_as_long_as_told_is_let_through(rate, takes, room):
    limit = RateLimit(rate, keys=room)
    now = 0.0
    for key, _, cost in takes:
        now += limit.take(key, now, cost)
    wait = limit.take("a", now)

    assert wait == 0 or limit.take("a", now + wait) == 0


# Rates.


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", Rate(100, 100)),
        ("100", Rate(100, 100)),
        ("60/m burst 10", Rate(1, 10)),
        ("10/m", Rate(10 / 60, 10)),
        ("7200/h burst 1", Rate(2, 1)),
        (" 1000/s burst 20000 ", Rate(1000, 20_000)),
        ("0", NO_LIMIT),
        ("0/s burst 5", NO_LIMIT),
    ],
)
def test_text_says_a_rate(text, rate):
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "many", "-1/s", "1/d", "1/s burst", "1.5/s", "1/s burst 2 3", "1 / s", "1/s\n2"])
def test_text_that_says_none_is_refused(text):
    with pytest.raises(InvalidValue, match="rate: expected a rate such as 100/s, 60/m burst 10, or 0 for none"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["1000001/s", "1/s burst 0", "1/s burst 1000000001"])
def test_rate_out_of_bounds_is_refused(text):
    with pytest.raises(InvalidValue, match="rate: expected"):
        Rate.parse(text)


@given(st.integers(1, 10**6), st.sampled_from("smh"), st.integers(1, 10**9))
def test_each_rate_can_be_written_and_read_again(amount, unit, burst):
    rate = Rate.parse(f"{amount}/{unit} burst {burst}")

    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize(("wait", "seconds"), [(0.001, 1), (1.0, 1), (1.2, 2)])
def test_retry_after_is_whole_seconds_rounded_up(wait, seconds):
    assert retry_after(wait) == seconds
