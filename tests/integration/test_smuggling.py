"""Requests that somebody else could read differently are refused; none is ever served twice."""

from __future__ import annotations

import pytest

POST = b"POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-www-form-urlencoded\r\n"
BODY = b"topic=t&data=xx"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = POST + b"Content-Length: 15\r\n\r\n" + BODY
LENGTH = b"Content-Length: 15\r\n"

AMBIGUOUS = {
    "length and coding": POST + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "coding and length": POST + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + NEXT,
    "two lengths": POST + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
    "the same length twice": POST + LENGTH + LENGTH + b"\r\n" + BODY,
    "list of lengths": POST + b"Content-Length: 15, 15\r\n\r\n" + BODY,
    "signed length": POST + b"Content-Length: +15\r\n\r\n" + BODY,
    "negative length": POST + b"Content-Length: -15\r\n\r\n" + BODY,
    "hexadecimal length": POST + b"Content-Length: 0xf\r\n\r\n" + BODY,
    "length in two words": POST + b"Content-Length: 1 5\r\n\r\n" + BODY,
    "empty length": POST + b"Content-Length:\r\n\r\n" + BODY,
    "length that overflows": POST + b"Content-Length: 18446744073709551631\r\n\r\n" + BODY,
    "folded header": POST + b"X-A: a\r\n b\r\n" + LENGTH + b"\r\n" + BODY,
    "folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space before colon": POST + b"Content-Length : 15\r\n\r\n" + BODY,
    "space before the first header": b"GET /healthz HTTP/1.1\r\n Host: h\r\n\r\n",
    "line ends with LF": b"GET /healthz HTTP/1.1\nHost: h\n\n",
    "header ends with LF": POST + b"X-A: b\n" + LENGTH + b"\r\n" + BODY,
    "head ends with LF": b"GET /healthz HTTP/1.1\r\nHost: h\r\n\n",
    "bare CR in a header": b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: b\rX-B: c\r\n\r\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-A: b\0c\r\n\r\n",
    "header without colon": b"GET /healthz HTTP/1.1\r\nHost\r\n\r\n",
    "header without name": b"GET /healthz HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n",
    "other coding": POST + b"Transfer-Encoding: gzip\r\n\r\n" + BODY,
    "coding before chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "coding after chunked": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + NEXT,
    "chunked twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + NEXT,
    "chunked in 1.0": POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
    "chunk size with LF": CHUNKED + b"f\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size with prefix": CHUNKED + b"0xf\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size with sign": CHUNKED + b"+f\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size with space": CHUNKED + b"f \r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size that overflows": CHUNKED + b"fffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"e\r\n" + BODY + b"\r\n0\r\n\r\n",
    "LF in a chunk extension": CHUNKED + b"f;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n",
    "length in a trailer": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n" + NEXT,
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /healthz HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
    "two Hosts in 1.0": b"GET /healthz HTTP/1.0\r\nHost: h\r\nHost: i\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nHost: h\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: h\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "TLS hello": bytes.fromhex("16030100dc010000d80303") + bytes(range(200)),
    "garbage": bytes(range(255, 0, -1)),
    "lower-case method": b"get /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "tunnel": b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    "target with a control character": b"GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
    "target with other bytes": b"GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n",
    "target with a fragment": b"GET /metrics#x HTTP/1.1\r\nHost: h\r\n\r\n",
    "target of another scheme": b"GET ftp://h/metrics HTTP/1.1\r\nHost: h\r\n\r\n",
    "target with a user": b"GET http://a@h/metrics HTTP/1.1\r\nHost: h\r\n\r\n",
    "target of another host": b"GET http://i/metrics HTTP/1.1\r\nHost: h\r\n\r\n",
    "Host of two": b"GET /healthz HTTP/1.1\r\nHost: h, i\r\n\r\n",
    "Host with a user": b"GET /healthz HTTP/1.1\r\nHost: a@h\r\n\r\n",
    "method of another protocol": b"SOURCE /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "target that is no address": POST.replace(b"/events", b"http://[::1/") + LENGTH + b"\r\n" + BODY,
}


@pytest.mark.parametrize("name", AMBIGUOUS)
@pytest.mark.parametrize("pace", ["whole", "bytewise"])
async def test_ambiguous_request_is_refused_once_and_ends_the_connection(start, name, pace):
    running = await start()
    client = await running.connect()
    data = AMBIGUOUS[name]

    try:
        for part in [data] if pace == "whole" else [data[place : place + 1] for place in range(len(data))]:
            await client.send(part)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused before it was complete
    head = await client.head()
    rest = await client.rest()

    assert 400 <= head.status < 500
    assert head.headers["connection"] == "close"
    assert b"HTTP/1.1" not in rest.replace(b"expected an HTTP/1.1 request", b"").replace(b"or HTTP/1.1, got", b"")
    assert await running.stored() == []
    assert running.site.bodies.held == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(CHUNKED + b"f;name=value\r\n" + BODY + b"\r\n0\r\nTrailer: x\r\n\r\n", id="extension and trailer"),
        pytest.param(
            CHUNKED + b"00007\r\n" + BODY[:7] + b"\r\n8\r\n" + BODY[7:] + b"\r\n0\r\n\r\n", id="leading zeros"
        ),
        pytest.param(b"\r\n\r\n" + NEXT, id="empty lines before"),
        pytest.param(NEXT.replace(b"Content-Length: ", b"cONTENT-lENGTH:\t "), id="any case, any space"),
    ],
)
@pytest.mark.parametrize("pace", ["whole", "bytewise"])
async def test_unusual_but_clear_request_is_served_once(start, data, pace):
    running = await start()
    client = await running.connect()

    for part in [data] if pace == "whole" else [data[place : place + 1] for place in range(len(data))]:
        await client.send(part)

    assert (await client.answer()).status == 200
    assert await running.stored() == ["xx"]
    assert (await client.get("/healthz")).status == 200


async def test_requests_after_a_refused_one_are_not_served(start):
    running = await start()
    client = await running.connect()

    await client.send(NEXT + AMBIGUOUS["two lengths"] + NEXT)
    first, second = await client.answer(), await client.answer()
    await client.ended()

    assert (first.status, second.status) == (200, 400)
    assert await running.stored() == ["xx"]


async def test_request_after_connection_close_is_not_served(start):
    running = await start()
    client = await running.connect()

    await client.send(NEXT.replace(b"Host: h", b"Host: h\r\nConnection: close") + NEXT)

    assert (await client.answer()).status == 200
    await client.ended()
    assert await running.stored() == ["xx"]
