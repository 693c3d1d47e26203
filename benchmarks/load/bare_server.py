"""The least that a Python process can do: one `send` of the same bytes to each subscriber.

No log, no limits, no deadlines, no slow clients, no HTTP to speak of: for measuring only.
Run: python -m benchmarks.load.bare_server PORT
"""

from __future__ import annotations

import select
import socket
import sys
import urllib.parse

READ_SIZE = 65_536
HEAD_END = b"\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SEND_BUFFER = 16_384


class BareServer:
    """Subscribers send GET, publishers POST a form with `data`; a request's body comes together with its head."""

    def __init__(self, port: int) -> None:
        self._epoll = select.epoll()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The same socket options as the hub's, as they change what a send costs.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, SEND_BUFFER)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(4096)
        self._epoll.register(self._listener, select.EPOLLIN)
        self._strangers: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._subscribers: list[socket.socket] = []
        self._others: list[socket.socket] = []  # they are kept, and are never sent anything
        self._position = 0

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, _ in self._epoll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._read(self._strangers[descriptor])

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        self._strangers[client.fileno()] = client
        self._epoll.register(client, select.EPOLLIN)

    def _read(self, client: socket.socket) -> None:
        descriptor = client.fileno()
        chunk = client.recv(READ_SIZE)
        if not chunk:
            del self._strangers[descriptor]
            client.close()
            return
        request = self._received.pop(descriptor, b"") + chunk
        head, end, body = request.partition(HEAD_END)
        if not end or (head.startswith(b"POST") and b"data=" not in body):
            self._received[descriptor] = request
        elif head.startswith(b"GET"):
            self._subscribe(client, b"topic=warm-up" not in head)
        else:
            self._publish(urllib.parse.parse_qs(body.decode())["data"][0])
            client.send(ANSWER)

    def _subscribe(self, client: socket.socket, to_all: bool) -> None:
        self._epoll.unregister(client)
        del self._strangers[client.fileno()]
        client.send(STREAM)
        (self._subscribers if to_all else self._others).append(client)

    def _publish(self, data: str) -> None:
        self._position += 1
        event = f"id: 01234567-{self._position}\ndata: {data}\n\n".encode()
        chunk = b"%x\r\n%b\r\n" % (len(event), event)
        for subscriber in self._subscribers:
            subscriber.send(chunk)


if __name__ == "__main__":
    BareServer(int(sys.argv[1])).serve()
