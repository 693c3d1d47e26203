"""A proxy that loses answers: the server got the request and did what it asks, and the client never learns.

Not here: which answers (the tests). It serves requests with a length, and answers with one.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT = 10.0  # seconds


@dataclass(frozen=True)
class Request:
    """One request; `headers` have lower-case names and raw values."""

    method: str
    target: str
    headers: dict[str, bytes]
    body: bytes


def read_request(stream):
    """Return the next request, or None where the client is gone."""
    start = stream.readline()
    if not start:
        return None
    method, target, _ = start.decode().split()
    headers = {}
    while line := stream.readline().rstrip(b"\r\n"):
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.strip()
    return Request(method, target, headers, stream.read(int(headers.get("content-length", 0))))


class AnswerDropper:
    """Passes requests on to the port `to`, each on a connection of its own; for use in `with`.

    passes: called with the number of each answer (from 1) once it is there; False loses it and the client's connection.
    """

    def __init__(self, to: int, passes: Callable[[int], bool]) -> None:
        self._to, self._passes = to, passes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.answers = self.lost = 0
        self._count = threading.Lock()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(WAIT)
        self._listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(WAIT)

    def _accept(self):
        with contextlib.suppress(OSError):  # the end
            while True:
                client = self._listener.accept()[0]
                self._clients.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=[client]))
                self._threads[-1].start()

    def _serve(self, client):
        with client, client.makefile("rb") as stream, contextlib.suppress(OSError):
            while (request := read_request(stream)) is not None:
                try:
                    answer = self._ask(request)
                except ConnectionRefusedError:
                    return
                if not self._is_passed():
                    return
                client.sendall(answer)

    def _is_passed(self):
        with self._count:
            self.answers += 1
            passed = self._passes(self.answers)
            self.lost += not passed
        return passed

    def _ask(self, request):
        kept = {name: value for name, value in request.headers.items() if name != "connection"}
        head = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in kept.items())
        line = f"{request.method} {request.target} HTTP/1.1\r\n".encode()
        with socket.create_connection(("127.0.0.1", self._to), WAIT) as hub:
            hub.sendall(line + head + b"Connection: close\r\n\r\n" + request.body)
            return b"".join(iter(lambda: hub.recv(65_536), b""))
