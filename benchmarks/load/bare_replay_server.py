"""The least that a Python process can do for clients that come back: accept, read the request, send the same bytes.

No log, no parsing, no limits, no deadlines: for measuring only. The bytes to be sent come on standard input.
Run: python -m benchmarks.load.bare_replay_server PORT < STREAM
"""

from __future__ import annotations

import select
import socket
import sys

from benchmarks.load.bare_server import READ_SIZE, SEND_BUFFER
from benchmarks.load.open_files import FILES_BESIDES, open_files

CLIENTS = 16_384
READY = b"ready\n"  # on standard output, once it listens


def serve(port: int, stream: bytes) -> None:
    """Serve for ever."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # The same socket options as the hub's, as they change what a send costs.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, SEND_BUFFER)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients: dict[int, socket.socket] = {}
    unsent: dict[int, memoryview] = {}
    while True:
        for descriptor, mask in epoll.poll():
            if descriptor == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                clients[client.fileno()] = client
                epoll.register(client, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
                continue
            client = clients[descriptor]
            if mask & select.EPOLLIN:
                if not client.recv(READ_SIZE):
                    clients.pop(descriptor).close()
                    continue
                unsent[descriptor] = memoryview(stream)
            while descriptor in unsent:
                try:
                    unsent[descriptor] = unsent[descriptor][client.send(unsent[descriptor]) :]
                except BlockingIOError:
                    break
                if not unsent[descriptor]:
                    del unsent[descriptor]


if __name__ == "__main__":
    open_files(CLIENTS + FILES_BESIDES)
    serve(int(sys.argv[1]), sys.stdin.buffer.read())
