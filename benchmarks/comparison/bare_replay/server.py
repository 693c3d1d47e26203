"""The least that a Python process can do for subscribers who come back: read the request, send the same bytes to all.

Not here: how it is started (launcher.py), events that are sent live to many (../bare).
One topic, no limits, no deadlines, no HTTP to speak of: for measuring only. What is published is kept in one piece, in
memory and in a file, which a later process reads. Run: python server.py PORT FILE
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import urllib.parse
from pathlib import Path

READ_SIZE = 65_536
SEND_BUFFER = 16_384
HEAD_END = b"\r\n\r\n"
RESUME = b"Last-Event-ID: "
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class ReplayServer:
    """Keeps a stream of events; whoever names the id of one is sent what follows it."""

    def __init__(self, port: int, file: Path) -> None:
        self._file = file.open("ab")  # for as long as the process lives
        self._stream = HEAD + file.read_bytes()
        self._ends = dict(enumerate(find_ends(self._stream, len(HEAD)), 1))
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The same socket options as the hub's, as they change what a send costs.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, SEND_BUFFER)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(4096)
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._clients: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._unsent: dict[int, memoryview] = {}
        self._live: set[int] = set()

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, mask in self._epoll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                    continue
                if mask & ~select.EPOLLOUT:
                    self._read(descriptor)
                if mask & select.EPOLLOUT and descriptor in self._unsent:
                    self._send(descriptor)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._epoll.register(client, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)

    def _read(self, descriptor: int) -> None:
        try:
            chunk = self._clients[descriptor].recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._forget(descriptor)
            return
        request = self._received.pop(descriptor, b"") + chunk
        head, end, body = request.partition(HEAD_END)
        if not end or (head.startswith(b"POST") and b"data=" not in body):
            self._received[descriptor] = request
        elif head.startswith(b"GET"):
            self._subscribe(descriptor, head)
        else:
            self._publish(urllib.parse.parse_qs(body.decode())["data"][0])
            self._clients[descriptor].send(ANSWER)

    def _forget(self, descriptor: int) -> None:
        self._clients.pop(descriptor).close()
        self._unsent.pop(descriptor, None)
        self._live.discard(descriptor)

    def _subscribe(self, descriptor: int, head: bytes) -> None:
        after = head.partition(RESUME)[2].partition(b"\r\n")[0]
        if not after:
            self._clients[descriptor].send(HEAD)
            self._live.add(descriptor)
            return
        begin = self._ends[int(after)]
        self._clients[descriptor].send(HEAD, socket.MSG_MORE)
        self._unsent[descriptor] = memoryview(self._stream)[begin:]
        self._send(descriptor)

    def _send(self, descriptor: int) -> None:
        client, unsent = self._clients[descriptor], self._unsent[descriptor]
        try:
            while unsent:
                unsent = unsent[client.send(unsent) :]
        except BlockingIOError:
            self._unsent[descriptor] = unsent
            return
        except OSError:
            self._forget(descriptor)
            return
        del self._unsent[descriptor]

    def _publish(self, data: str) -> None:
        event = f"id: {len(self._ends) + 1}\ndata: {data}\n\n".encode()
        self._file.write(event)
        self._file.flush()
        self._stream += event
        self._ends[len(self._ends) + 1] = len(self._stream)
        for descriptor in self._live:
            self._clients[descriptor].send(event)


def find_ends(stream: bytes, begin: int) -> list[int]:
    """Return where each event of a stream ends."""
    ends = []
    while (end := stream.find(b"\n\n", begin)) >= 0:
        begin = end + 2
        ends.append(begin)
    return ends


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ReplayServer(int(sys.argv[1]), Path(sys.argv[2])).serve()
