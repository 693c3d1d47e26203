"""Every transport of the client fails in the same way where no response comes.

What happens on sockets cannot happen within a process.
"""

from __future__ import annotations

import socket

import pytest

from contract.client_links import OVER_SOCKETS, SHORT, TRANSPORTS, every, request
from contract.linked_transports import linked
from longwave.errors import InvalidValue, RequestFailed


@every(TRANSPORTS)
@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://[::1", "nonsense", "http://"])
async def test_bad_url_is_no_matter_of_trying_again(link, url):
    async with linked(link) as (_, transport):
        with pytest.raises((InvalidValue, RequestFailed)):
            await transport.open(request(url))


@every(OVER_SOCKETS)
async def test_broken_head_does_not_quote_secrets_of_its_url(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = lambda exchange: exchange.raw(b"what?\r\n\r\n")

        with pytest.raises(ConnectionError) as raised:
            await transport.open(request(f"{site.url}/?token=secret"))

    assert "secret" not in str(raised.value)


@every(OVER_SOCKETS)
async def test_refused_connection_may_get_better(link):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with linked(link) as (_, transport):
        with pytest.raises(ConnectionError):
            await transport.open(request(f"http://127.0.0.1:{port}/"))


@every(OVER_SOCKETS)
async def test_connection_that_is_not_made_in_time_times_out(link):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        place = listener.getsockname()
        crowd = [socket.socket() for _ in range(3)]
        for one in crowd:  # nobody accepts them: the queue is full
            one.setblocking(False)
            one.connect_ex(place)
        async with linked(link) as (_, transport):
            with pytest.raises(TimeoutError):
                await transport.open(request(f"http://127.0.0.1:{place[1]}/", connect_timeout=SHORT))
        for one in crowd:
            one.close()


@every(OVER_SOCKETS)
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200", b"what?\r\n\r\n"])
async def test_broken_head_may_get_better(link, answer):
    async def play(exchange):
        await exchange.raw(answer)
        await exchange.cut()

    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = play

        with pytest.raises(ConnectionError):
            await transport.open(request(site.url))


@every(TRANSPORTS)
async def test_head_that_never_comes_times_out(link):
    async with linked(link) as (sites, transport):
        site = await sites.add()
        site.plays["/"] = lambda exchange: exchange.gone()

        with pytest.raises(TimeoutError):
            await transport.open(request(site.url, read_timeout=SHORT))
