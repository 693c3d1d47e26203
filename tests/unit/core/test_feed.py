"""A feed's frames, who is fed, and the floor at which a subscriber joins without a seam."""

from __future__ import annotations

from collections import Counter

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import MAX_CHUNK, Chunk, Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State, Subscriber


@pytest.fixture
def feed():
    return Feed(audience_of(["*"]), Format.BARE)


def member(feed):
    """A replaying member."""
    subscriber = Subscriber(feed, None, None, 0.0)
    feed.set_apart(subscriber)
    return subscriber


def live(feed):
    subscriber = member(feed)
    feed.join(subscriber)
    return subscriber


def lagging(feed, held=b"held", deadline=5.0):
    subscriber = live(feed)
    subscriber.hold(held, deadline)
    feed.fell_short(subscriber)
    return subscriber


def places(feed, subscriber):
    return [name for name in ("live", "lagging", "apart") if subscriber in getattr(feed, name)]


# Frames.


def test_a_new_feed_has_nothing_pending_and_nobody(feed):
    assert not feed.pending
    assert feed.deserted
    assert feed.members() == []


def test_taking_from_an_empty_feed_is_refused(feed):
    with pytest.raises(AssertionError, match="something must be pending"):
        feed.take()


def test_frames_go_out_together_in_their_order(feed):
    for position, frame in enumerate([b"a", b"b", b"c"]):
        feed.push(position, frame)

    assert feed.take() == Chunk(b"abc", (0, 1, 2))
    assert not feed.pending


def test_events_go_out_together_too():
    feed = Feed(audience_of(["*"]), Format.EVENT)
    feed.push(0, ("a",))
    feed.push(1, ("b",))

    assert feed.take().payload == ("a", "b")


def test_a_single_frame_is_sent_as_the_same_object(feed):
    frame = b"x" * 100
    feed.push(0, frame)

    assert feed.take().payload is frame


def test_a_chunk_is_filled_to_its_bound_and_not_beyond(feed):
    for position in range(3):
        feed.push(position, b"x" * (MAX_CHUNK // 2))

    assert len(feed.take().payload) == MAX_CHUNK
    assert feed.take() == Chunk(b"x" * (MAX_CHUNK // 2), (2,))


def test_a_chunk_ends_before_the_frame_that_would_pass_the_bound(feed):
    feed.push(0, b"x")
    feed.push(1, b"y" * MAX_CHUNK)

    assert feed.take() == Chunk(b"x", (0,))
    assert feed.take() == Chunk(b"y" * MAX_CHUNK, (1,))


def test_a_frame_above_the_bound_goes_alone(feed):
    feed.push(0, b"x" * (MAX_CHUNK + 1))
    feed.push(1, b"y")

    assert len(feed.take().payload) == MAX_CHUNK + 1
    assert feed.take() == Chunk(b"y", (1,))


# The floor.


def test_the_floor_is_the_head_when_nothing_is_pending(feed):
    assert feed.floor(10) == 10


def test_the_floor_is_before_the_first_pending_frame_whatever_the_head(feed):
    feed.push(6, b"7")
    feed.push(9, b"10")

    assert feed.floor(12) == 6


def test_a_pass_under_way_does_not_reach_those_who_join_so_the_floor_is_above_it(feed):
    feed.push(6, b"7")
    feed.push(7, b"x" * MAX_CHUNK)
    feed.take()
    assert feed.floor(8) == 7
    feed.take()
    assert feed.floor(8) == 8


def test_the_floor_never_falls(feed):
    floors = [feed.floor(4)]
    feed.push(4, b"5")
    floors.append(feed.floor(5))
    feed.push(7, b"8")
    floors.append(feed.floor(9))
    feed.take()
    floors.append(feed.floor(9))
    feed.push(9, b"10")
    floors.append(feed.floor(10))

    assert floors == sorted(floors) == [4, 4, 4, 9, 9]


# Members.


def test_a_member_is_apart_until_it_joins(feed):
    subscriber = member(feed)

    assert places(feed, subscriber) == ["apart"]
    assert not feed.deserted


def test_who_joins_holding_nothing_is_live(feed):
    subscriber = live(feed)

    assert subscriber.state is State.LIVE
    assert places(feed, subscriber) == ["live"]


def test_who_joins_while_something_is_held_lags(feed):
    subscriber = member(feed)
    subscriber.hold(b"end of the replay", 1.0)
    feed.join(subscriber)

    assert subscriber.state is State.LAGGING
    assert places(feed, subscriber) == ["lagging"]


def test_who_fell_short_lags_until_it_caught_up(feed):
    subscriber = lagging(feed)
    assert subscriber.state is State.LAGGING
    assert places(feed, subscriber) == ["lagging"]

    subscriber.took(4, 0.0)
    feed.caught_up(subscriber)
    assert subscriber.state is State.LIVE
    assert places(feed, subscriber) == ["live"]


def test_who_leaves_is_forgotten_from_every_place(feed):
    for subscriber in (member(feed), live(feed), lagging(feed)):
        feed.leave(subscriber)
        feed.leave(subscriber)
        assert places(feed, subscriber) == []
    assert feed.deserted


def test_members_are_all_of_them_each_once(feed):
    everybody = [live(feed), live(feed), lagging(feed), member(feed)]
    feed.set_apart(everybody[1])
    feed.set_apart(everybody[1])

    assert Counter(feed.members()) == Counter(everybody)


# Lagging.


def test_what_is_sent_meanwhile_is_held_for_those_who_lag_and_shared(feed):
    one, two = lagging(feed), lagging(feed, b"other")
    chunk = Chunk(b"x" * 50, (3,))
    feed.hold_for_lagging(chunk, 100)

    assert [one.size_held, two.size_held] == [54, 55]
    one.took(4, 0.0)
    assert one.next_held() is chunk.payload


def test_holding_more_does_not_move_the_deadline(feed):
    subscriber = lagging(feed, deadline=5.0)
    feed.hold_for_lagging(Chunk(b"x", (3,)), 100)

    assert subscriber.deadline == 5.0


def test_exactly_the_bound_is_still_held(feed):
    subscriber = lagging(feed)
    feed.hold_for_lagging(Chunk(b"x" * 96, (3,)), 100)

    assert subscriber.state is State.LAGGING
    assert subscriber.size_held == 100


def test_past_the_bound_a_subscriber_is_behind_and_goes_on_before_the_chunk_that_it_did_not_get(feed):
    subscriber = lagging(feed)
    feed.hold_for_lagging(Chunk(b"x" * 97, (3,)), 100)

    assert subscriber.state is State.BEHIND
    assert subscriber.position == 3
    assert subscriber.next_held() == b"held", "what was begun is finished"
    assert places(feed, subscriber) == ["apart"]


def test_one_that_is_behind_is_held_nothing_more(feed):
    subscriber = lagging(feed)
    feed.hold_for_lagging(Chunk(b"x" * 97, (3,)), 100)
    feed.hold_for_lagging(Chunk(b"y", (4,)), 100)

    assert subscriber.size_held == 4
    assert subscriber.position == 3


def test_live_ones_are_held_nothing(feed):
    subscriber = live(feed)
    feed.hold_for_lagging(Chunk(b"x", (3,)), 100)

    assert not subscriber.holding


# Turns.


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 12, 30])
def test_every_subscriber_is_first_equally_often(feed, count):
    members = [live(feed) for _ in range(count)]
    firsts = Counter(feed.rotated()[0] for _ in range(count * 20))

    assert set(firsts) == set(members)
    assert max(firsts.values()) - min(firsts.values()) <= 4


def test_a_turn_holds_every_live_subscriber_once_in_its_order(feed):
    members = [live(feed) for _ in range(5)]
    lagging(feed)
    turn = feed.rotated()
    start = members.index(turn[0])

    assert turn == members[start:] + members[:start]


def test_a_turn_of_nobody_is_empty(feed):
    assert feed.rotated() == []
