"""The least that a Python process can do: one `send` of the same bytes to each subscriber.

Not here: the same in C, with the same routes (server.c), events that are sent again (../bare_replay).
No log, no limits, no deadlines, no slow clients, no HTTP to speak of: for measuring only.
Run: python server.py PORT
"""

from __future__ import annotations

import select
import socket
import sys
import urllib.parse
from collections import defaultdict

READ_SIZE = 65_536
HEAD_END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n:\n\r\n"
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
SEND_BUFFER = 16_384


class BareServer:
    """GET /events?topic=A&topic=B subscribes, POST /publish?topic=A publishes its body."""

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
        self._clients: dict[int, socket.socket] = {}
        self._received: dict[int, bytes] = {}
        self._subscribers: defaultdict[str, list[socket.socket]] = defaultdict(list)  # by topic
        self._position = 0

    def serve(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, _ in self._epoll.poll():
                if descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._attend(self._clients[descriptor])

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._epoll.register(client, select.EPOLLIN)

    def _attend(self, client: socket.socket) -> None:
        descriptor = client.fileno()
        try:
            chunk = client.recv(READ_SIZE)
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(client)
            return
        request = self._received.pop(descriptor, b"") + chunk
        head, end, body = request.partition(HEAD_END)
        if not end or len(body) < _content_length(head):
            self._received[descriptor] = request
            return
        method, target, _ = head.decode().split(" ", 2)
        topics = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)["topic"]
        if method == "GET":
            self._subscribe(client, topics)
        else:
            self._publish(topics[0], body)
            client.send(ANSWER)

    def _drop(self, client: socket.socket) -> None:
        del self._clients[client.fileno()]
        for subscribers in self._subscribers.values():
            if client in subscribers:
                subscribers.remove(client)
        client.close()

    def _subscribe(self, client: socket.socket, topics: list[str]) -> None:
        self._epoll.modify(client, select.EPOLLRDHUP)
        client.send(STREAM)
        for topic in topics:
            self._subscribers[topic].append(client)

    def _publish(self, topic: str, data: bytes) -> None:
        self._position += 1
        event = b"id: 01234567-%d\ndata: %b\n\n" % (self._position, data)
        chunk = b"%x\r\n%b\r\n" % (len(event), event)
        for subscriber in self._subscribers[topic]:
            subscriber.send(chunk)


def _content_length(head: bytes) -> int:
    place = head.lower().find(LENGTH)
    return int(head[place + len(LENGTH) :].partition(b"\r")[0]) if place >= 0 else 0


if __name__ == "__main__":
    BareServer(int(sys.argv[1])).serve()
