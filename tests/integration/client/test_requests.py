"""What the client sends, and responses that were asked for elsewhere."""

from __future__ import annotations

import asyncio
from itertools import count

import httpx2
import pytest

from integration.client.sources import END, NO_KEEPING, Recorder, TaskSource, ThreadSource, take, take_all
from longwave.client import EventSource, SyncEventSource
from longwave.errors import InvalidValue, RequestFailed
from longwave.testing import Answer, Cut, Gate, Send, Stall

pytestmark = pytest.mark.usefixtures("quick")

EVENT = Answer(steps=[Send(b"id: 1\ndata: a\n\n")])


async def test_request_asks_for_an_event_stream_that_nothing_stores_or_compresses(serve, connect):
    server = serve([EVENT])
    await connect(server.url).next()

    request = server.requests[0]
    assert (request.method, request.target, request.body) == ("GET", "/events", b"")
    wanted = {"accept": b"text/event-stream", "accept-encoding": b"identity", "cache-control": b"no-cache"}
    assert {name: request.headers[name] for name in wanted} == wanted
    assert "content-length" not in request.headers


async def test_method_and_body_are_sent_with_every_request(serve, connect):
    server = serve([EVENT, EVENT])
    headers = {"Content-Type": "application/json"}
    await take_all(connect(server.url, method="POST", body=b'{"q": 1}', headers=headers))

    sent = [(request.method, request.body, request.headers["content-type"]) for request in server.requests]
    assert sent == [("POST", b'{"q": 1}', b"application/json")] * 3


async def test_headers_are_asked_anew_at_each_connection(serve, connect):
    numbers = count(1)
    server = serve([EVENT, EVENT])
    await take_all(connect(server.url, headers=lambda: {"X-Attempt": str(next(numbers))}))

    assert [request.headers["x-attempt"] for request in server.requests] == [b"1", b"2", b"3"]


async def test_async_callables_are_awaited(serve):
    async def headers():
        await asyncio.sleep(0)
        return {"X-A": "b"}

    async def token():
        await asyncio.sleep(0)
        return "t"

    server = serve([EVENT])
    async with EventSource(server.url, headers=headers, token=token) as source:
        await anext(source)
    assert (server.requests[0].headers["x-a"], server.requests[0].headers["authorization"]) == (b"b", b"Bearer t")


async def test_async_callables_are_refused_by_the_source_for_threads(serve):
    async def token():
        return "t"

    source = ThreadSource(serve().url, token=token)
    with pytest.raises(InvalidValue, match="not async"):
        await source.next()
    await source.end()


async def test_callable_that_raises_reaches_the_consumer_who_may_go_on(serve, connect):
    answers = iter([OSError("no token server"), LookupError("no key"), "t"])
    recorder = Recorder()

    def token():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    server = serve([EVENT])
    source = connect(server.url, token=token, observer=recorder)
    with pytest.raises(LookupError, match="no key"):
        await source.next()
    assert await take(source, 1) == ["a"]
    assert recorder.reasons("retry") == [f"{server.url}: no token server"]  # as an OSError is one of the network
    assert server.requests[0].headers["authorization"] == b"Bearer t"


async def test_token_may_be_none(serve, connect):
    server = serve([EVENT])
    await connect(server.url, token=lambda: None).next()

    assert "authorization" not in server.requests[0].headers


async def test_own_headers_replace_the_usual_but_never_the_id(serve, connect):
    server = serve([EVENT])
    own = {"accept": "text/event-stream, */*", "Last-Event-ID": "forged", "X-Name": "Zoë"}
    await take_all(connect(server.url, headers=own, last_event_id="0"))

    first, second = server.requests
    assert first.headers["accept"] == b"text/event-stream, */*"
    assert first.headers["x-name"] == "Zoë".encode()
    assert (first.headers["last-event-id"], second.headers["last-event-id"]) == (b"0", b"1")


async def test_own_id_header_is_never_sent_where_there_is_no_id(serve, connect):
    server = serve([EVENT])
    await connect(server.url, headers={"last-event-id": "forged"}).next()

    assert "last-event-id" not in server.requests[0].headers


@pytest.mark.parametrize("options", [{"headers": {"X-A": "b\r\nX-C: d"}}, {"token": "t\n"}], ids=["header", "token"])
async def test_value_that_would_be_another_header_is_refused(serve, connect, options):
    server = serve([EVENT])

    with pytest.raises(InvalidValue, match=r"NUL, CR (or|and) LF"):
        await connect(server.url, **options).next()
    assert server.requests == ()


async def test_topics_go_into_the_query(serve, connect):
    server = serve([EVENT])
    await connect(f"{server.url}?a=1", topics=["orders/{id}", "a&b"]).next()

    assert server.requests[0].query == [("a", "1"), ("topic", "orders/{id}"), ("topic", "a&b")]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "no-url", "http://", "http://[::1"])
async def test_url_that_is_none_is_refused_at_once(kind, url):
    with pytest.raises(InvalidValue, match="expected"):
        (EventSource if kind == "tasks" else SyncEventSource)(url)


# A response that was asked for elsewhere.


@pytest.fixture
async def wrap(kind):
    """Make a source over a response of httpx2 that was opened for streaming."""
    async with httpx2.AsyncClient(verify=False, limits=NO_KEEPING) as client:
        with httpx2.Client(verify=False, limits=NO_KEEPING) as blocking:
            made = []
            kept = []  # so that only `close` closes them, and never the garbage collector

            async def open_response(url, **options):
                if kind == "tasks":
                    response = await client.send(client.build_request("GET", url), stream=True)
                    made.append(TaskSource.over(EventSource.from_response(response, **options)))
                else:
                    request = blocking.build_request("GET", url)
                    response = await asyncio.to_thread(blocking.send, request, stream=True)
                    made.append(ThreadSource.over(SyncEventSource.from_response(response, **options)))
                kept.append(response)
                return made[-1]

            yield open_response
            for source in made:
                await source.end()


async def test_response_gives_its_events_and_ends(serve, wrap):
    server = serve([Answer(steps=[Send(b"id: 1\ndata: a\n\ndata: b\n\ndata: half", piece=3)])], last=EVENT)
    recorder = Recorder()
    source = await wrap(server.url, observer=recorder)

    events = await take_all(source)
    assert [(event.data, event.id, event.origin) for event in events] == [
        ("a", "1", server.origin),
        ("b", "1", server.origin),
    ]
    assert recorder.told[-1] == ("closed", "the response ended")
    assert len(server.requests) == 1


async def test_response_that_breaks_is_an_error(serve, wrap):
    server = serve([Answer(steps=[Send(b"data: a\n\n"), Gate(), Cut()])], last=EVENT)
    source = await wrap(server.url)
    assert await take(source, 1) == ["a"]
    server.release()

    with pytest.raises(RequestFailed):
        await source.next()
    assert await source.next() is END
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Answer(503, steps=[Send(b"busy")]), 503, "answered 503: busy"),
        (Answer(401), 401, "answered 401"),
        (Answer(headers={"Content-Type": "text/html"}), 200, "expected text/event-stream"),
    ],
)
async def test_response_that_is_no_stream_is_an_error(serve, wrap, answer, status, reason):
    source = await wrap(serve([answer], last=EVENT).url)

    with pytest.raises(RequestFailed, match=reason) as caught:
        await source.next()
    assert caught.value.status == status


async def test_response_is_closed_with_its_source(serve, wrap):
    server = serve([Answer(steps=[Send(b"data: a\n\n"), Stall()])])
    source = await wrap(server.url)
    await source.next()
    await source.close()

    await asyncio.to_thread(server.wait_until_gone)
    assert await source.next() is END
