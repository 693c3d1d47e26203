"""The source of one response that is there already: its events, its failures, its end."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from longwave.client.event_source import EventSource
from longwave.client.reconnection import Patience
from longwave.errors import InvalidValue, RequestFailed
from unit.client.scripted_sources import take_all
from unit.client.scripted_transport import EVENT_STREAM, Recorder
from virtual_time import in_virtual_time


async def body(*pieces):
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def response_of(*pieces, status=200, content_type="text/event-stream"):
    return httpx2.Response(status, headers={"content-type": content_type}, content=body(*pieces))


@in_virtual_time
async def test_events_of_a_response_end_with_it():
    response = response_of(b"data: a\n\nda", b"ta: b\n\ndata: half")
    recorder = Recorder()
    source = EventSource.from_response(response, observer=recorder)

    assert await take_all(source) == ["a", "b"]
    assert response.is_closed
    assert recorder.names == ["opened", "event", "event", "closed"]


@pytest.mark.parametrize(
    ("response", "message", "status"),
    [
        (lambda: response_of(b"busy", status=503), "the server answered 503: busy", 503),
        (lambda: response_of(b"who?", status=401), "the server answered 401: who?", 401),
        (lambda: response_of(content_type="application/json"), "got application/json", 200),
        (lambda: response_of(httpx2.ReadError("cut")), "cut", None),
        (lambda: response_of(b"data: half", httpx2.RemoteProtocolError("incomplete")), "incomplete", None),
        (lambda: response_of(httpx2.ReadTimeout("")), "no byte came", None),
    ],
    ids=["busy", "unauthorised", "type", "cut", "cut in an event", "silence"],
)
@in_virtual_time
async def test_response_that_fails_is_not_asked_for_again(response, message, status):
    wrapped = response()
    source = EventSource.from_response(wrapped)
    with pytest.raises(RequestFailed, match=message.replace("?", r"\?")) as caught:
        await anext(source)

    assert caught.value.status == status
    assert wrapped.is_closed
    assert await take_all(source) == []


@in_virtual_time
async def test_response_without_content_ends_at_once():
    response = httpx2.Response(204)

    assert await take_all(EventSource.from_response(response)) == []
    assert response.is_closed


@in_virtual_time
async def test_response_that_is_never_read_is_closed_with_its_source():
    response = response_of(b"data: a\n\n")
    async with EventSource.from_response(response):
        pass

    assert response.is_closed


@in_virtual_time
async def test_response_whose_wait_was_cancelled_is_closed():
    async def silent():
        await asyncio.get_running_loop().create_future()
        yield b""

    response = httpx2.Response(200, headers=EVENT_STREAM, content=silent())
    source = EventSource.from_response(response)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)

    assert response.is_closed
    assert await take_all(source) == []


@pytest.mark.parametrize("options", [{"token": "a"}, {"topics": ["a"]}, {"idle": 5}, {"patience": Patience()}], ids=str)
async def test_response_that_is_there_takes_no_option_of_a_request(options):
    with pytest.raises(InvalidValue, match=f"^{next(iter(options))}: expected no option of the request"):
        EventSource.from_response(response_of(), **options)


async def test_response_of_an_unknown_library_is_refused():
    with pytest.raises(InvalidValue, match=r"^response: expected a response of "):
        EventSource.from_response(object())
