"""A transport without a socket: it keeps what was written, and calls its protocol as an event loop would."""

from __future__ import annotations

import asyncio


class MemoryTransport(asyncio.Transport):
    """Takes everything at once, or nothing while `stuck`, when it asks for a pause above its high-water mark."""

    def __init__(self, protocol, *, peer=("192.0.2.7", 4711)):
        super().__init__({"peername": peer, "socket": self})
        self.protocol = protocol
        self.written = b""
        self.unsent = b""
        self.stuck = False
        self.reading = True
        self.ended = False  # our side said that it says no more
        self.lost = False
        self._closing = False
        self._high = 65_536
        self._paused = False
        protocol.connection_made(self)

    # The other side.

    def receive(self, data):
        """Bytes come; false if nobody reads."""
        if self.reading and not self._closing:
            self.protocol.data_received(data)
        return self.reading

    def hang_up(self):
        """The client says no more."""
        if not self._closing and not self.protocol.eof_received():
            self.close()

    def take(self):
        """The client takes what waits for it."""
        self.stuck = False
        self.written += self.unsent
        self.unsent = b""
        if self._paused:
            self._paused = False
            self.protocol.resume_writing()
        if self._closing:
            self._lose()

    # asyncio.Transport.

    def write(self, data):
        assert not self.ended, "nothing may be written after the end"
        if self._closing:
            return
        if not self.stuck:
            self.written += bytes(data)
            return
        self.unsent += bytes(data)
        self._maybe_pause()

    def _maybe_pause(self):
        if len(self.unsent) > self._high and not self._paused:
            self._paused = True
            self.protocol.pause_writing()

    def write_eof(self):
        self.ended = True

    def can_write_eof(self):
        return True

    def get_write_buffer_size(self):
        return len(self.unsent)

    def set_write_buffer_limits(self, high=None, low=None):
        self._high = high
        self._maybe_pause()

    def setsockopt(self, *_):
        """The socket is this object itself, and has no options."""

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def is_closing(self):
        return self._closing

    def close(self):
        self._closing = True
        if not self.unsent:
            self._lose()

    def abort(self):
        self._closing = True
        self.unsent = b""
        self._lose()

    def _lose(self):
        if not self.lost:
            self.lost = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
