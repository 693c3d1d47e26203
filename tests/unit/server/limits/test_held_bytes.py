"""What clients make the server hold is bounded, all together and for each, and counted exactly."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from longwave.server.limits.held_bytes import HeldBytes, Vacancy

CLIENTS = st.sampled_from(["", "192.0.2.1", "192.0.2.2"])


def test_bytes_are_taken_up_to_the_limit_and_freed():
    held = HeldBytes(10, 10)

    assert held.take(10, "") is Vacancy.ENOUGH
    assert held.take(1, "") is Vacancy.ALL_TAKEN
    held.free(4, "")
    assert held.take(4, "") is Vacancy.ENOUGH
    assert held.held == 10


def test_one_client_has_no_more_than_its_share_and_others_have_room():
    held = HeldBytes(10, 4)

    assert held.take(4, "192.0.2.1") is Vacancy.ENOUGH
    assert held.take(1, "192.0.2.1") is Vacancy.SHARE_TAKEN
    assert held.take(4, "192.0.2.2") is Vacancy.ENOUGH
    held.free(1, "192.0.2.1")
    assert held.take(1, "192.0.2.1") is Vacancy.ENOUGH


def test_nobody_has_no_share():
    held = HeldBytes(10, 4)

    assert held.take(10, "") is Vacancy.ENOUGH


def test_what_is_held_already_counts_whether_or_not_there_was_room():
    held = HeldBytes(10, 4)
    held.hold(12, "192.0.2.1")

    assert held.take(1, "") is Vacancy.ALL_TAKEN
    held.free(12, "192.0.2.1")
    assert held.held == 0


@given(st.lists(st.tuples(CLIENTS, st.integers(0, 8)), max_size=40), st.randoms(use_true_random=False))
def test_sums_are_those_of_what_is_held_and_nothing_is_left(pieces, random):
    held = HeldBytes(30, 10)
    there = []
    for piece in pieces:
        client, size = piece
        if held.take(size, client) is Vacancy.ENOUGH:
            there.append(piece)
        if there and random.random() < 0.4:
            client, size = there.pop(random.randrange(len(there)))
            held.free(size, client)
        sums = Counter()
        for client, size in there:
            sums[client] += size
        assert held.held == sums.total() <= 30
        assert held._by_client == {client: size for client, size in sums.items() if client and size}
        assert all(size <= 10 for size in held._by_client.values())
    for client, size in there:
        held.free(size, client)
    assert (held.held, held._by_client) == (0, {})
