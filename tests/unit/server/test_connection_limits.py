"""How many connections are welcome, in total and by address."""

from __future__ import annotations

import logging
import resource

import pytest

from longwave.server.connection_limits import (
    RESERVED_FILES,
    TURNED_AWAY,
    Admission,
    ConnectionLimits,
    connections_allowed,
    open_files_allowed,
)


def test_connections_above_the_total_are_told_to_go_and_far_above_closed():
    limits = ConnectionLimits(total=2, per_address=0)

    admissions = [limits.enter("a") for _ in range(2 + TURNED_AWAY + 1)]

    assert admissions == [Admission.WELCOME] * 2 + [Admission.FULL] * TURNED_AWAY + [Admission.REFUSED]
    assert limits.open == 2 + TURNED_AWAY, "who is refused is not counted"


def test_place_comes_back():
    limits = ConnectionLimits(total=1, per_address=1)
    for _ in range(3):
        assert limits.enter("a") is Admission.WELCOME
        limits.leave("a")

    assert limits.open == 0
    assert limits._by_address == {}


def test_addresses_are_counted_apart():
    limits = ConnectionLimits(total=10, per_address=1)

    assert [limits.enter(address) for address in "aab"] == [Admission.WELCOME, Admission.FULL, Admission.WELCOME]


def test_ipv6_addresses_count_by_their_64():
    limits = ConnectionLimits(total=10, per_address=1)

    assert limits.enter("2001:db8::1") is Admission.WELCOME
    assert limits.enter("2001:db8::2") is Admission.FULL
    limits.leave("2001:db8::2")
    limits.leave("2001:db8::1")
    assert limits._by_address == {}


def test_connections_without_an_address_are_not_counted_by_it():
    limits = ConnectionLimits(total=10, per_address=1)

    assert [limits.enter("") for _ in range(3)] == [Admission.WELCOME] * 3
    for _ in range(3):
        limits.leave("")


def test_as_many_files_as_allowed_may_be_opened_even_if_a_number_is_configured():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))

    assert connections_allowed(7) == 7
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    assert connections_allowed(0) == max(open_files_allowed() - RESERVED_FILES, 1)


def test_more_connections_than_open_files_are_not_promised(caplog):
    possible = max(open_files_allowed() - RESERVED_FILES, 1)

    with caplog.at_level(logging.WARNING):
        assert connections_allowed(possible + 1) == possible
    assert f"open files allow {possible}" in caplog.text


@pytest.mark.parametrize("configured", [0, 1])
def test_at_least_one_connection_is_welcome(configured, monkeypatch):
    monkeypatch.setattr("longwave.server.connection_limits.open_files_allowed", lambda: 10)

    assert connections_allowed(configured) == 1
