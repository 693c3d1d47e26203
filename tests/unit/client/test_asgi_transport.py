"""What is ASGI's own; the rest is the transports' contract (tests/contract) and the exchange's (beside)."""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.asgi_transport import AsgiTransport
from longwave.client.request import Request
from longwave.errors import RequestFailed

ASKED = Request("GET", "http://a.test/", (), None, 1.0, 1.0)


async def test_unknown_content_coding_fails_and_ends_the_call():
    ended = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-encoding", b"br")]})
        await receive()
        await receive()
        ended.set()

    with pytest.raises(RequestFailed, match="got the content coding 'br'"):
        await AsgiTransport(app).open(ASKED)

    assert ended.is_set()


async def test_grace_is_how_long_an_application_may_take_to_end():
    ends = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    stream = await AsgiTransport(app, grace=0.01).open(ASKED)
    await stream.close()

    assert ends == ["cancelled"]
