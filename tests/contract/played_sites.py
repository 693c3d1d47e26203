"""Sites whose every exchange is played by the test: over real sockets, or by an ASGI application in this process.

Not here: what is asked of a client (the tests). A play is a coroutine function that is given an exchange; it runs in
the test's own loop, so that it can wait for the test's events. At the end of a test no client may be left.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass

WAIT = 5.0  # seconds; what takes longer hangs


@dataclass(frozen=True)
class Received:
    """One request as it came; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, bytes]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class Site:
    """One origin: its plays by path, and what was asked of it."""

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.plays = {}
        self.requests: list[Received] = []
        self.failures: list[Exception] = []
        self.open = 0
        self._changed = asyncio.Condition()

    async def play(self, exchange) -> None:
        """Play what is meant for the exchange's path; a failure of it is the test's."""
        self.requests.append(exchange.request)
        try:
            async with asyncio.timeout(WAIT):
                await self.plays[exchange.request.path](exchange)
        except OSError as error:  # the client left, or TimeoutError
            if isinstance(error, TimeoutError):
                self.failures.append(error)
        except Exception as error:
            self.failures.append(error)

    async def count(self, change: int) -> None:
        async with self._changed:
            self.open += change
            self._changed.notify_all()

    async def until_alone(self) -> None:
        """Return once no client is connected."""
        async with asyncio.timeout(WAIT), self._changed:
            await self._changed.wait_for(lambda: self.open == 0)


# Over sockets.


class SocketSites:
    """Any number of servers on ports of their own."""

    framings = ("chunked", "length", "close")
    cuts = ("chunked", "length", "reset")

    def __init__(self) -> None:
        self._sites = []

    async def add(self) -> Site:
        site = Site()
        server = await asyncio.start_server(lambda reader, writer: self._serve(site, reader, writer), "127.0.0.1", 0)
        site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._sites.append((site, server))
        return site

    async def close(self) -> None:
        for site, server in self._sites:
            await site.until_alone()
            server.close()
            await server.wait_closed()
            assert site.failures == []

    async def _serve(self, site, reader, writer) -> None:
        await site.count(+1)
        try:
            while (request := await read_request(reader)) is not None:
                exchange = SocketExchange(request, reader, writer)
                await site.play(exchange)
                if exchange.is_last:
                    break
            await writer.drain()
            if writer.can_write_eof() and not writer.is_closing():
                writer.write_eof()
                await drain(reader)
        except OSError:
            pass
        finally:
            writer.close()
            await site.count(-1)


async def read_request(reader) -> Received | None:
    """Return the next request; None once the client is gone."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head[:-4].split(b"\r\n")
    method, target, _ = first.decode().split(" ")
    fields = (line.partition(b":") for line in lines)
    headers = {name.decode().lower(): value.strip() for name, _, value in fields}
    return Received(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def drain(reader) -> None:
    while await reader.read(65_536):
        pass


class SocketExchange:
    """One request and its response on a socket."""

    def __init__(self, request: Received, reader, writer) -> None:
        self.request = request
        self.is_last = False
        self._reader = reader
        self._writer = writer
        self._framing = ""

    async def head(self, status=200, headers=(), framing="chunked", length=0) -> None:
        """Send the head. framing: `length` promises `length` bytes."""
        self._framing = "chunked" if framing == "reset" else framing
        self.is_last = self._framing == "close"
        field = {
            "chunked": b"Transfer-Encoding: chunked",
            "length": b"Content-Length: %d" % length,
            "close": b"Connection: close",
        }[self._framing]
        lines = [b"HTTP/1.1 %d Some" % status, *(name + b": " + value for name, value in headers), field]
        await self.raw(b"\r\n".join(lines) + b"\r\n\r\n")

    async def send(self, piece: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(piece), piece) if self._framing == "chunked" else piece)

    async def end(self) -> None:
        if self._framing == "chunked":
            await self.raw(b"0\r\n\r\n")

    async def cut(self, framing="") -> None:
        """Break the connection in the middle of the body."""
        self.is_last = True
        if framing == "reset":
            await self.raw(b"ff\r\nhalf a chunk")
            self._writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self._writer.transport.abort()

    async def gone(self) -> None:
        """Return once the client has left."""
        self.is_last = True
        try:
            assert await self._reader.read(1) == b""
        except ConnectionResetError:
            return

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


# In this process.


class AsgiSites:
    """One application that plays any number of hosts."""

    framings = cuts = ("parts",)  # there is no other

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}

    async def add(self) -> Site:
        host = f"site{len(self._sites)}.test"
        self._sites[host] = Site(f"http://{host}")
        return self._sites[host]

    async def app(self, scope, receive, send) -> None:
        exchange = AsgiPlay(await received(scope, receive), receive, send)
        site = self._sites[exchange.request.headers["host"].decode()]
        await site.count(+1)
        try:
            await site.play(exchange)
        finally:
            await site.count(-1)

    async def close(self) -> None:
        for site in self._sites.values():
            await site.until_alone()
            assert site.failures == []


async def received(scope, receive) -> Received:
    message = await receive()
    assert message["type"] == "http.request"
    assert not message["more_body"]
    query = scope["query_string"].decode()
    target = scope["raw_path"].decode() + (f"?{query}" if query else "")
    headers = {name.decode(): value for name, value in scope["headers"]}
    return Received(scope["method"], target, headers, message["body"])


class AsgiPlay:
    """One request and its response as messages."""

    def __init__(self, request: Received, receive, send) -> None:
        self.request = request
        self._receive = receive
        self._send = send

    async def head(self, status=200, headers=(), framing="parts", length=0) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def send(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def cut(self, framing="") -> None:
        """Nothing more: the application returns in the middle."""

    async def gone(self) -> None:
        assert (await self._receive())["type"] == "http.disconnect"
