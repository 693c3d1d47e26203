"""What every test of the client over real sockets stands on: servers, sources of both kinds, quick waits.

At the end of each test all sources are closed, and then no server may have a connection open.
"""

from __future__ import annotations

import asyncio

import pytest

from integration.client.sources import KINDS
from longwave.client import reconnection
from longwave.testing import ScriptedServer


class Servers:
    """Starts scripted servers."""

    def __init__(self):
        self._running = []

    def __call__(self, script=(), **options):
        self._running.append(ScriptedServer(script, **options).__enter__())
        return self._running[-1]

    async def all_gone(self):
        """Wait until no client has a connection to any of them."""
        for server in self._running:
            if server.requests:
                await asyncio.to_thread(server.wait_until_gone)

    def close(self):
        for server in self._running:
            server.close()


@pytest.fixture
async def serve():
    """Start scripted servers; at the end every client has left them."""
    servers = Servers()
    try:
        yield servers
        await servers.all_gone()
    finally:
        servers.close()


@pytest.fixture(params=KINDS)
def kind(request):
    """Tasks or threads."""
    return request.param


@pytest.fixture
async def connect(kind, serve):
    """Make event sources; at the end they are closed, which alone closes all their connections."""
    sources = []

    def start(url, **options):
        sources.append(KINDS[kind](url, **options))
        return sources[-1]

    yield start
    try:
        for source in sources:
            await source.close()
        await serve.all_gone()
    finally:
        for source in sources:
            await source.end()


@pytest.fixture
def quick(monkeypatch):
    """Reconnect at once, whatever the rules of waiting say (test_waits.py tests those)."""
    monkeypatch.setattr(reconnection, "LIMIT", 0.001)
