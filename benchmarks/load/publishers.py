"""Publishers: many kept connections over which the same request goes again and again, in a process of their own.

Not here: one publisher who chooses each update (publisher.py).

Each sends its next request when the last one was answered, so as many are under way as there are publishers.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

PATIENCE = 60.0  # seconds for any answer
READ_SIZE = 65_536

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "


@dataclass(frozen=True, slots=True)
class Published:
    """seconds: from the first request to the last answer. cpu: seconds of a processor that the publishers took."""

    seconds: float
    cpu: float


def post(path: str, content_type: str, body: bytes) -> bytes:
    """Return a request."""
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def publish(port: int, request: bytes, publishers: int, requests: int, *, cpu: int) -> Published:
    """Send so many requests in all; raises OSError if one is refused."""
    command = [sys.executable, "-m", "benchmarks.load.publishers", *map(str, (port, publishers, requests, cpu))]
    done = subprocess.run(command, input=request, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise OSError("expected every request to be answered, got an error (see above)")
    return Published(**json.loads(done.stdout))


class Publishers:
    """The publishers themselves, behind one epoll."""

    def __init__(self, port: int, request: bytes, size: int) -> None:
        self._request = request
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._answers: dict[int, bytes] = {}
        for _ in range(size):
            connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[connection.fileno()] = connection
            self._epoll.register(connection, select.EPOLLIN)

    def run(self, requests: int) -> None:
        """Send so many requests and read their answers."""
        unsent = requests
        for connection in self._sockets.values():
            connection.sendall(self._request)
            unsent -= 1
        answered = 0
        while answered < requests:
            found = self._epoll.poll(PATIENCE)
            if not found:
                raise OSError(f"expected {requests} answers, got {answered}")
            for descriptor, _ in found:
                if not self._read(descriptor):
                    continue
                answered += 1
                if unsent > 0:
                    unsent -= 1
                    self._sockets[descriptor].sendall(self._request)

    def _read(self, descriptor: int) -> bool:
        """Return whether the answer is complete."""
        received = self._sockets[descriptor].recv(READ_SIZE)
        if not received:
            raise OSError("expected an answer, got the end of the connection")
        answer = self._answers.pop(descriptor, b"") + received
        head, end, body = answer.partition(_HEAD_END)
        if not end or len(body) < int(head.partition(_LENGTH)[2].partition(b"\r")[0]):
            self._answers[descriptor] = answer
            return False
        if not answer.startswith(b"HTTP/1.1 2"):
            raise OSError(f"expected a status that says it was taken, got {answer!r}")
        return True


def main() -> None:
    """Be the publishers."""
    port, size, requests, cpu = map(int, sys.argv[1:5])
    os.sched_setaffinity(0, {cpu})
    publishers = Publishers(port, sys.stdin.buffer.read(), size)
    begun, spent = time.monotonic(), time.process_time()
    publishers.run(requests)
    print(json.dumps({"seconds": time.monotonic() - begun, "cpu": time.process_time() - spent}))


if __name__ == "__main__":
    main()
