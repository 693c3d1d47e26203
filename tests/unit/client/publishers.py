"""Both publishers behind one face, so that a rule is tested once and holds for both.

Not here: any rule.
"""

from __future__ import annotations

import asyncio

from longwave.client import Observer, Publisher, SyncPublisher


class InATask:
    """A Publisher; each call runs a loop of its own until it is done."""

    def __init__(self, *arguments, **options):
        self._runner = asyncio.Runner()
        try:
            self.publisher = self._runner.run(self._make(arguments, options))
        except BaseException:
            self._runner.close()
            raise

    async def _make(self, arguments, options):
        return Publisher(*arguments, **options)

    def publish(self, *arguments, **options):
        return self._runner.run(self.publisher.publish(*arguments, **options))

    def append(self, updates):
        return self._runner.run(self.publisher.append(updates))

    def close(self):
        self._runner.run(self.publisher.close())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.close()
        finally:
            self._runner.close()


class InAThread(SyncPublisher):
    """A SyncPublisher."""

    @property
    def publisher(self):
        return self


KINDS = {"async": InATask, "sync": InAThread}


class Waits(Observer):
    """Remembers each wait, and why."""

    def __init__(self):
        self.reasons = []
        self.delays = []

    def retry(self, reason, delay):
        self.reasons.append(reason)
        self.delays.append(delay)
