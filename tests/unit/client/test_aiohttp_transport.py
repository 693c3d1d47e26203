"""What is aiohttp's own; the rest is the transports' contract (tests/contract)."""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.aiohttp_transport import AiohttpTransport
from longwave.client.request import Request
from longwave.errors import InvalidValue


def asked(url, *headers):
    return Request("GET", url, headers, None, 1.0, 1.0)


def test_it_can_be_made_where_no_loop_runs():
    asyncio.run(AiohttpTransport().close())


async def test_header_that_is_no_utf8_is_refused():
    transport = AiohttpTransport()

    with pytest.raises(InvalidValue, match="expected UTF-8"):
        await transport.open(asked("http://127.0.0.1:1/", (b"X-Old", b"caf\xe9")))

    await transport.close()


async def test_url_with_a_password_beside_a_token_is_refused_without_quoting_either():
    transport = AiohttpTransport()

    with pytest.raises(InvalidValue, match="expected what aiohttp can send") as raised:
        await transport.open(asked("http://me:secret@127.0.0.1:1/", (b"Authorization", b"Bearer secret")))

    assert "secret" not in str(raised.value)
    await transport.close()
