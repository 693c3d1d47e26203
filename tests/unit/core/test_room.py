"""Room for what is told: no client takes that of others, and all that was taken is given back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwave.core.room import SHARES, Room

NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2)


def test_one_client_has_a_share_of_the_subscriptions():
    room = Room(subscriptions=1000, size=10**6)

    assert room.take(["a"], 100, 1)
    assert not room.take(["a"], 1, 1)
    assert room.take(["b"], 1, 1)


def test_one_client_has_a_share_of_the_size():
    room = Room(subscriptions=1000, size=1000)

    assert room.take(["a"], 1, 100)
    assert not room.take(["a"], 1, 1)


def test_client_of_two_names_has_room_under_both():
    """Or else somebody with many tokens, or many addresses, would take it all."""
    room = Room(subscriptions=1000, size=10**6)
    assert room.take(["address 1", "subject x"], 100, 1)

    assert not room.take(["address 2", "subject x"], 1, 1)
    assert not room.take(["address 1", "subject y"], 1, 1)
    assert room.take(["address 2", "subject y"], 100, 1)


def test_nobody_in_particular_may_have_all_of_it():
    room = Room(subscriptions=1000, size=1000)

    assert room.take([], 1000, 1000)
    assert not room.take([], 1, 0)


def test_ten_clients_fill_it():
    room = Room(subscriptions=1000, size=1000)

    assert [room.take([str(number)], 100, 100) for number in range(11)] == [True] * SHARES + [False]


@given(st.lists(st.tuples(NAMES, st.integers(1, 4), st.integers(0, 4)), max_size=40))
def test_room_is_all_there_when_everybody_left(clients):
    room = Room(subscriptions=60, size=60)
    taken = [client for client in clients if room.take(*client)]
    assert sum(subscriptions for _, subscriptions, _ in taken) <= 60
    for client in taken:
        room.free(*client)

    assert room._by_client == {}
    assert room.take([], 60, 60)
