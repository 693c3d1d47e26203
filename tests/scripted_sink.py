"""A sink that takes what the test lets it take, and remembers it."""

from __future__ import annotations


class ScriptedSink:
    """Where a subscriber's payloads go.

    room: bytes or events that it still takes; None for any number.
    failure: raised by each send from now on.
    on_send: called before each send.
    """

    def __init__(self, room=None, failure=None, on_send=None):
        self.room = room
        self.failure = failure
        self.on_send = on_send
        self.sends = []  # what each successful send took
        self.offers = 0
        self.released = 0

    def send(self, payload, flags):
        self.offers += 1
        if self.on_send is not None:
            self.on_send()
        if self.released:
            raise BrokenPipeError
        if self.failure is not None:
            raise self.failure
        if self.room == 0:
            raise BlockingIOError
        taken = len(payload) if self.room is None else min(self.room, len(payload))
        self.sends.append(payload[:taken])
        if self.room is not None:
            self.room -= taken
        return taken

    def release(self, _):
        self.released += 1

    @property
    def wire(self):
        """All bytes that were taken."""
        return b"".join(self.sends)

    @property
    def events(self):
        """All events that were taken."""
        return [event for events in self.sends for event in events]
