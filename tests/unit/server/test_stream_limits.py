"""Streams are counted exactly, by the client's address and by the subject of its token, and never for nothing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.server.stream_limits import NOT_COUNTED, StreamAdmission, StreamLimits

WELCOME, ADDRESS_FULL, SUBJECT_FULL = StreamAdmission


def entered(limits, address, subject=""):
    return limits.enter(limits.key(address, subject))


def empty(limits):
    return not (limits._by_address or limits._by_subject)


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
            counts = Counter(address for address, _ in streams), Counter(subject for _, subject in streams)
            fits = [
                not name or counts[place][name] < (per_address, per_subject)[place] for place, name in enumerate(key)
            ]
            assert (limits.enter(key) is WELCOME) == all(fits)
            if all(fits):
                streams.append(key)
        assert limits._by_address == Counter(address for address, _ in streams if address)
        assert limits._by_subject == Counter(subject for _, subject in streams if subject)
    for key in streams:
        limits.leave(key)
    assert empty(limits)
