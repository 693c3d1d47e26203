"""Frames in each format, joined and cut, made once."""

from __future__ import annotations

import pytest

from longwave.core.entry import Entry
from longwave.core.frame import END_OF_CHUNKS, Format, Frames, frame, join, rest, wrap
from longwave.core.update import Update
from longwave.eventstream.event import Event

EVENT = Event("x", "t", "1")
STREAM = b"event: t\nid: 1\ndata: x\n\n"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (Format.BARE, STREAM),
        (Format.CHUNKED, b"18\r\n" + STREAM + b"\r\n"),
        (Format.EVENT, (EVENT,)),
    ],
)
def test_a_frame_is_the_event_in_its_format(form, expected):
    assert frame(EVENT, form) == expected


def test_a_chunk_size_is_counted_in_bytes_and_written_in_hexadecimal():
    assert wrap("é".encode() * 130, Format.CHUNKED) == b"104\r\n" + "é".encode() * 130 + b"\r\n"


def test_the_end_of_chunks_is_an_empty_chunk_without_trailers():
    assert END_OF_CHUNKS == b"0\r\n\r\n"


def test_one_frame_is_joined_to_itself():
    one = b"x"
    assert join([one]) is one


def test_frames_are_joined_in_order():
    assert join([b"a", b"b"]) == b"ab"
    assert join([(1,), (2, 3)]) == (1, 2, 3)


def test_the_rest_begins_after_what_was_taken_and_copies_no_bytes():
    payload = b"abcdef"
    first = rest(payload, 2)
    second = rest(first, 1)

    assert (bytes(first), bytes(second)) == (b"cdef", b"def")
    assert first.obj is second.obj is payload
    assert rest((1, 2, 3), 1) == (2, 3)


def test_the_frames_of_an_entry_are_made_once_for_each_format():
    frames = Frames(Entry(1, Update(("a",), EVENT)))

    assert frames.get(Format.BARE) == STREAM
    assert frames.get(Format.EVENT)[0] is EVENT
    for form in Format:
        assert frames.get(form) is frames.get(form)
