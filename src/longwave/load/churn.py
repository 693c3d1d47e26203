"""Churn: passing subscribers that connect at a rate, see the response begin, and leave.

Not here: subscribers that stay (receiver.py), connecting (gate.py).
Rules that always hold: connections begin on schedule whatever the server does (open loop); the latency counts from
the connect.
"""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.load.framing import NO_HEAD, AwaitingHead, FramingError
from longwave.load.gate import Gate, Opened, OpeningFailed
from longwave.load.latency import Latencies
from longwave.load.load_meter import LoadMeter
from longwave.load.messages import ChurnReport, Expect, Ready, Stop, Window
from longwave.load.opening import Pace, resolve
from longwave.load.receiver import topic_name
from longwave.load.schedule import NANOSECONDS

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from longwave.load.scenario import Scenario
    from longwave.load.target import Target

PAUSE = 0.002  # seconds


@dataclass(frozen=True, slots=True)
class ChurnJob:
    """All passing subscribers of a run, for one process."""

    scenario: Scenario
    target: Target
    run: str

    def execute(self, pipe: Connection) -> None:
        """Do it; returns when the conducting process says so."""
        with contextlib.closing(Churn(self, pipe)) as churn:
            churn.run()


class Churn:
    """Comes and goes from the begin of the window to its end. Messages: Ready, (Window), (Expect), report."""

    def __init__(self, job: ChurnJob, pipe: Connection) -> None:
        self._job, self._pipe = job, pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._address = resolve(job.target.address)
        self._gate: Gate | None = None
        self._window: Window | None = None
        self._latencies = Latencies()
        self._meter = LoadMeter()
        self._asked = self._done = self._failed = 0
        self._stopped = False

    def run(self) -> None:
        """Come and go until told to stop."""
        now = time.monotonic_ns()
        self._pipe.send(Ready(0, now, now))
        while not self._stopped:
            for descriptor, _ in self._epoll.poll(PAUSE):
                self._attend(descriptor)
            now = time.monotonic_ns()
            self._meter.look(now, 0)
            self._begin(now)

    def close(self) -> None:
        """Close all sockets."""
        if self._gate is not None:
            self._gate.close()
        self._epoll.close()

    def _begin(self, now: int) -> None:
        if self._window is None or self._gate is None or now < self._window.begin:
            return
        if now < self._window.end:
            due = int((now - self._window.begin) * self._job.scenario.churn / NANOSECONDS)
            self._gate.ask(range(self._asked, due))
            self._asked = max(self._asked, due)
        self._failed += sum(error is not None for _, error in self._gate.begin(now))
        for descriptor in self._gate.overdue(now - int(self._job.scenario.patience * NANOSECONDS)):
            self._gate.abandon(descriptor, "no response in time")
            self._failed += 1

    def _attend(self, descriptor: int) -> None:
        if self._gate is None or descriptor not in self._gate:
            self._obey()
            return
        try:
            opened = self._gate.advance(descriptor)
        except OpeningFailed:
            self._failed += 1
            return
        if opened is not None:
            self._leave(opened)

    def _leave(self, opened: Opened) -> None:
        opened.sock.close()
        try:
            _, framing = NO_HEAD.feed(opened.received)
        except FramingError:
            self._failed += 1
            return
        if isinstance(framing, AwaitingHead) or framing.status in self._job.target.subscribe_statuses:
            self._done += 1
            self._latencies.record((time.monotonic_ns() - opened.begun) // 1000)
        else:
            self._failed += 1

    def _request(self, client: int) -> bytes:
        topic = client % self._job.scenario.topic_count
        return self._job.target.subscription([topic_name(self._job.run, topic)])

    def _obey(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            message = Stop()
        if isinstance(message, Window):
            self._window = message
            self._meter.start(message)
            self._gate = Gate(self._epoll, self._address, self._request, Pace(0, message.begin))
        elif isinstance(message, Expect):
            self._pipe.send(ChurnReport(self._done, self._failed, self._latencies.encode(), self._meter.load))
        elif isinstance(message, Stop):
            self._stopped = True
