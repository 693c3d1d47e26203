"""Every transport of the client follows redirects by the same rules, and takes no secret elsewhere."""

from __future__ import annotations

import pytest

from contract.client_links import TRANSPORTS, every, request
from contract.linked_transports import answering, linked, opened, redirecting
from longwave.errors import RequestFailed


@every(TRANSPORTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_followed(link, status):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/old"] = redirecting(status, "/new?b=c")
        site.plays["/new"] = answering(body=b"here")

        async with opened(transport, request(f"{site.url}/old", headers=[(b"X-Own", b"mine")])) as stream:
            assert await stream.read() == b"here"
            assert stream.response.url == f"{site.url}/new?b=c"

    assert [came.method for came in site.requests] == ["GET", "GET"]
    assert site.requests[1].headers["x-own"] == b"mine"


@every(TRANSPORTS)
@pytest.mark.parametrize(
    ("status", "method", "body"),
    [(301, "GET", b""), (302, "GET", b""), (303, "GET", b""), (307, "POST", b"ask"), (308, "POST", b"ask")],
)
async def test_redirected_post_keeps_its_body_only_where_the_standard_says_so(link, status, method, body):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/old"] = redirecting(status, "/new")
        site.plays["/new"] = answering()

        async with opened(transport, request(f"{site.url}/old", method="POST", body=b"ask")):
            assert (site.requests[1].method, site.requests[1].body) == (method, body)


@every(TRANSPORTS)
async def test_authorization_goes_to_its_own_origin_only(link):
    secrets = [(b"Authorization", b"Bearer secret"), (b"Cookie", b"session=secret")]
    async with linked(link) as (sites, transport):
        here, there = await sites.add(), await sites.add()
        here.plays["/first"] = redirecting(307, "/second")
        here.plays["/second"] = redirecting(307, f"{there.url}/third")
        there.plays["/third"] = answering()

        async with opened(transport, request(f"{here.url}/first", headers=[*secrets, (b"X-Own", b"mine")])):
            [third] = there.requests

    assert [came.headers["authorization"] for came in here.requests] == [b"Bearer secret"] * 2
    assert not {"authorization", "cookie"} & third.headers.keys()
    assert third.headers["x-own"] == b"mine"


@every(TRANSPORTS)
async def test_redirect_without_location_is_a_response(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = answering(302)

        async with opened(transport, request(site.url)) as stream:
            assert stream.response.status == 302


@every(TRANSPORTS)
async def test_redirect_loop_fails_for_good(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/a"] = redirecting(307, "/b")
        site.plays["/b"] = redirecting(307, "/a")

        with pytest.raises(RequestFailed):
            await transport.open(request(f"{site.url}/a"))

    assert len(site.requests) == 21


@every(TRANSPORTS)
async def test_redirect_to_what_is_no_http_fails_for_good(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = redirecting(302, "ftp://127.0.0.1/file")

        with pytest.raises(RequestFailed):
            await transport.open(request(site.url))


@every(TRANSPORTS)
@pytest.mark.parametrize(
    "location", ["/loop?token=secret", "ftp://me:secret@127.0.0.1/?token=secret", "http://[secret"]
)
async def test_failure_does_not_quote_secrets_of_a_url(link, location):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/loop"] = redirecting(307, location)

        with pytest.raises((RequestFailed, ConnectionError)) as raised:
            await transport.open(request(f"{site.url}/loop?token=secret"))

    assert "secret" not in str(raised.value)
