"""A server of event streams that is wrong in any way a test wants: each connection gets what a function sends.

Not here: what is wrong (test_doctor.py).
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

STOPPING = 10  # seconds
LOOK_AGAIN = 0.02  # seconds, for whether the client left

HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\n"
    "X-Accel-Buffering: no\r\n"
)


class Exchange:
    """One request, and the means to answer it. What is sent to a client that left is lost."""

    def __init__(self, connection, over):
        self._connection, self._over = connection, over
        self.method, self.headers = "", {}

    def read_request(self):
        """Read the head of the request; False if the client left."""
        with self._connection.makefile("rb") as stream:
            start = stream.readline().decode()
            self.method = start.partition(" ")[0]
            for line in iter(stream.readline, b"\r\n"):
                if not line:
                    return False
                name, _, value = line.partition(b":")
                self.headers[name.decode().lower()] = value.strip().decode()
        return bool(start)

    def send(self, data):
        with suppress(OSError):
            self._connection.sendall(data)

    def begin(self, *lines, head=HEAD, chunked=True):
        framing = ["Transfer-Encoding: chunked"] if chunked else []
        self.send((head + "".join(f"{line}\r\n" for line in (*framing, *lines)) + "\r\n").encode())

    def chunk(self, data):
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def pause(self, seconds):
        """Wait as a slow server does; True if the test is over meanwhile."""
        return self._over.wait(seconds)

    def is_wanted(self):
        """Whether the client still listens."""
        self._connection.settimeout(0)
        try:
            return bool(self._connection.recv(1))
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self._connection.settimeout(None)

    def hold(self):
        """Keep the connection open until the client leaves or the test is over."""
        while not self.pause(LOOK_AGAIN) and self.is_wanted():
            pass


class StreamServer:
    """Answers each connection in a thread of its own with `answer(exchange)`; for use in `with`."""

    def __init__(self, answer):
        self._answer = answer
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/stream"
        self.open = 0  # connections that clients have not closed
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(STOPPING)

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed, as the test is over
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        self.open += 1
        with connection:
            exchange = Exchange(connection, self._over)
            if exchange.read_request():
                self._answer(exchange)
        self.open -= 1
