"""The least that can stand behind Pushpin: it answers each GET with "hold this stream, on these channels".

Not here: Pushpin's own settings (pushpin.conf).
Plays the part of the user's own API, which Pushpin asks once for each subscription; publishing passes it by.
Run: python backend.py PORT
"""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

BODY = ": subscribed\n\n"
BACKLOG = 4096
HEAD_END = b"\r\n\r\n"


class Answers(asyncio.Protocol):
    """One connection of Pushpin, kept open for several requests without a body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        self._received += data
        while HEAD_END in self._received:
            head, _, self._received = self._received.partition(HEAD_END)
            self._transport.write(hold(head.split(b" ", 2)[1].decode()))


def hold(path: str) -> bytes:
    """Return the response that lets Pushpin hold the stream, on the channels of the query."""
    channels = parse_qs(urlsplit(path).query).get("topic", [])
    lines = [
        "HTTP/1.1 200 OK",
        "Content-Type: text/event-stream",
        f"Content-Length: {len(BODY)}",
        "Grip-Hold: stream",
        *(f"Grip-Channel: {channel}" for channel in channels),
        r"Grip-Keep-Alive: :\n\n; format=cstring; timeout=15",
    ]
    return "\r\n".join([*lines, "", BODY]).encode()


async def serve(port: int) -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Answers, "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
