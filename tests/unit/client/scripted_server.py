"""A real server on a real socket that plays a script: which answers each connection gets.

Not here: any knowledge of hubs. What a client sent is kept as it came.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WAIT = 10.0  # seconds, for a client that never comes


@dataclass(frozen=True)
class Request:
    """One request; `headers` have lower-case names and raw values. `connection` counts from 0."""

    connection: int
    method: str
    target: str
    headers: dict[str, bytes]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


class ScriptedServer:
    """Serves one connection after the other: `script[i]` holds the answers of connection i, then it is closed.

    hold: leave each connection open after its last answer, until the server is closed.
    path: of a Unix socket to listen on, instead of a port.
    """

    def __init__(self, script: Sequence[Sequence[bytes]], *, hold: bool = False, path: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.requested = threading.Event()  # set with the first request
        self._script = script
        self._hold = hold
        self._held: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0)) if path is None else listen_at(path)
        self._listener.settimeout(WAIT)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}" if path is None else f"unix:{path}"
        self._thread = threading.Thread(target=self._play)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(WAIT)
        for connection in self._held:
            connection.close()

    def _play(self) -> None:
        for number, answers in enumerate(self._script):
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed, as the test is over
                return
            connection.settimeout(WAIT)
            self._serve(number, connection, answers)

    def _serve(self, number: int, connection: socket.socket, answers: Sequence[bytes]) -> None:
        with connection.makefile("rb") as stream:
            for answer in answers:
                request = read_request(number, stream)
                if request is None:
                    break
                self.requests.append(request)
                self.requested.set()
                connection.sendall(answer)
        if self._hold:
            self._held.append(connection)
        else:
            connection.close()


def listen_at(path: Path) -> socket.socket:
    """A Unix socket that accepts connections."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


def read_request(number, stream):
    """Return the next request, or None where the client is gone."""
    start = stream.readline()
    if not start:
        return None
    method, target, _ = start.decode().split()
    headers = {}
    while line := stream.readline().rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.strip()
    return Request(number, method, target, headers, stream.read(int(headers.get("content-length", 0))))


def answer(status: int, body: str = "", headers: str = "") -> bytes:
    """A complete response with a length."""
    data = body.encode()
    return f"HTTP/1.1 {status} Some\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data


def stream(*pieces: str, content_type: str = "text/event-stream", headers: str = "") -> bytes:
    """A chunked response that never says that it ended; `headers` is one more line of its head."""
    more = f"{headers}\r\n" if headers else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n{more}\r\n"
    return head.encode() + b"".join(b"%x\r\n%s\r\n" % (len(p.encode()), p.encode()) for p in pieces)


ENDED = b"0\r\n\r\n"  # after `stream(...)`: a clean end
