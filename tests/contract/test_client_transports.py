"""Every transport of the client sends the same request and tells the same head, whatever library is below it.

The same contract goes on in test_client_transports_*.py. What one of them cannot do is left out for it, with the reason
beside.
"""

from __future__ import annotations

import pytest

from contract.client_links import STREAMS, TRANSPORTS, every, request
from contract.linked_transports import answering, linked, opened, read_all

# The head.


@every(STREAMS)
async def test_head_tells_status_headers_url_and_version(link):
    headers = [
        (b"Content-Type", b"text/event-stream"),
        (b"X-Twice", b"one"),
        (b"X-Twice", b"two"),
        (b"Last-Event-ID", "caf\N{LATIN SMALL LETTER E WITH ACUTE}\N{HORIZONTAL ELLIPSIS}".encode()),
    ]
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/stream"] = answering(200, headers)

        async with opened(transport, request(f"{site.url}/stream?a=b")) as stream:
            response = stream.response

        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers["x-twice"] == "one, two"
        assert response.headers["last-event-id"] == "caf\u00e9\u2026"
        assert response.url == f"{site.url}/stream?a=b"
        # No HTTP is spoken within a process.
        assert response.http_version == ("" if link.in_process else "HTTP/1.1")


@every(TRANSPORTS)
async def test_header_value_that_is_no_utf8_is_read_as_latin1(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(200, [(b"X-Old", b"caf\xe9")])

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.headers["x-old"] == "caf\u00e9"


@every(TRANSPORTS)
@pytest.mark.parametrize("status", [204, 401, 404, 429, 500, 503])
async def test_any_status_is_a_response(link, status):
    body = b"" if status == 204 else b"why"
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(status, body=body)

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.status == status
            assert b"".join(await read_all(stream)) == body


# The request.


@every(TRANSPORTS)
async def test_request_is_sent_as_it_is(link):
    event_id = "caf\u00e9\u2026\U0001f600".encode()
    headers = [
        (b"Accept", b"text/event-stream"),
        (b"Accept-Encoding", b"identity"),
        (b"X-Own", b"mine"),
        (b"Last-Event-ID", event_id),
    ]
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/a%20b/%C3%A9"] = answering()
        asked = request(f"{site.url}/a%20b/\u00e9?q=%2B1&r=2", method="POST", headers=headers, body=b'{"a": 1}\xff')

        async with opened(transport, asked):
            [came] = site.requests

    assert came.method == "POST"
    assert came.target == "/a%20b/%C3%A9?q=%2B1&r=2"
    assert came.headers["accept"] == b"text/event-stream"
    assert came.headers["accept-encoding"] == b"identity"
    assert came.headers["x-own"] == b"mine"
    assert came.headers["last-event-id"] == event_id
    assert came.headers["content-length"] == b"9"
    assert "content-type" not in came.headers
    assert came.headers["host"].decode() in site.url
    assert came.body == b'{"a": 1}\xff'


@every(TRANSPORTS)
async def test_get_has_no_body(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering()

        async with opened(transport, request(site.url)):
            [came] = site.requests

    assert (came.method, came.body) == ("GET", b"")
    assert not {"content-length", "transfer-encoding"} & came.headers.keys()
