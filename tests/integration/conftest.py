"""Servers for the tests of the wire: in this process, on a real socket, on both event loops; or as users start them.

A server that was started in this process must be as empty at the end of its test as it was at the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import sys
from dataclasses import fields
from urllib.parse import urlsplit

import pytest
import uvloop

from integration.raw_client import WAIT, RawClient, closing_all
from longwave.hub import Hub
from longwave.server.config import AccessConfig, Limits, Listen, ServerConfig, SinkKind, Timeouts
from longwave.server.server import Server

OPEN = AccessConfig(allowed_hosts=("h", "hub.test"))  # by which the clients of these tests ask for the hub
TIMEOUTS = {field.name for field in fields(Timeouts)}
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories(config, item):
    """Run the tests that use a server of this file on each event loop; any other on the standard one."""
    if "start" in getattr(item, "fixturenames", ()):
        return LOOPS
    return {"asyncio": LOOPS["asyncio"]}


@pytest.fixture(params=[SinkKind.EPOLL, SinkKind.TRANSPORT], ids=lambda kind: kind.value)
def sink(request):
    """How streams reach their sockets: each test of streams runs with both."""
    return request.param


class Running:
    """A server that serves, and what tests ask of it."""

    def __init__(self, server, hub, stack, clients):
        self.server = server
        self.stop = stack.aclose  # safe to call again
        self.site = server.site
        self.hub = hub
        self.log = hub.log
        self._clients = clients

    @property
    def address(self):
        if self.server.url.startswith("unix:"):
            return self.server.url.removeprefix("unix:")
        url = urlsplit(self.server.url)
        return url.hostname, url.port

    async def connect(self, **options):
        client = await RawClient.connect(self.address, **options)
        self._clients.append(client)
        return client

    async def subscribe(self, target="/events?topic=t", *headers, version="1.1", **options):
        """A client on an open stream."""
        client = await self.connect(**options)
        await client.subscribe(target, *headers, version=version)
        return client

    async def publish(self, *texts, topic="t"):
        for text in texts:
            await self.hub.publish(topic, text)

    async def stored(self):
        """The data of everything on the log."""
        return [entry.update.event.data for entry in (await self.log.read(0, 10_000)).entries]

    @property
    def empty(self):
        held = self.site.bodies.held or self.site.answers.held
        return not (held or self.site.limits.open or self.site.connections or self.hub.subscribers)


async def until(condition):
    """Wait for something that the loop brings about; it has no event that a test could wait for."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - the conditions are counts of objects under test
            await asyncio.sleep(0.001)


@pytest.fixture
async def start(caplog):
    """Start a server with these settings; at the end its clients leave, and nothing of them may be left."""
    async with contextlib.AsyncExitStack() as stack:
        clients = stack.enter_context(closing_all())
        running = []

        async def begin(log="memory:", *, listen=None, access=OPEN, limits=None, **more):
            timeouts = {name: more.pop(name) for name in TIMEOUTS & more.keys()}
            config = ServerConfig(
                listen=listen or Listen(port=0),
                access=access,
                limits=limits or Limits(),
                timeouts=Timeouts(**{"drain": 0.0} | timeouts),
                **more,
            )
            hub = Hub(log, config.delivery())
            life = await stack.enter_async_context(contextlib.AsyncExitStack())
            server = await life.enter_async_context(Server(hub, config))
            running.append(Running(server, hub, life, clients))
            return running[-1]

        yield begin
        for client in clients:
            client.close()
        for one in running:
            await until(lambda one=one: one.empty)
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not failures, [record.getMessage() for record in failures]
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


# Servers in a process of their own.


class Process:
    """A hub in a process of its own."""

    def __init__(self, process, address):
        self.process = process
        self.address = address

    async def ended(self):
        async with asyncio.timeout(10):
            return await self.process.wait()


@pytest.fixture
async def launch():
    """Start `longwave serve`; it is killed at the end if it still runs."""
    launched = []

    async def begin(*options):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-m", "longwave", "serve", "--port", "0", "--log", "memory:", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        launched.append(process)
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        return Process(process, ("127.0.0.1", int(re.search(r":(\d+)/", line)[1])))

    yield begin
    for process in launched:
        if process.returncode is None:
            process.kill()
        await process.communicate()
