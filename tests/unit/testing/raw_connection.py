"""A client that is a bare socket, to see what a scripted server really sends.

Not here: any knowledge of HTTP or of scripts.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

WAIT = 5.0  # seconds, for a server that never answers


class RawConnection:
    """One connection; every read has a limit in time."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._held = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, target: str = "/events", *lines: str) -> None:
        head = "\r\n".join([f"GET {target} HTTP/1.1", "Host: test", *lines, "", ""])
        self.send(head.encode())

    def read_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        while end not in self._held:
            chunk = self.socket.recv(65_536)
            if not chunk:
                raise AssertionError(f"expected {end!r}, got the end after {self._held!r}")
            self._held += chunk
        found, _, self._held = self._held.partition(end)
        return found + end

    def read_rest(self) -> bytes:
        """Everything to the end of the connection. Raises ConnectionResetError where it was reset."""
        while chunk := self.socket.recv(65_536):
            self._held += chunk
        rest, self._held = self._held, b""
        return rest


@contextmanager
def connected(server):
    host, port = urlsplit(server.origin).netloc.split(":")
    with socket.create_connection((host, int(port)), WAIT) as connection:
        yield RawConnection(connection)
