"""Streams that receive the same share all work; each still gets its own account."""

from __future__ import annotations

import gc
import weakref
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.load.place import MAX_STEPS, Places, find_id, split_blocks
from longwave.load.sequence import Audience, Faults
from unit.load.examples import CHUNKED_HEAD, CLOSING_HEAD, STAMPER, chunk, event, stamp

EVENTS = [event(stamp(number), f"e-{number}") for number in range(4)]
CHUNKED = CHUNKED_HEAD + chunk(b":\n") + b"".join(map(chunk, EVENTS)) + chunk(b":\n")
CLOSING = CLOSING_HEAD + b":\n" + b"".join(EVENTS) + b":\n"
CRLF = CLOSING_HEAD + b"".join(EVENTS).replace(b"\n", b"\r\n")


class Stream:
    """One stream that takes what it is given."""

    def __init__(self, places=None, audience=None):
        self.places = places or Places(STAMPER, chatter=False)
        self.place = self.places.start(audience or Audience([0], 1))
        self.stamps, self.faults = [], Faults()

    def take(self, received):
        step = self.places.step(self.place, received)
        self.place = step.place
        self.stamps += step.stamps
        self.faults.add(step.faults)
        return step


def split(data, cuts):
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@pytest.mark.parametrize("response", [CHUNKED, CLOSING, CRLF])
@given(cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_events_are_the_same_for_any_split(response, cuts):
    stream = Stream()
    for piece in split(response, cuts):
        stream.take(piece)

    assert stream.stamps == [stamp(number) for number in range(4)]
    assert not stream.faults
    assert stream.place.where.event_id == b"e-3"
    assert stream.place.status == 200


@given(cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_streams_that_received_the_same_are_at_the_same_place(cuts):
    places, audience = Places(STAMPER, chatter=False), Audience([0], 1)
    one, other = Stream(places, audience), Stream(places, audience)
    one.take(CHUNKED)
    for piece in split(CHUNKED, cuts):
        other.take(piece)

    assert one.place is other.place


def test_same_bytes_at_the_same_place_are_read_once():
    places, audience = Places(STAMPER, chatter=False), Audience([0], 1)
    one, other = Stream(places, audience), Stream(places, audience)

    assert one.take(CHUNKED) is other.take(CHUNKED)


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (EVENTS[0] + EVENTS[2], Faults()),  # a gap is known at the end only
        (EVENTS[0] + EVENTS[0], Faults(duplicates=1)),
        (EVENTS[1] + EVENTS[0], Faults(reorderings=1)),
        (event(stamp(0, topic=3)), Faults(misdelivered=1)),
        (EVENTS[0].replace(b"x\n", b"y\n"), Faults(corrupt=1)),
        (b"event: gap\ndata: {}\n\n", Faults(foreign=1)),
        (b": comment\n\nretry: 5\n\n", Faults()),
    ],
)
def test_fault_is_seen_where_it_comes(content, faults):
    stream = Stream()
    stream.take(CLOSING_HEAD)
    stream.take(content)

    assert stream.faults == faults


def test_server_may_speak_of_its_own_where_it_is_known_to():
    stream = Stream(Places(STAMPER, chatter=True))
    stream.take(CLOSING_HEAD + b"data: {}\n\n" + EVENTS[0])

    assert (stream.stamps, stream.faults) == ([stamp(0)], Faults())


def test_bytes_that_are_no_response_are_corrupt():
    stream = Stream()
    stream.take(b"SSH-2.0\r\n\r\n")

    assert stream.faults == Faults(corrupt=1)


def test_stream_continues_over_a_new_connection():
    stream = Stream()
    stream.take(CHUNKED_HEAD + chunk(EVENTS[0]) + chunk(EVENTS[1])[:50])
    stream.place = stream.places.restart(stream.place)
    stream.take(CLOSING_HEAD + EVENTS[1] + EVENTS[2])

    assert stream.stamps == [stamp(0), stamp(1), stamp(2)]
    assert not stream.faults


def test_heartbeats_leave_nothing_behind():
    stream = Stream()
    stream.take(CLOSING_HEAD)
    before = stream.place
    for _ in range(3):
        stream.take(b":\n")

    assert stream.place is before


def test_end_of_the_response_is_known():
    stream = Stream()
    stream.take(CHUNKED_HEAD + b"0\r\n\r\n")

    assert stream.place.complete


def test_what_is_remembered_is_bounded_and_freed():
    stream = Stream()
    stream.take(CLOSING_HEAD)
    forgotten = weakref.ref(stream.place.where.audience)
    for number in range(MAX_STEPS):
        assert not stream.places.full
        stream.take(event(stamp(number)))
    stream.take(event(stamp(MAX_STEPS)))
    assert stream.places.full
    gc.disable()
    try:
        stream.places.forget([stream.place])
        assert not stream.places.full
        assert stream.take(event(stamp(MAX_STEPS + 1))).faults == Faults()
        stream.places.forget([])
        del stream
        assert forgotten() is None, "expected no cycle to hold what was forgotten"
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("content", "blocks", "rest"),
    [
        (b"", [], b""),
        (b":\n:\n", [], b""),
        (b":", [], b":"),
        (b"a\n\nb", [b"a"], b"b"),
        (b"a\r\n\r\nb\r", [b"a"], b"b\r"),
        (b"a\n\n\n", [b"a"], b""),
    ],
)
def test_blocks_are_split(content, blocks, rest):
    assert split_blocks(content) == (blocks, rest)


@pytest.mark.parametrize(
    ("block", "event_id"),
    [
        (b"id: 7\ndata: x", b"7"),
        (b"data: x\nid:7", b"7"),
        (b"data: id: 7", b"before"),
        (b"id\ndata: x", b"before"),
        (b":\nid: 8\ndata: x", b"8"),
    ],
)
def test_id_of_a_block(block, event_id):
    assert find_id(block, b"before") == event_id
