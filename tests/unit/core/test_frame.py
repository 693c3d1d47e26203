"""Frames in each format, joined and cut, made once."""

from __future__ import annotations

import pytest

from longwave.core.entry import Entry
from longwave.core.frame import END_OF_CHUNKS, Format, Frames, end_of_begun, frame, join, rest, wrap
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


FIRST, SECOND = Event("x\n\ny", id="1"), Event("é" * 300, "t")
HEADS = {Format.BARE: b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", Format.CHUNKED: b"HTTP/1.1 200 OK\r\n\r\n"}


@pytest.mark.parametrize("form", [Format.BARE, Format.CHUNKED])
def test_a_frame_that_was_begun_ends_where_the_next_one_begins(form):
    """Wherever it was left: a head, comments between, blank lines in the data and the last chunk included."""
    frames = [
        HEADS[form],
        wrap(b":\n", form),
        frame(FIRST, form),
        wrap(b": a comment\n", form),
        frame(SECOND, form),
        wrap(b":\n", form),
        frame(FIRST, form),
        END_OF_CHUNKS if form is Format.CHUNKED else b"retry: 1\n",
    ]
    payload = b"".join(frames)
    begin = 0
    for one in frames:
        end = begin + len(one)
        assert end_of_begun(payload, begin, form) == begin
        assert {end_of_begun(payload, taken, form) for taken in range(begin + 1, end + 1)} == {end}
        begin = end


def test_the_frames_of_an_entry_are_made_once_for_each_format():
    frames = Frames(Entry(1, Update(("a",), EVENT)))

    assert frames.get(Format.BARE) == STREAM
    assert frames.get(Format.EVENT)[0] is EVENT
    for form in Format:
        assert frames.get(form) is frames.get(form)
