"""The standard's rules for reading a stream, C1 to C12, over a real connection that cuts it anywhere.

Each stream ends the connection, and the client comes back: what it resumes after is checked too.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import random

import pytest

from integration.client.sources import take, take_all
from longwave.testing import Answer, Cut, Gate, Send
from unit.eventstream.wire_examples import BOM, ENCODED, READ

pytestmark = pytest.mark.usefixtures("quick")


def whole(stream):
    return [Send(stream)]


def by_byte(stream):
    return [Send(stream, piece=1)]


def at_random(seed):
    def split(stream):
        chance = random.Random(seed)
        cuts = sorted(chance.randrange(len(stream) + 1) for _ in range(1 + len(stream) // 6))
        return [Send(stream[start:end]) for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    return split


SPLITS = {"whole": whole, "by byte": by_byte, "cut at random 1": at_random(1), "cut at random 2": at_random(2)}


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("example", READ, ids=lambda example: example.name)
async def test_stream_is_read_as_the_standard_says(serve, connect, example, split):
    server = serve([Answer(steps=split(example.stream))])

    events = await take_all(connect(server.url))

    assert [(event.data, event.type, event.id, event.retry) for event in events] == [
        (event.data, event.type, event.id, event.retry) for event in example.events
    ]
    assert {event.origin for event in events} <= {server.origin}
    resumed = server.requests[1].headers.get("last-event-id", b"")
    assert resumed == example.last_event_id.encode()


@pytest.mark.parametrize("example", ENCODED, ids=lambda example: example.name)
async def test_what_the_encoder_writes_is_read_back(serve, connect, example):
    server = serve([Answer(steps=by_byte(example.stream))])

    events = await take_all(connect(server.url))

    assert [(event.data, event.type) for event in events] == [(event.data, event.type) for event in example.events]


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "nonsense"])
async def test_c1_charset_parameter_changes_nothing(serve, connect, charset):
    server = serve([Answer(headers={"Content-Type": f"text/event-stream; charset={charset}"}, steps=[
        Send("data: €\n\n".encode(), piece=1),
    ])])  # fmt: skip

    assert await take(connect(server.url), 1) == ["€"]


async def test_c2_bom_is_dropped_once_for_each_response(serve, connect):
    answers = [Answer(steps=[Send(BOM + b"data: %d\n\n" % number, piece=1)]) for number in range(3)]

    assert await take(connect(serve(answers).url), 3) == ["0", "1", "2"]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\r", b"\r\n\r\n", b"\r\n\r", b"\n\r"])
async def test_c3_event_comes_with_the_last_byte_of_its_blank_line(serve, connect, end):
    """Nothing waits for what may follow: the server sends no more until the event is there."""
    server = serve([Answer(steps=[Send(b"data: a" + end), Gate(), Send(b"\ndata: b\n\n")])])
    source = connect(server.url)

    assert await take(source, 1) == ["a"]
    server.release()
    assert await take(source, 1) == ["b"]


async def test_c8_retry_and_c9_id_of_a_block_without_data_count(serve, connect):
    server = serve([Answer(steps=[Send(b"id: 7\nretry: 1\n\n")])])
    source = connect(server.url)

    assert await take_all(source) == []
    assert source.wrapped.last_event_id == "7"
    assert server.requests[1].headers["last-event-id"] == b"7"


@pytest.mark.parametrize("broken", [Cut(), Cut(reset=False), None], ids=["reset", "cut off", "ended"])
async def test_c11_half_an_event_is_forgotten_with_its_connection(serve, connect, broken):
    """Its data, its type and its id: nothing of it is glued to what the next connection brings."""
    half = [Send(b"id: 1\ndata: a\n\n"), Gate(), Send(b"id: 2\nevent: t\ndata: half\n"), *([broken] if broken else [])]
    server = serve([Answer(steps=half), Answer(steps=[Send(b"data: b\n\n")])])
    source = connect(server.url)

    first = await source.next()
    server.release()
    second = await source.next()

    assert (first.data, first.id) == ("a", "1")
    assert (second.data, second.type, second.id) == ("b", "message", "1")
    assert server.requests[1].headers["last-event-id"] == b"1"
