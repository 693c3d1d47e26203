"""A client with nothing between the test and the wire: it sends the bytes that it is given, and shows those that come.

Every wait ends after `WAIT` seconds with a TimeoutError.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

WAIT = 10.0  # seconds


@dataclass(frozen=True)
class Answer:
    """One response; `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()


class RawClient:
    """One connection; `received` holds what has come and was not asked for yet, `host` is whom it asks for."""

    def __init__(self, sock):
        self.sock = sock
        self.host = "localhost"
        self.received = b""
        self.chunked = True

    @classmethod
    async def connect(cls, address, *, receive_buffer=None, source=None):
        """Connect to (host, port), or to the path of a Unix socket; source: the address to connect from."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)
        if source is not None:
            sock.bind((source, 0))
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            async with asyncio.timeout(WAIT):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def close(self):
        self.sock.close()

    def reset(self):
        """Leave rudely: the other side gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def half_close(self):
        """Say no more, but listen on."""
        self.sock.shutdown(socket.SHUT_WR)

    # Sending.

    async def send(self, data):
        async with asyncio.timeout(WAIT):
            await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def request(self, method, target, *headers, body=None, version="1.1"):
        """Send one request; a body brings its length along."""
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self.host}", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        await self.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))

    async def get(self, target, *headers, version="1.1"):
        await self.request("GET", target, *headers, version=version)
        return await self.answer()

    async def post(self, body, content_type="application/x-www-form-urlencoded", *headers, target="/events"):
        body = body.encode() if isinstance(body, str) else body
        await self.request("POST", target, f"Content-Type: {content_type}", *headers, body=body)
        return await self.answer()

    # Receiving.

    async def receive(self):
        """Return False at the end of the connection, a reset included."""
        async with asyncio.timeout(WAIT):
            try:
                data = await asyncio.get_running_loop().sock_recv(self.sock, 65_536)
            except ConnectionResetError:
                return False
        self.received += data
        return bool(data)

    async def until(self, mark):
        """Return what comes up to a mark and with it."""
        while mark not in self.received:
            assert await self.receive(), f"the connection ended before {mark!r}; there was {self.received!r}"
        data, _, self.received = self.received.partition(mark)
        return data + mark

    async def exactly(self, size):
        while len(self.received) < size:
            assert await self.receive(), f"the connection ended after {len(self.received)} of {size} bytes"
        data, self.received = self.received[:size], self.received[size:]
        return data

    async def rest(self):
        """Return everything up to the end of the connection."""
        while await self.receive():
            pass
        data, self.received = self.received, b""
        return data

    async def head(self):
        """Return a response's head; it has no body yet."""
        lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(": ") for line in lines[1:])
        return Answer(int(lines[0].split(" ", 2)[1]), {name.lower(): value for name, _, value in pairs})

    async def answer(self, *, head_only=False):
        """Return a response whose length is known."""
        head = await self.head()
        size = 0 if head_only else int(head.headers.get("content-length", 0))
        return Answer(head.status, head.headers, await self.exactly(size))

    async def ended(self):
        """Wait for the end; nothing may come before it."""
        assert await self.rest() == b""

    # Streams.

    async def subscribe(self, target, *headers, version="1.1"):
        """Open a stream and return its head; the first comment has come then."""
        await self.request("GET", target, *headers, version=version)
        head = await self.head()
        assert head.status == 200, self.received
        self.chunked = head.headers.get("transfer-encoding") == "chunked"
        assert await self.piece() == b":\n"
        return head

    async def piece(self):
        """Return the next chunk's content (b"" is the last), or the next line where there are no chunks."""
        if not self.chunked:
            return await self.until(b"\n")
        size = int(await self.until(b"\r\n"), 16)
        data = await self.exactly(size)
        assert await self.exactly(2) == b"\r\n"
        return data

    async def block(self):
        """Return the next event's lines; comments between are passed over."""
        block = b""
        while not block.endswith(b"\n\n"):
            piece = await self.piece()
            assert piece or block, "the stream ended"
            if block or piece != b":\n":
                block += piece
        return block.decode()

    async def data(self):
        """Return the next event's data."""
        lines = (await self.block()).split("\n")
        return "\n".join(line.removeprefix("data: ") for line in lines if line.startswith("data: "))

    async def farewell(self):
        """Return the last pieces of a stream, up to its proper end."""
        pieces = []
        while piece := await self.piece():
            pieces.append(piece)
        await self.ended()
        return b"".join(pieces)


@contextlib.contextmanager
def closing_all():
    """A list of clients that are closed at the end."""
    clients = []
    try:
        yield clients
    finally:
        for client in clients:
            client.close()
