"""What an event source asks for, and how it goes on after each end of a stream, over a transport in memory.

Of the same file: what ends it (test_event_source_failures.py), what is saved (cursor), gaps, bounds, closing, what the
user's callables and observers do (callables), one response (response).
"""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.reconnection import Patience
from longwave.client.session import State
from longwave.errors import RequestFailed
from unit.client.scripted_sources import source_over, take, take_all
from unit.client.scripted_transport import HANG, URL, Recorder, Stream, event
from virtual_time import in_virtual_time

# What is asked.


@in_virtual_time
async def test_request_is_what_the_options_say():
    source, transport = source_over(
        Stream(),
        url="http://hub.test/events?a=1#part",
        method="POST",
        body=b"question",
        headers={"X-Own": "é"},
        token="abc",
        topics=["orders/{id}"],
        last_event_id="7",
        connect_timeout=2.0,
        idle=9.0,
        event_idle=8.0,
    )
    await take_all(source)

    request = transport.requests[0]
    assert (request.method, request.body) == ("POST", b"question")
    assert request.url == source.url == "http://hub.test/events?a=1&topic=orders%2F%7Bid%7D"
    assert (request.connect_timeout, request.read_timeout) == (2.0, 8.0)
    assert dict(request.headers) == {
        b"Accept": b"text/event-stream",
        b"Accept-Encoding": b"identity",
        b"Cache-Control": b"no-cache",
        b"X-Own": "é".encode(),
        b"Authorization": b"Bearer abc",
        b"Last-Event-ID": b"7",
    }


@in_virtual_time
async def test_headers_and_token_are_asked_for_anew_at_each_connection():
    asked = iter(range(10))

    async def token():
        return f"t{next(asked)}"

    source, transport = source_over(
        Stream(event(1)), Stream(event(2)), token=token, headers=lambda: {"X": str(next(asked))}
    )
    await take_all(source)

    assert [(dict(r.headers)[b"X"], dict(r.headers)[b"Authorization"]) for r in transport.requests] == [
        (b"0", b"Bearer t1"),
        (b"2", b"Bearer t3"),
        (b"4", b"Bearer t5"),
    ]


@in_virtual_time
async def test_id_that_no_header_carries_is_resumed_by_the_query():
    source, transport = source_over(Stream(b"id:  7\ndata: a\n\n"))
    await take_all(source)

    assert [request.url for request in transport.requests] == [URL, f"{URL}?lastEventID=+7"]


@in_virtual_time
async def test_user_and_password_of_the_url_go_into_a_header():
    source, transport = source_over(Stream(), url="http://u:p@hub.test/events")
    await take_all(source)

    assert transport.requests[0].url == source.url == URL
    assert dict(transport.requests[0].headers)[b"Authorization"] == b"Basic dTpw"


# Reconnection.


@in_virtual_time
async def test_every_end_of_a_stream_is_followed_by_the_next_until_204():
    recorder = Recorder()
    source, transport = source_over(
        Stream(event(1)),
        ConnectionError("refused"),
        Stream(event(2), ConnectionError("reset")),
        Stream(status=503, headers={"retry-after": "40"}),
        Stream(event(3), TimeoutError()),
        observer=recorder,
    )

    assert await take_all(source) == ["1", "2", "3"]
    assert transport.resumed_after == ["", "1", "1", "2", "2", "3"]
    assert [news[1] for news in recorder.told if news[0] == "retry"] == [
        f"{URL}: the stream ended",
        f"{URL}: refused",
        f"{URL}: reset",
        f"{URL}: the server answered 503",
        f"{URL}: no byte came for 60 s",
    ]
    assert recorder.delays[3] >= 40.0
    assert recorder.told[-1] == ("closed", "the server answered 204, nothing more")
    assert source.state is State.CLOSED
    assert transport.left_open == []


@in_virtual_time
async def test_error_without_a_text_is_told_by_its_name():
    recorder = Recorder()
    await take_all(source_over(ConnectionResetError(), observer=recorder)[0])

    assert recorder.told[0][1] == f"{URL}: ConnectionResetError"


@in_virtual_time
async def test_it_waits_as_long_as_it_told():
    recorder = Recorder()
    source, _ = source_over(Stream(b"retry: 2000\n" + event(1)), observer=recorder)
    before = asyncio.get_running_loop().time()
    await take_all(source)

    assert 1.8 <= recorder.delays[0] <= 2.2
    assert asyncio.get_running_loop().time() - before == pytest.approx(recorder.delays[0], abs=0.05)


@in_virtual_time
async def test_refused_token_is_replaced_at_once_and_its_response_closed():
    tokens = iter(["old", "new"])
    recorder = Recorder()
    source, transport = source_over(
        Stream(status=401, headers={}), Stream(event(1), HANG), token=lambda: next(tokens), observer=recorder
    )

    assert await take(source, 1) == ["1"]
    assert [dict(r.headers)[b"Authorization"] for r in transport.requests] == [b"Bearer old", b"Bearer new"]
    assert transport.streams[0].closings == 1
    assert recorder.names == ["opened", "event"]
    await source.close()


@in_virtual_time
async def test_it_gives_up_with_the_last_reason_and_status():
    source, transport = source_over(
        ConnectionError("refused"), Stream(status=503, headers={}), patience=Patience(attempts=2)
    )

    with pytest.raises(RequestFailed, match=r"answered 503 \(gave up after 2 failed attempts\)$") as caught:
        await anext(source)
    assert caught.value.status == 503
    assert source.state is State.CLOSED
    assert transport.left_open == []
