"""The server that the clients read from: it sends bytes that are ready, and does nothing else.

Not here: the bytes (bodies.py).
It answers GET /FRAMING/COUNT on the loopback device, one connection at a time. Bodies of the counts that it is started
with are made before it listens, so that they cost nothing while they are read; others are made while they are sent.
As a program it writes its address to standard output and serves until its standard input ends:

    python -m benchmarks.clients.server [COUNT ...]
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clients.bodies import Framing, make_head, make_writes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
MAX_HEAD = 65_536  # bytes of a request
PATIENCE = 60.0  # seconds that a client may leave a write waiting
SECONDS_TO_END = 5.0


class Bodies:
    """Bodies by their path; those of `counts` are made once, here."""

    def __init__(self, counts: Iterable[int] = ()) -> None:
        self._made = {
            (framing, count): list(make_writes(framing, count)) for framing in Framing for count in set(counts)
        }

    def find(self, path: str) -> tuple[bytes, Iterable[bytes]]:
        """Return the head and the writes that follow it. Raises ValueError for a path that is none."""
        _, name, count = path.split("/")
        key = Framing(name), int(count)
        return make_head(key[0]), self._made.get(key) or make_writes(*key)


def serve(listener: socket.socket, bodies: Bodies) -> None:
    """Answer one connection after the other until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, suppress(OSError):  # clients leave when they have what they want
            connection.settimeout(PATIENCE)
            answer(connection, bodies)


def answer(connection: socket.socket, bodies: Bodies) -> None:
    """Read one request and send what it asks for. Raises OSError if the client leaves."""
    request = b""
    while b"\r\n\r\n" not in request and len(request) < MAX_HEAD:
        received = connection.recv(MAX_HEAD)
        if not received:
            return
        request += received
    head, writes = bodies.find(request.split()[1].decode())
    connection.sendall(head)
    for write in writes:
        connection.sendall(write)


@contextmanager
def running_server(*counts: int) -> Iterator[str]:
    """Run the server in a process of its own, and give its address."""
    command = [sys.executable, "-m", "benchmarks.clients.server", *map(str, counts)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(SECONDS_TO_END)


def main() -> None:
    """Serve until standard input ends."""
    bodies = Bodies(map(int, sys.argv[1:]))
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, bodies), daemon=True).start()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
