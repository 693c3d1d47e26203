"""A subscriber's states, what is held for it, and when it has stalled."""

from __future__ import annotations

import itertools

import pytest

from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import END_OF_CHUNKS, Format
from longwave.core.subscriber import PROGRESS, TRANSITIONS, State, Subscriber

ALLOWED = {
    ("REPLAYING", "LIVE"),
    ("REPLAYING", "LAGGING"),
    ("REPLAYING", "CLOSING"),
    ("REPLAYING", "CLOSED"),
    ("LIVE", "LAGGING"),
    ("LIVE", "CLOSING"),
    ("LIVE", "CLOSED"),
    ("LAGGING", "LIVE"),
    ("LAGGING", "BEHIND"),
    ("LAGGING", "CLOSING"),
    ("LAGGING", "CLOSED"),
    ("BEHIND", "REPLAYING"),
    ("BEHIND", "CLOSING"),
    ("BEHIND", "CLOSED"),
    ("CLOSING", "CLOSED"),
}


@pytest.fixture
def subscriber():
    return Subscriber(Feed(audience_of(["*"]), Format.BARE), None, None, 7.0)


def take_all(subscriber, size):
    """Take everything that is held, `size` bytes at a time."""
    taken = b""
    while (payload := subscriber.next_held()) is not None:
        piece = bytes(payload[:size])
        taken += piece
        subscriber.took(len(piece), 0.0)
    return taken


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)), ids=lambda state: state.name)
def test_only_the_transitions_of_the_table_are_allowed(subscriber, old, new):
    subscriber.state = old
    if (old.name, new.name) in ALLOWED:
        subscriber.become(new)
        assert subscriber.state is new
    else:
        with pytest.raises(AssertionError, match=f"{old} -> {new}"):
            subscriber.become(new)
        assert subscriber.state is old


def test_the_table_names_every_state():
    assert set(TRANSITIONS) == set(State)


def test_a_new_subscriber_replays_and_holds_nothing(subscriber):
    assert subscriber.state is State.REPLAYING
    assert subscriber.touched == 7.0
    assert not subscriber.holding
    assert subscriber.next_held() is None
    assert subscriber.size_held == 0


def test_a_subscriber_has_no_room_for_more_than_its_slots(subscriber):
    assert not hasattr(subscriber, "__dict__")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_what_is_held_comes_in_order_and_resumes_at_the_byte(subscriber, size):
    for payload in (memoryview(b"rest of one"), b"two", b"three"):
        subscriber.hold(payload, 1.0)

    assert take_all(subscriber, size) == b"rest of onetwothree"
    assert not subscriber.holding


def test_events_resume_in_the_same_way(subscriber):
    subscriber.hold(("a", "b", "c"), 1.0)
    subscriber.took(1, 1.0)

    assert subscriber.next_held() == ("b", "c")
    assert subscriber.size_held == 2


def test_a_partly_taken_payload_is_not_copied(subscriber):
    payload = b"x" * 100
    subscriber.hold(payload, 1.0)
    subscriber.took(40, 1.0)
    subscriber.took(10, 1.0)

    assert subscriber.next_held().obj is payload
    assert len(subscriber.next_held()) == 50


def test_the_size_held_is_that_of_what_was_not_taken(subscriber):
    subscriber.hold(b"x" * 10, 1.0)
    subscriber.hold(b"y" * 5, 1.0)
    subscriber.took(4, 1.0)
    assert subscriber.size_held == 11
    subscriber.took(6, 1.0)
    assert subscriber.size_held == 5
    assert subscriber.next_held() == b"y" * 5


def test_nothing_is_not_held(subscriber):
    """It would stay for ever, as no sink can take a part of it."""
    subscriber.hold(b"", 1.0)

    assert not subscriber.holding


def test_what_is_let_go_is_gone(subscriber):
    subscriber.hold(b"x", 1.0)
    subscriber.let_go()

    assert not subscriber.holding
    assert subscriber.next_held() is None
    assert subscriber.size_held == 0


def test_taking_what_is_not_held_is_refused(subscriber):
    with pytest.raises(AssertionError, match="something must be held"):
        subscriber.took(1, 1.0)


def test_the_first_payload_held_sets_the_deadline_and_later_ones_do_not_move_it(subscriber):
    subscriber.hold(b"x", 30.0)
    subscriber.hold(b"y", 40.0)

    assert subscriber.deadline == 30.0


def test_a_byte_at_a_time_does_not_move_the_deadline(subscriber):
    subscriber.hold(b"x" * (PROGRESS * 2), 30.0)
    for second in range(PROGRESS - 1):
        subscriber.took(1, 31.0 + second)
    assert subscriber.deadline == 30.0

    subscriber.took(1, 99.0)
    assert subscriber.deadline == 99.0


def test_progress_is_counted_anew_after_each_deadline_that_was_moved(subscriber):
    subscriber.hold(b"x" * (PROGRESS * 3), 30.0)
    subscriber.took(PROGRESS, 40.0)
    subscriber.took(PROGRESS - 1, 50.0)

    assert subscriber.deadline == 40.0


def test_progress_before_everything_was_taken_does_not_count_for_what_is_held_next(subscriber):
    subscriber.hold(b"x" * (PROGRESS - 1), 30.0)
    subscriber.took(PROGRESS - 1, 40.0)
    subscriber.hold(b"y" * 10, 60.0)
    subscriber.took(5, 70.0)

    assert subscriber.deadline == 60.0


# Cut short.


def cut(subscriber, farewell=b"bye"):
    subscriber.cut_short(farewell)
    size = subscriber.size_held
    taken = take_all(subscriber, 1)
    assert len(taken) == size
    return taken


def test_one_that_is_cut_short_keeps_the_frame_that_was_begun_and_nothing_after_it(subscriber):
    subscriber.hold(b"data: 1\n\ndata: 2\n\n", 0.0)
    subscriber.hold(b"data: 3\n\n", 0.0)
    subscriber.took(3, 0.0)

    assert cut(subscriber) == b"a: 1\n\nbye"


@pytest.mark.parametrize("taken", [0, 9])
def test_one_that_is_cut_short_between_two_frames_keeps_none(subscriber, taken):
    subscriber.hold(memoryview(b"data: 1\n\ndata: 2\n\n")[taken:], 0.0)

    assert cut(subscriber) == b"bye"


def test_one_that_is_cut_short_may_hold_nothing(subscriber):
    assert cut(subscriber) == b"bye"
    assert cut(subscriber, b"") == b""
    subscriber.hold(b"data: 1\n\n", 0.0)
    assert cut(subscriber, b"") == b""
    assert not subscriber.holding


@pytest.mark.parametrize("taken", range(13))
def test_the_end_of_chunks_comes_once_whatever_was_begun(taken):
    subscriber = Subscriber(Feed(audience_of(["*"]), Format.CHUNKED), None, None, 7.0)
    farewell = b"3\r\n:x\n\r\n" + END_OF_CHUNKS
    subscriber.hold(farewell, 0.0)
    subscriber.took(taken, 0.0)

    assert farewell[:taken] + cut(subscriber, END_OF_CHUNKS) == (farewell if taken else END_OF_CHUNKS)


def test_one_in_this_process_that_is_cut_short_keeps_no_event():
    subscriber = Subscriber(Feed(audience_of(["*"]), Format.EVENT), None, None, 7.0)
    subscriber.hold(("one", "two"), 0.0)
    subscriber.took(1, 0.0)
    subscriber.cut_short(b"")

    assert not subscriber.holding
