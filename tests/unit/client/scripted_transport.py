"""A transport in memory that plays a script: what each request gets. It keeps what was asked and what is still open.

`Transport` is for tasks, `SyncTransport` for threads. Each item of a script is a stream, or an error that `open`
raises; after the last one comes 204. Each step of a stream is bytes, an error that `read` raises, or HANG.
"""

from __future__ import annotations

import asyncio
import socket

from longwave.client.observer import Observer
from longwave.client.response import Response

URL = "http://hub.test/events"
EVENT_STREAM = {"content-type": "text/event-stream"}
HANG = object()  # nothing comes any more


class Stream:
    """A response. ends: whether its end follows the last step, or nothing any more."""

    socket = None

    def __init__(self, *steps, status=200, headers=EVENT_STREAM, url=URL, ends=True):
        self.response = Response(status, headers, url)
        self.steps = [*steps] if ends else [*steps, HANG]
        self.reading = asyncio.Event()  # whether it hangs, or did
        self.is_open = True
        self.closings = 0

    async def read(self):
        step = self.next_step()
        if step is HANG:
            self.reading.set()
            await asyncio.get_running_loop().create_future()
        return step

    def next_step(self):
        assert self.is_open
        step = self.steps.pop(0) if self.steps else b""
        if isinstance(step, BaseException):
            raise step
        return step

    async def close(self):
        self.closings += 1
        await asyncio.sleep(0)  # where it may be cancelled
        self.is_open = False


class Transport:
    """Plays the script; `on_open` is awaited at each request."""

    def __init__(self, *script, on_open=None):
        self.script = list(script)
        self.requests = []
        self.streams = []
        self.is_closed = False
        self._on_open = on_open

    async def open(self, request):
        self.requests.append(request)
        if self._on_open is not None:
            await self._on_open()
        return self.next_stream()

    def next_stream(self):
        assert not self.is_closed
        item = self.script.pop(0) if self.script else type(self).ENDED(status=204, headers={})
        if isinstance(item, BaseException):
            raise item
        self.streams.append(item)
        return item

    async def close(self):
        self.is_closed = True

    @property
    def left_open(self):
        return [stream for stream in self.streams if stream.is_open]

    @property
    def resumed_after(self):
        """The id in each request's header."""
        return [dict(request.headers).get(b"Last-Event-ID", b"").decode() for request in self.requests]

    ENDED = Stream


class SyncStream(Stream):
    """A response for threads: where nothing comes any more, `read` waits in the system for a peer that is silent."""

    def __init__(self, *steps, **options):
        super().__init__(*steps, **options)
        self.socket, self._peer = socket.socketpair()

    def read(self):
        step = self.next_step()
        return self.socket.recv(1) if step is HANG else step

    def close(self):
        self.closings += 1
        self.is_open = False
        self.socket.close()
        self._peer.close()


class SyncTransport(Transport):
    def open(self, request):
        self.requests.append(request)
        if self._on_open is not None:
            self._on_open()
        return self.next_stream()

    def close(self):
        self.is_closed = True

    ENDED = SyncStream


class Recorder(Observer):
    """Keeps what it was told, in order."""

    def __init__(self):
        self.told = []

    def opened(self, response):
        self.told.append(("opened", response.status))

    def event(self, event):
        self.told.append(("event", event.data))

    def comment(self, text):
        self.told.append(("comment", text))

    def retry(self, reason, delay):
        self.told.append(("retry", reason, delay))

    def error(self, error):
        self.told.append(("error", str(error)))

    def closed(self, reason):
        self.told.append(("closed", reason))

    @property
    def names(self):
        return [news[0] for news in self.told]

    @property
    def delays(self):
        return [news[2] for news in self.told if news[0] == "retry"]


class Kept:
    """A cursor in memory. saved: every id, in order. fails: how many of the next saves raise OSError."""

    def __init__(self, event_id="", fails=0):
        self.saved = []
        self.fails = fails
        self._first = event_id

    def load(self):
        return self.saved[-1] if self.saved else self._first

    def save(self, event_id):
        if self.fails:
            self.fails -= 1
            raise OSError("disk full")
        self.saved.append(event_id)


def event(number, data=None):
    """The bytes of one event with an id."""
    return f"id: {number}\ndata: {number if data is None else data}\n\n".encode()
