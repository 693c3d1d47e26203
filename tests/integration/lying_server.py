"""A server that takes events and passes them on, changed by a lie: for tests of those who check what they receive.

It serves one subscriber, who sends GET, and publishers, who send forms with 100 bytes of `data` as their last field.
"""

from __future__ import annotations

import re
import select
import socket
import threading

STOPPING = 10  # seconds
LOOK_AGAIN = 0.01  # seconds, for whether it is to stop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%b\r\n"
_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"
_TAKEN_AND_CLOSED = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_DATA = re.compile(rb"data=([0-9A-Za-z]{100})$")


class LyingServer:
    """Runs in a thread of its own; for use in `with`.

    lie: from the number of an event (from 0) and its lines to the pieces that are sent in its place.
    chunked: framing of the stream; without it, it ends with the connection. keep: the publishers' connections.
    end_after: events after which it ends the stream.
    """

    def __init__(self, lie, *, chunked=True, keep=True, end_after=None):
        self._lie, self._chunked, self._keep, self._end_after = lie, chunked, keep, end_after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._received = {}  # by connection, what came and was not answered
        self._subscriber = None
        self._number = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(STOPPING)
        for sock in (self._listener, *self._received):
            sock.close()

    def _serve(self):
        while not self._stop.is_set():
            for sock in select.select([self._listener, *self._received], [], [], LOOK_AGAIN)[0]:
                if sock is self._listener:
                    self._received[sock.accept()[0]] = b""
                else:
                    self._read(sock)

    def _read(self, sock):
        chunk = sock.recv(65_536)
        if not chunk:
            del self._received[sock]
            sock.close()
            return
        request = self._received[sock] + chunk
        self._received[sock] = b"" if self._answer(sock, request) else request

    def _answer(self, sock, request):
        """Answer a request; False if there is more to come of it."""
        if request.startswith(b"GET") and request.endswith(b"\r\n\r\n"):
            self._subscriber = sock
            sock.sendall(_HEAD % (b"Transfer-Encoding: chunked\r\n" if self._chunked else b""))
            return True
        data = _DATA.search(request)
        if data is not None:
            self._publish(sock, b"data: " + data[1] + b"\n\n")
        return data is not None

    def _publish(self, publisher, event):
        publisher.sendall(_TAKEN if self._keep else _TAKEN_AND_CLOSED)
        if not self._keep:
            publisher.shutdown(socket.SHUT_RDWR)
        for piece in self._lie(self._number, event):
            self._subscriber.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)
        self._number += 1
        if self._number == self._end_after:
            self._subscriber.shutdown(socket.SHUT_RDWR)
