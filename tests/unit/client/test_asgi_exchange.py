from __future__ import annotations

import asyncio
import logging

import pytest

from longwave.client.asgi_exchange import BUFFER, AsgiExchange, scope_of
from longwave.client.request import Request

GRACE = 0.02  # seconds
START = {"type": "http.response.start", "status": 200, "headers": [(b"X-A", b"1"), (b"x-a", b"2")]}


def asked(url="http://a.test/", method="GET", headers=(), body=None, read_timeout=5.0):
    return Request(method, url, tuple(headers), body, 1.0, read_timeout)


def part(body, more=True):
    return {"type": "http.response.body", "body": body, "more_body": more}


# What the application is told.


def test_scope_holds_the_request():
    scope = scope_of(
        asked("https://a.test/a%20b/\u00e9?q=%2B\u00e9", "POST", [(b"X-Own", "\u2026".encode())], body=b"four")
    )

    assert scope["type"] == "http"
    assert (scope["method"], scope["scheme"], scope["http_version"]) == ("POST", "https", "1.1")
    assert (scope["path"], scope["raw_path"]) == ("/a b/\u00e9", b"/a%20b/%C3%A9")
    assert scope["query_string"] == b"q=%2B%C3%A9"
    assert scope["server"] == ("a.test", 443)
    assert scope["headers"] == [(b"host", b"a.test"), (b"content-length", b"4"), (b"x-own", "\u2026".encode())]


@pytest.mark.parametrize(
    ("url", "server", "host"),
    [
        ("http://a.test", ("a.test", 80), b"a.test"),
        ("http://user:pass@a.test:81/", ("a.test", 81), b"a.test:81"),
        ("http://[::1]:81/", ("::1", 81), b"[::1]:81"),
    ],
)
def test_scope_names_the_server(url, server, host):
    scope = scope_of(asked(url))

    assert scope["server"] == server
    assert scope["headers"] == [(b"host", host)]
    assert scope["path"] == "/"


def test_own_host_header_is_the_one_that_counts():
    assert scope_of(asked(headers=[(b"Host", b"b.test")]))["headers"] == [(b"host", b"b.test")]


async def test_application_receives_the_body_and_then_waits_for_the_end():
    messages = []

    async def app(scope, receive, send):
        messages.append(await receive())
        await send(START)
        await send(part(b"all", more=False))
        messages.append(await receive())

    exchange = AsgiExchange(app, asked(body=b"ask"))
    await exchange.head()
    assert [await exchange.take(100), await exchange.take(100)] == [b"all", b""]
    await exchange.leave(5.0)

    assert messages == [{"type": "http.request", "body": b"ask", "more_body": False}, {"type": "http.disconnect"}]


# What it sends.


async def test_head_is_there_before_any_part_of_the_body():
    async def app(scope, receive, send):
        await send(START)
        await receive()
        await receive()

    exchange = AsgiExchange(app, asked())

    response = await exchange.head()

    assert (response.status, response.headers, response.url) == (200, {"x-a": "1, 2"}, "http://a.test/")
    await exchange.leave(5.0)


async def test_application_waits_while_the_client_reads_nothing():
    sent = []

    async def app(scope, receive, send):
        await send(START)
        for _ in range(100):
            await send(part(b"x" * 10_000))
            sent.append(10_000)
        await send(part(b"", more=False))

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    for _ in range(50):
        await asyncio.sleep(0)
    assert sum(sent) <= BUFFER

    chunks = []
    while chunk := await exchange.take(4096):
        chunks.append(chunk)

    assert sum(map(len, chunks)) == 1_000_000
    assert max(map(len, chunks)) <= 4096
    await exchange.leave(5.0)


async def test_silent_application_times_out_and_can_still_be_read_after():
    gate = asyncio.Event()

    async def app(scope, receive, send):
        await send(START)
        await gate.wait()
        await send(part(b"late", more=False))

    exchange = AsgiExchange(app, asked(read_timeout=0.01))
    await exchange.head()
    with pytest.raises(TimeoutError, match="no byte came in time"):
        await exchange.take(100)
    gate.set()
    assert await exchange.take(100) == b"late"
    await exchange.leave(5.0)


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"before the head")],
        [START, START],
        [START, part(b"", more=False), part(b"after the end")],
        [START, {"type": "websocket.send"}],
    ],
)
async def test_message_out_of_place_is_the_application_s_error(messages):
    errors = []

    async def app(scope, receive, send):
        *good, bad = messages
        for message in good:
            await send(message)
        try:
            await send(bad)
        except RuntimeError as error:
            errors.append(str(error))

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    await exchange.leave(5.0)

    assert len(errors) == 1
    assert "expected another message than" in errors[0]


# What it raises.


async def test_application_that_fails_before_its_head_is_a_500(caplog):
    async def app(scope, receive, send):
        raise ValueError("broken on purpose")

    exchange = AsgiExchange(app, asked())

    assert (await exchange.head()).status == 500
    assert await exchange.take(100) == b""
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info[0] is ValueError


async def test_application_that_returns_without_a_head_is_a_500():
    async def app(scope, receive, send):
        pass

    assert (await AsgiExchange(app, asked()).head()).status == 500


async def test_application_that_fails_in_its_body_breaks_the_connection(caplog):
    async def app(scope, receive, send):
        await send(START)
        await send(part(b"first"))
        raise ValueError("broken on purpose")

    exchange = AsgiExchange(app, asked())
    await exchange.head()

    assert await exchange.take(100) == b"first"
    with pytest.raises(ConnectionError):
        await exchange.take(100)
    assert "broken on purpose" in caplog.text


# How the client leaves.


async def test_application_in_send_fails_once_its_client_has_left():
    seen = []

    async def app(scope, receive, send):
        await send(START)
        await send(part(b"x" * (BUFFER + 1)))
        try:
            await send(part(b"more"))
        except OSError as error:
            seen.append(str(error))

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    await exchange.leave(5.0)
    await exchange.leave(5.0)

    assert seen == ["the client has left"]


async def test_what_is_raised_because_the_client_left_is_no_error(caplog):
    async def app(scope, receive, send):
        await send(START)
        await receive()
        await receive()
        await send(part(b"more"))

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    await exchange.leave(5.0)

    assert caplog.records == []


async def test_application_that_does_not_listen_is_cancelled_after_the_grace():
    ends = []

    async def app(scope, receive, send):
        await send(START)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    await exchange.leave(GRACE)

    assert ends == ["cancelled"]


async def test_application_that_resists_cancellation_is_left_behind_and_named(caplog):
    over = asyncio.Event()

    async def app(scope, receive, send):
        await send(START)
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    await exchange.leave(GRACE)
    over.set()
    await exchange.leave(5.0)

    assert "goes on although it was cancelled" in caplog.text


async def test_cancelled_leaving_cancels_the_application():
    ended = asyncio.Event()

    async def app(scope, receive, send):
        await send(START)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    exchange = AsgiExchange(app, asked())
    await exchange.head()
    leaving = asyncio.create_task(exchange.leave(60.0))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    await asyncio.wait_for(ended.wait(), 5)
