"""The event source for tasks and the one for threads behind one interface, so that each test runs with both.

Not here: what they must do (the tests), the servers (longwave.testing).
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2

from longwave.client import EventSource, Observer, SyncEventSource
from longwave.client.httpx_transport import HttpxTransport
from longwave.client.sync.httpx_transport import SyncHttpxTransport

WAIT = 20.0  # seconds, for what must come
NO_KEEPING = httpx2.Limits(max_keepalive_connections=0)
END = None  # what `next` returns once there is nothing more


class KeepingTransport(HttpxTransport):
    """Keeps what it opened, so that only `close` closes it, and never the garbage collector."""

    def __init__(self, client):
        super().__init__(client)
        self.opened = []

    async def open(self, request):
        self.opened.append(await super().open(request))
        return self.opened[-1]


class SyncKeepingTransport(SyncHttpxTransport):
    """The same for threads."""

    def __init__(self, client):
        super().__init__(client)
        self.opened = []

    def open(self, request):
        self.opened.append(super().open(request))
        return self.opened[-1]


class TaskSource:
    """An EventSource; `wrapped` is it."""

    def __init__(self, *arguments, **options):
        self._client = httpx2.AsyncClient(
            verify=False, limits=NO_KEEPING
        )  # a TLS context takes 15 ms, and none is used
        options.setdefault("transport", KeepingTransport(self._client))
        self.wrapped = EventSource(*arguments, **options)

    @classmethod
    def over(cls, source):
        """One around a source that exists already."""
        made = cls("http://localhost")
        made.wrapped = source
        return made

    async def next(self):
        async with asyncio.timeout(WAIT):
            return await anext(self.wrapped, END)

    async def close(self):
        async with asyncio.timeout(WAIT):
            await self.wrapped.close()

    async def end(self):
        await self.close()
        await self._client.aclose()


class ThreadSource:
    """A SyncEventSource, iterated in a thread of its own and closed from others."""

    def __init__(self, *arguments, **options):
        self._client = httpx2.Client(verify=False, limits=NO_KEEPING)
        self._thread = ThreadPoolExecutor(1)
        options.setdefault("transport", SyncKeepingTransport(self._client))
        self.wrapped = SyncEventSource(*arguments, **options)

    @classmethod
    def over(cls, source):
        """One around a source that exists already."""
        made = cls("http://localhost")
        made.wrapped = source
        return made

    async def next(self):
        async with asyncio.timeout(WAIT):
            return await asyncio.get_running_loop().run_in_executor(self._thread, next, self.wrapped, END)

    async def close(self):
        async with asyncio.timeout(WAIT):
            await asyncio.to_thread(self.wrapped.close)

    async def end(self):
        await self.close()
        await asyncio.to_thread(self._thread.shutdown)
        self._client.close()


KINDS = {"tasks": TaskSource, "threads": ThreadSource}


async def take(source, count):
    """The data of the next events."""
    return [(await source.next()).data for _ in range(count)]


async def take_all(source):
    """All events to the end of the iteration."""
    events = []
    while (event := await source.next()) is not END:
        events.append(event)
    return events


class Recorder(Observer):
    """Keeps what it was told, as (name, argument) in order; another thread may wait for more."""

    def __init__(self):
        self.told = []
        self.delays = []
        self._changed = threading.Condition()

    def opened(self, response):
        self._keep("opened", response.status)

    def event(self, event):
        self._keep("event", event.data)

    def comment(self, text):
        self._keep("comment", text)

    def retry(self, reason, delay):
        self.delays.append(delay)
        self._keep("retry", reason)

    def error(self, error):
        self._keep("error", str(error))

    def closed(self, reason):
        self._keep("closed", reason)

    def _keep(self, name, argument):
        with self._changed:
            self.told.append((name, argument))
            self._changed.notify_all()

    def reasons(self, name):
        return [argument for kind, argument in self.told if kind == name]

    async def until(self, name, count=1):
        """Wait until it was told `name` so many times."""
        await asyncio.to_thread(self._until, name, count)

    def _until(self, name, count):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.reasons(name)) >= count, WAIT):
                raise TimeoutError(f"expected {count} of {name}, got {self.told}")
