"""A log in memory that fails, or waits, when the test says so."""

from __future__ import annotations

import asyncio

from longwave.errors import LogUnavailable
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention


class ControlledLog(MemoryLog):
    """A log that keeps `events` updates.

    failures: how many of the next looks (open, read, locate, tail, outlines) raise LogUnavailable, after `spared` that
    do not.
    looks: what was asked, in order. outlined: positions of all outlines that were given out.
    reading: reads that are under way, with the most there ever were.
    """

    def __init__(self, events=1000):
        super().__init__(Retention(events=events), clock=lambda: 0.0)
        self.failures = 0
        self.spared = 0
        self.looks = []
        self.outlined = []
        self.reading = 0
        self.most_reading = 0
        self._gates = {what: asyncio.Event() for what in ("read", "locate", "outlines")}
        self.go_on()

    def hold(self, what="read"):
        """Let reads wait once they have the page that they will return, the others before they look."""
        self._gates[what].clear()

    def go_on(self):
        """Let all that wait go on."""
        for gate in self._gates.values():
            gate.set()

    def _look(self, what):
        self.looks.append(what)
        if self.failures and self.spared:
            self.spared -= 1
        elif self.failures:
            self.failures -= 1
            raise LogUnavailable("the disk is on fire")

    async def open(self):
        self._look("open")
        await super().open()

    async def read(self, after, limit):
        self._look(("read", after, limit))
        page = await super().read(after, limit)
        self.reading += 1
        self.most_reading = max(self.most_reading, self.reading)
        try:
            await self._gates["read"].wait()
        finally:
            self.reading -= 1
        return page

    def recent(self, after, limit):
        return () if self.failures else super().recent(after, limit)  # then a tail has to read

    async def locate(self, event_id):
        self._look(("locate", event_id))
        await self._gates["locate"].wait()
        return await super().locate(event_id)

    async def outlines(self, after, before, limit, *, private):
        self._look(("outlines", after, before, private))
        await self._gates["outlines"].wait()
        found = await super().outlines(after, before, limit, private=private)
        self.outlined += [outline.position for outline in found]
        return found

    def tail(self, after):
        self._look(("tail", after))
        return super().tail(after)
