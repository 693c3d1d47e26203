"""Bytes to requests: the same however they are cut, bounded, and nothing after a refusal."""

from __future__ import annotations

import tracemalloc

import pytest

from longwave.server.config import Limits
from longwave.server.limits.client_address import TrustedProxies
from longwave.server.limits.held_bytes import HeldBytes
from longwave.server.wire.request_head import MAX_HEADERS
from longwave.server.wire.request_reader import MAX_PIPELINED, Part, Received, RequestReader
from longwave.transports.exchange import Response

GET = b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: u\r\n\r\n"
UPGRADE = b"POST /p HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"


def reader(peer="192.0.2.7", proxies=(), held=None, **limits):
    config = Limits(**limits)
    return RequestReader(
        config, held or HeldBytes(config.bodies, config.bodies), peer, TrustedProxies.parse("trusted_proxies", proxies)
    )


def received(one):
    return [(item.request.method, item.request.body, item.keep_alive) for item in one.requests]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_requests_are_the_same_however_the_bytes_are_cut(size):
    one = reader()
    data = GET + POST + CHUNKED + UPGRADE + b"Content-Length: 5\r\n\r\nhello" + GET

    for place in range(0, len(data), size):
        one.feed(data[place : place + size])

    hello = ("POST", b"hello", True)
    assert received(one) == [("GET", b"", True), hello, hello, hello, ("GET", b"", True)]
    assert not one.stopped
    assert one.part is Part.NOTHING


def test_request_has_path_query_headers_version_and_client():
    one = reader()
    one.feed(GET)
    request = one.requests[0].request

    assert (request.path, request.query, request.version, request.client) == ("/a", "b=c", "1.1", "192.0.2.7")
    assert request.headers == ((b"host", b"h"), (b"x-a", b"b"))


def test_trailers_are_no_headers():
    one = reader()
    one.feed(CHUNKED)

    assert one.requests[0].request.header(b"x-t") is None


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
def test_declined_upgrade_keeps_the_body_and_the_wish_to_close(framing):
    one = reader()
    one.feed(UPGRADE.replace(b"Upgrade, HTTP2", b"Upgrade, close, HTTP2") + framing)

    assert received(one) == [("POST", b"hello", False)]


def test_declined_upgrade_without_a_body_is_complete_at_once():
    one = reader()
    one.feed(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n") + GET)

    assert received(one) == [("GET", b"", True)] * 2


def test_bodies_are_counted_until_they_are_closed():
    one = reader()

    one.feed(POST + POST[:-2])
    assert one._held.held == 8
    one.close()

    assert one._held.held == 0
    assert not one.requests


def test_refused_body_is_counted_no_more():
    """It was counted in part only: what made it too large never was."""
    one = reader(body=8)
    one.feed(CHUNKED.replace(b"0\r\nX", b"5\r\nworld\r\n0\r\nX"))

    assert one._held.held == 0
    assert one.requests[0].status == 413


def test_nothing_after_a_refusal_is_read():
    one = reader()
    one.feed(GET + b"nonsense\r\n\r\n" + GET)
    one.feed(GET)

    assert [type(item) for item in one.requests] == [Received, Response]
    assert one.stopped


def test_pipelined_requests_have_a_limit():
    one = reader()
    one.feed(GET * (MAX_PIPELINED + 1))

    assert len(one.requests) == MAX_PIPELINED
    assert one.stopped
    assert one.overrun


@pytest.mark.parametrize(
    "part", [b"GET /" + b"a" * 30, POST.replace(b": 5", b": 50") + b"x" * 25], ids=["head", "body"]
)
def test_what_one_address_sends_in_parts_takes_no_room_from_others(part):
    held = HeldBytes(40, 20)
    first, other = reader("192.0.2.7", held=held), reader("192.0.2.8", held=held)
    first.feed(part)
    other.feed(POST)

    assert [item.status for item in first.requests] == [429]
    assert received(other) == [("POST", b"hello", True)]


@pytest.mark.parametrize(("peer", "proxies"), [("127.0.0.1", ()), ("", ()), ("10.0.0.1", ("10.0.0.1",))])
def test_parts_of_heads_from_this_machine_or_a_proxy_are_nobodys(peer, proxies):
    one = reader(peer, proxies, HeldBytes(40, 20))
    one.feed(b"GET /" + b"a" * 30)

    assert not one.requests
    one.close()
    assert one._held.held == 0


def test_head_in_parts_counts_until_it_is_complete():
    one = reader()
    one.feed(GET[:10])
    one.feed(GET[10:20])
    assert one._held.held == 20
    one.feed(GET[20:] + GET[:5])
    assert one._held.held == len(GET[20:]) + 5, "what came with the end of another is counted with it"
    one.feed(GET[5:])
    assert one._held.held == 0


@pytest.mark.parametrize("end", [RequestReader.stop, RequestReader.close])
def test_head_that_is_given_up_is_counted_no_more(end):
    one = reader()
    one.feed(GET[:10])
    end(one)

    assert one._held.held == 0


def test_heads_in_parts_that_are_too_many_are_refused():
    one = reader(held=HeldBytes(30, 30))
    one.feed(b"GET /" + b"a" * 20)
    assert not one.requests
    one.feed(b"a" * 20)

    assert [item.status for item in one.requests] == [503]
    assert one._held.held == 0


def test_body_that_nobody_wants_is_skipped():
    one = reader()
    one.feed(POST.replace(b"Host", b"Expect: 100-continue\r\nHost")[:-5])
    assert (one.announced().path, one.announced().body) == ("/p", b"")
    one.skip_body()

    assert received(one) == [("POST", b"", False)]
    assert one.stopped


def test_permission_is_expected_once_the_head_is_complete_until_the_body_comes():
    one = reader()
    head, body = POST.replace(b"Host", b"Expect: 100-Continue\r\nHost").split(b"hello")[0], b"hello"

    one.feed(head[:-2])
    assert not one.expects_continue
    one.feed(head[-2:])
    assert one.expects_continue
    one.feed(body[:1])
    assert not one.expects_continue


def test_parts_follow_each_other():
    one = reader()
    parts = []
    for byte in POST:
        one.feed(bytes([byte]))
        if one.part not in parts[-1:]:
            parts.append(one.part)

    assert parts == [Part.HEAD, Part.BODY, Part.NOTHING]


@pytest.mark.parametrize("cut", [b"5;" + b"a" * 500, b"5\r\nhello\r\n0\r\nX: " + b"a" * 500])
def test_bytes_of_a_body_that_are_no_body_have_a_limit(cut):
    one = reader(head=300)
    one.feed(CHUNKED.split(b"5\r\nhello")[0])

    for byte in cut:
        one.feed(bytes([byte]))

    assert one.requests[-1].status == 400
    assert b"chunk extensions or trailers" in one.requests[-1].body


@pytest.mark.parametrize(("headers", "refused"), [(MAX_HEADERS - 1, False), (MAX_HEADERS, True)])
def test_headers_have_a_limit_in_number_as_each_takes_memory_however_short(headers, refused):
    one = reader()

    one.feed(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * headers + b"\r\n")

    assert isinstance(one.requests[0], Response) is refused
    if refused:
        assert one.requests[0].status == 431
        assert one.requests[0].body == b"expected a request head of at most 128 headers, got more\n"


def test_headers_above_their_number_are_not_kept_until_the_head_ends():
    one = reader()

    one.feed(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"a:\r\n" * 3000)

    assert len(one._head._headers) == MAX_HEADERS + 1
    assert one.part is Part.HEAD


def test_body_in_tiny_chunks_takes_no_more_memory_than_its_bytes():
    """Kept as a piece for each chunk, it would take twenty times as much, and none of that would be counted."""
    one = reader()
    one.feed(CHUNKED.split(b"5\r\nhello")[0])

    tracemalloc.start()
    one.feed(b"2\r\nab\r\n" * 50_000)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert one._held.held == 100_000
    assert taken < 2 * 100_000
