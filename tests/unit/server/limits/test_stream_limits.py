"""Streams are counted exactly, by the client's address and by the subject of its token, and never for nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.server.limits.stream_limits import LIGHT, NOT_COUNTED, StreamAdmission, StreamLimits

WELCOME, ADDRESS_FULL, SUBJECT_FULL, SELECTORS_FULL = StreamAdmission


def entered(limits, address, subject="", weight=0):
    return limits.enter(limits.key(address, subject, weight))


def empty(limits):
    return not (limits._by_address or limits._by_subject or limits._weights)


def test_streams_of_one_address_have_a_limit():
    limits = StreamLimits(2, 0)

    assert [entered(limits, address) for address in ("a", "a", "a", "b")] == [WELCOME, WELCOME, ADDRESS_FULL, WELCOME]


def test_streams_of_one_subject_have_a_limit_wherever_it_comes_from():
    limits = StreamLimits(0, 1)

    assert [entered(limits, address, "me") for address in "ab"] == [WELCOME, SUBJECT_FULL]
    assert entered(limits, "a", "you") is WELCOME


def test_who_is_not_welcome_is_not_counted():
    limits = StreamLimits(2, 1)
    assert entered(limits, "a", "me") is WELCOME
    assert entered(limits, "a", "me") is SUBJECT_FULL

    assert entered(limits, "a", "you") is WELCOME


def test_ipv6_addresses_count_by_their_64():
    limits = StreamLimits(1, 0)

    assert [entered(limits, f"2001:db8:0:{net}::{host}") for net, host in ((1, 1), (1, 2), (2, 1))] == [
        WELCOME,
        ADDRESS_FULL,
        WELCOME,
    ]


def test_clients_without_address_or_subject_are_not_counted_together():
    limits = StreamLimits(1, 1)

    assert [entered(limits, "", "") for _ in range(5)] == [WELCOME] * 5
    assert empty(limits)


def test_selectors_of_one_address_have_a_limit():
    limits = StreamLimits(0, 0, 100)

    admissions = [entered(limits, *client) for client in (("a", "", 60), ("a", "", 41), ("a", "", 40), ("b", "", 60))]
    assert admissions == [WELCOME, SELECTORS_FULL, WELCOME, WELCOME]


def test_room_for_selectors_comes_back_and_nothing_is_left():
    limits = StreamLimits(1, 1, 100)
    key = limits.key("a", "me", 60)
    for _ in range(3):
        assert limits.enter(key) is WELCOME
        assert limits.enter(limits.key("a", "you", 60)) is not WELCOME
        limits.leave(key)

    assert empty(limits)


def test_light_subscriptions_cost_no_more_than_their_connections_and_are_not_counted():
    limits = StreamLimits(0, 0, 5)

    assert limits.key("a", "", LIGHT) is NOT_COUNTED
    assert entered(limits, "a", "", LIGHT + 1) is SELECTORS_FULL


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
def test_selectors_of_clients_on_this_machine_are_not_counted(address):
    assert StreamLimits(0, 0, 100).key(address, "", 1000) is NOT_COUNTED


def test_without_limits_nothing_is_kept():
    limits = StreamLimits(0, 0)
    key = limits.key("a", "me")

    assert key is NOT_COUNTED
    assert limits.enter(key) is WELCOME
    assert empty(limits)
    limits.leave(key)


@pytest.mark.parametrize("which", [(1, 0), (0, 1), (1, 1)])
def test_place_comes_back_and_nothing_is_left(which):
    limits = StreamLimits(*which)
    key = limits.key("a", "me")
    for _ in range(3):
        assert limits.enter(key) is WELCOME
        limits.leave(key)

    assert empty(limits)


CLIENTS = st.tuples(st.sampled_from(["", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]), st.sampled_from(["", "x", "y"]))  # fmt: skip  # noqa: E501


@given(st.integers(0, 3), st.integers(0, 3), st.lists(st.one_of(CLIENTS, st.integers(0, 20)), max_size=60))
def test_counts_are_those_of_the_streams_that_are_open(per_address, per_subject, steps):
    """A pair is a client that comes; a number is the stream that leaves."""
    limits = StreamLimits(per_address, per_subject)
    streams = []
    for step in steps:
        if isinstance(step, int):
            if streams:
                limits.leave(streams.pop(step % len(streams)))
        else:
            key = limits.key(*step)
            counts = Counter(one.address for one in streams), Counter(one.subject for one in streams)
            fits = [
                not name or counts[place][name] < (per_address, per_subject)[place]
                for place, name in enumerate(key[:2])
            ]
            assert (limits.enter(key) is WELCOME) == all(fits)
            if all(fits):
                streams.append(key)
        assert limits._by_address == Counter(one.address for one in streams if one.address)
        assert limits._by_subject == Counter(one.subject for one in streams if one.subject)
    for key in streams:
        limits.leave(key)
    assert empty(limits)
