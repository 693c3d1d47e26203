"""How many connections are welcome, in total and by address."""

from __future__ import annotations

import logging
import resource

import pytest

from longwave.server.limits.connection_limits import (
    RESERVED_FILES,
    TURNED_AWAY,
    TURNED_AWAY_OF_ADDRESS,
    Admission,
    ConnectionLimits,
    connections_allowed,
    open_files_allowed,
)


def test_connections_above_the_total_are_told_to_go_and_far_above_closed():
    limits = ConnectionLimits(total=2, per_address=0)

    admissions = [limits.enter("") for _ in range(2 + TURNED_AWAY + 1)]

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

    expected = [Admission.WELCOME, Admission.ADDRESS_FULL, Admission.WELCOME]
    assert [limits.enter(address) for address in "aab"] == expected


def test_one_address_above_its_limit_leaves_room_for_others():
    """Who waits for an answer that it is too many takes the room of others as well, so only a few do."""
    limits = ConnectionLimits(total=100, per_address=5)

    admissions = [limits.enter("a") for _ in range(1000)]

    assert admissions[:5] == [Admission.WELCOME] * 5
    assert admissions[5 : 5 + TURNED_AWAY_OF_ADDRESS] == [Admission.ADDRESS_FULL] * TURNED_AWAY_OF_ADDRESS
    assert set(admissions[5 + TURNED_AWAY_OF_ADDRESS :]) == {Admission.REFUSED}
    assert limits.open == 5 + TURNED_AWAY_OF_ADDRESS, "who is refused is not counted"
    assert [limits.enter("b") for _ in range(5)] == [Admission.WELCOME] * 5


def test_by_default_one_address_has_half_of_all_connections():
    limits = ConnectionLimits(total=100, per_address=0)
    key = limits.key("192.0.2.7")

    admissions = [limits.enter(key) for _ in range(200)]

    assert admissions.count(Admission.WELCOME) == 50
    assert limits.enter(limits.key("192.0.2.8")) is Admission.WELCOME


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
def test_by_default_clients_on_this_machine_have_all_connections(address):
    """They are the operator, or all clients of a proxy that was not declared."""
    limits = ConnectionLimits(total=10, per_address=0)

    assert [limits.enter(limits.key(address)) for _ in range(10)] == [Admission.WELCOME] * 10


def test_limit_that_was_asked_for_counts_clients_on_this_machine():
    limits = ConnectionLimits(total=10, per_address=1)

    assert [limits.enter(limits.key("127.0.0.9")) for _ in "ab"] == [Admission.WELCOME, Admission.ADDRESS_FULL]


@pytest.mark.parametrize("per_address", [0, 1])
def test_ipv6_addresses_count_by_their_64(per_address):
    limits = ConnectionLimits(total=2, per_address=per_address)
    first, second = limits.key("2001:db8::1"), limits.key("2001:db8::2")

    assert limits.enter(first) is Admission.WELCOME
    assert limits.enter(second) is Admission.ADDRESS_FULL
    limits.leave(second)
    limits.leave(first)
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
    monkeypatch.setattr("longwave.server.limits.connection_limits.open_files_allowed", lambda: 10)

    assert connections_allowed(configured) == 1
