"""Events out of bytes that one has."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.parsing import parse
from longwave.errors import InvalidValue, LineTooLong
from longwave.eventstream.parser import MAX_LINE
from unit.eventstream.wire_examples import READ

STREAM = "id: 1\ndata: é\n\nevent: t\rdata: b\r\r:c\r\nid: 2\r\n\r\ndata: 3\n\ndata: unfinished".encode()
EVENTS = [("é", "message", "1"), ("b", "t", "1"), ("3", "message", "2")]


async def pieces(stream, size):
    for start in range(0, len(stream), size):
        yield stream[start : start + size]


def fields(events):
    return [(event.data, event.type, event.id) for event in events]


@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_stream_may_be_cut_anywhere(cuts):
    chunks = [STREAM[start:end] for start, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]

    assert fields(parse(chunks)) == EVENTS


@pytest.mark.parametrize("example", READ, ids=lambda example: example.name)
def test_every_example_of_the_standard_is_read(example):
    assert fields(parse([example.stream])) == [(event.data, event.type, event.id) for event in example.events]


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_async_iterable_gives_the_same_events(size):
    assert fields([event async for event in parse(pieces(STREAM, size))]) == EVENTS


def test_file_is_an_iterable_of_bytes():
    assert fields(parse(io.BytesIO(STREAM))) == EVENTS


def test_origin_is_what_was_given():
    assert [event.origin for event in parse([STREAM], origin="https://a.test")] == ["https://a.test"] * 3
    assert next(parse([STREAM])).origin == ""


def test_event_is_handed_out_before_more_is_asked_for():
    asked = []

    def chunks():
        for number in range(3):
            asked.append(number)
            yield b"data: %d\n\n" % number

    events = parse(chunks())

    assert (next(events).data, asked) == ("0", [0])


TOO_LONG = b"data: a\n\ndata: " + b"x" * (MAX_LINE + 1)


def test_events_before_a_line_that_is_too_long_come_first():
    events = parse([TOO_LONG])

    assert next(events).data == "a"
    with pytest.raises(LineTooLong):
        next(events)


async def test_events_before_a_line_that_is_too_long_come_first_from_async_too():
    events = parse(pieces(TOO_LONG, len(TOO_LONG)))

    assert (await anext(events)).data == "a"
    with pytest.raises(LineTooLong):
        await anext(events)


@pytest.mark.parametrize("stream", [b"data: x\n\n", "data: x\n\n", bytearray(b"x"), memoryview(b"x")])
def test_bytes_in_no_iterable_are_refused_at_once(stream):
    with pytest.raises(InvalidValue, match=r"^stream: expected an iterable of bytes, got \w+ itself$"):
        parse(stream)
