"""The publisher: sends each event when it is due, over kept connections, whatever the server does (open loop).

Not here: when events are due (schedule.py), what a request is (target.py), bytes of an answer (framing.py).
Rules that always hold: a connection carries one event at a time, so that the events of one connection have an order;
an event that finds no free connection waits, and its waiting counts as latency, not as the publisher's lag; an event
whose connection ends before the answer is uncertain and is not sent again; a connection that the server is about to
close, as its answer says, carries no other event: a new one takes its place.

The process asks for a higher priority than others, where it may: it needs little, but must not be late.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.load.framing import NO_HEAD, AwaitingHead, Complete, Framing, FramingError, UntilClose
from longwave.load.gate import moment_after
from longwave.load.latency import Latencies
from longwave.load.load_meter import LoadMeter
from longwave.load.messages import Broken, Progress, PublisherReport, Ready, Stop, Window
from longwave.load.opening import READABLE, RECEIVE_BUFFER, WRITABLE, begin_connection, resolve
from longwave.load.popularity import choose_topics
from longwave.load.receiver import topic_name
from longwave.load.schedule import NANOSECONDS, count_before, due_times
from longwave.load.stamp import Stamp, Stamper

if TYPE_CHECKING:
    from multiprocessing.connection import Connection as Pipe

    from longwave.load.scenario import Scenario
    from longwave.load.target import Target

LONGEST_PAUSE = 0.02  # seconds
PRIORITY = -10  # nice value; only root may ask for one below 0
CONNECT_AGAIN = 0.05  # seconds
BETWEEN_PROGRESS = 250_000_000  # nanoseconds
HOPELESS = frozenset({401, 403})  # answers after which no event is taken either
MAX_REFUSAL = 200  # characters of an answer that are shown


@dataclass(frozen=True, slots=True)
class PublisherJob:
    """All publishing of a run, for one process."""

    scenario: Scenario
    target: Target
    run: str

    def execute(self, pipe: Pipe) -> None:
        """Do it; returns when the conducting process says so."""
        with contextlib.suppress(OSError):
            os.nice(PRIORITY)
        with contextlib.closing(Publisher(self, pipe)) as publisher:
            publisher.run()


class Line:
    """One kept connection: at most one event is on its way.

    event: that event, or None. ready: whether it is connected. out: bytes that were not sent. closes: whether the last
    answer was the connection's last.
    """

    __slots__ = ("closes", "event", "framing", "key", "number", "out", "ready", "sock")

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number = number
        self.sock = sock
        self.ready = False
        self.event: int | None = None
        self.key = (0, 0, 0)  # topic, publisher and number of that event
        self.out = b""
        self.closes = False
        self.framing: Framing = NO_HEAD

    def send(self) -> bool:
        """Send what is left; return whether all is sent. Raises OSError."""
        try:
            self.out = self.out[self.sock.send(self.out) :]
        except BlockingIOError:
            return False
        return not self.out

    def receive(self) -> int | None:
        """Return the status once an answer is complete. Raises OSError, FramingError."""
        received = self.sock.recv(RECEIVE_BUFFER)
        framing = self.framing
        if not received and not isinstance(framing, UntilClose):
            raise ConnectionResetError("the connection ended")
        _, self.framing = framing.feed(received)
        if received and not isinstance(self.framing, Complete):
            return None
        status = None if isinstance(self.framing, AwaitingHead) else self.framing.status
        self.closes = self.framing.closes if isinstance(self.framing, Complete) else True
        self.framing = NO_HEAD
        return status


class Publisher:
    """Publishes one run's events. Messages: see messages.py; the order: Ready, (Window), report."""

    def __init__(self, job: PublisherJob, pipe: Pipe) -> None:
        scenario = job.scenario
        self._scenario, self._target, self._run, self._pipe = scenario, job.target, job.run, pipe
        self._stamper = Stamper(job.run, scenario.payload)
        self._times = due_times(scenario)
        topics = scenario.topic_count
        self._topics = choose_topics(len(self._times), topics, zipf=scenario.zipf, seed=scenario.seed)
        self._warmup = count_before(self._times, scenario.warmup)
        self._address = resolve(job.target.publish_address)
        self._epoll = select.epoll()  # early: `select` takes low descriptors only
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._lines: dict[int, Line] = {}  # by descriptor
        self._free: deque[Line] = deque()  # taken in turn, so that none idles until the server ends it
        self._broken: deque[tuple[int, int]] = deque()  # (moment, number) of lines to be connected again
        self._waiting: deque[int] = deque()  # events that are due
        self._next = 0
        self._window: Window | None = None
        self._deadline = 0
        self._sent: dict[tuple[int, int], int] = {}
        self._uncertain: set[tuple[int, int, int]] = set()
        self._acknowledged = self._refused = self._disconnects = 0
        self._refusal = ""
        self._lag, self._acknowledgements = Latencies(), Latencies()
        self._meter = LoadMeter()
        self._ready = self._reported = self._stopped = False
        self._progress_due = 0

    def run(self) -> None:
        """Publish until told to stop."""
        begun = time.monotonic_ns()
        for number in range(self._scenario.publishers):
            self._connect(number)
        while not self._stopped:
            now = time.monotonic_ns()
            self._send_due(now)
            self._do_chores(now, begun)
            # Unlike epoll's, the timeout of `select` is finer than a millisecond.
            select.select([self._epoll], [], [], self._pause())
            for descriptor, _ in self._epoll.poll(0):
                self._attend(descriptor)

    def close(self) -> None:
        """Close all sockets."""
        for line in self._lines.values():
            line.sock.close()
        self._epoll.close()

    # Sending.

    def _send_due(self, now: int) -> None:
        if self._window is None:
            return
        begin, times, waiting = self._window.begin, self._times, self._waiting
        while self._next < len(times) and begin + times[self._next] <= now:
            if self._next >= self._warmup:
                self._lag.record((now - begin - times[self._next]) // 1000)
            waiting.append(self._next)
            self._next += 1
        while waiting and self._free:
            self._send(self._free.popleft(), waiting.popleft(), begin)

    def _send(self, line: Line, event: int, begin: int) -> None:
        topic = self._topics[event]
        lane = topic, line.number
        number = self._sent.get(lane, 0)
        self._sent[lane] = number + 1
        stamp = Stamp(event, topic, line.number, number, begin + self._times[event])
        line.event, line.key = event, (topic, line.number, number)
        line.out = self._target.publication(topic_name(self._run, topic), self._stamper.write(stamp))
        self._flush(line)

    def _flush(self, line: Line) -> None:
        try:
            interest = READABLE if line.send() else READABLE | WRITABLE
        except OSError as error:
            self._lose(line, str(error))
            return
        if interest != READABLE:
            self._epoll.modify(line.sock, interest)

    def _pause(self) -> float:
        if self._window is None or self._next == len(self._times):
            return LONGEST_PAUSE
        due = self._window.begin + self._times[self._next] - time.monotonic_ns()
        return min(max(due / NANOSECONDS, 0.0), LONGEST_PAUSE)

    # Answers.

    def _attend(self, descriptor: int) -> None:
        line = self._lines.get(descriptor)
        if line is None:
            self._obey()
        elif not line.ready or line.out:
            self._continue(line)
        else:
            self._receive(line)

    def _continue(self, line: Line) -> None:
        """Go on connecting or sending, now that the socket is writable."""
        problem = 0 if line.ready else line.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            self._lose(line, os.strerror(problem))
            return
        if not line.ready:
            line.ready = True
            self._free.append(line)
        self._epoll.modify(line.sock, READABLE)
        if line.out:
            self._flush(line)

    def _receive(self, line: Line) -> None:
        try:
            status = line.receive()
        except BlockingIOError:
            return
        except (OSError, FramingError) as error:
            self._lose(line, str(error))
            return
        if status is None or line.event is None:
            return
        self._judge(line, line.event, status)
        line.event = None
        if line.closes:
            self._lose(line, "the server ends it after each answer")
        else:
            self._free.append(line)

    def _judge(self, line: Line, event: int, status: int) -> None:
        if status not in self._target.publish_statuses:
            self._refused += 1
            self._uncertain.add(line.key)
            self._refusal = self._refusal or f"status {status}"
            if status in HOPELESS and not self._acknowledged:
                self._stop(line.number, f"the server lets nobody publish so: {self._refusal}")
            return
        self._acknowledged += 1
        if event >= self._warmup and self._window is not None:
            due = self._window.begin + self._times[event]
            self._acknowledgements.record((time.monotonic_ns() - due) // 1000)

    # Connections.

    def _connect(self, number: int) -> None:
        try:
            sock = begin_connection(self._address, 0)
        except OSError as error:
            self._fail(number, error.strerror or str(error))
            return
        self._lines[sock.fileno()] = Line(number, sock)
        self._epoll.register(sock, WRITABLE)

    def _lose(self, line: Line, reason: str) -> None:
        """Give a connection up. The event on its way is uncertain; without one the server may end it when it likes."""
        del self._lines[line.sock.fileno()]
        line.sock.close()
        if line in self._free:
            self._free.remove(line)
        if line.ready and line.event is None:
            self._connect(line.number)
            return
        if line.event is not None:
            self._uncertain.add(line.key)
            self._disconnects += 1
        self._fail(line.number, reason)

    def _fail(self, number: int, reason: str) -> None:
        if self._ready:
            self._broken.append((moment_after(CONNECT_AGAIN), number))
        else:
            self._stop(number, reason)

    def _stop(self, number: int, reason: str) -> None:
        self._pipe.send(Broken(f"publisher {number}: {reason}"))
        self._stopped = True

    # Chores.

    def _obey(self) -> None:
        try:
            message = self._pipe.recv()
        except (EOFError, OSError):
            message = Stop()
        if isinstance(message, Window):
            self._window = message
            self._meter.start(message)
            self._deadline = message.end + int(self._scenario.patience * NANOSECONDS)
        elif isinstance(message, Stop):
            self._stopped = True

    def _do_chores(self, now: int, begun: int) -> None:
        self._meter.look(now, 0)
        while self._broken and self._broken[0][0] <= now:
            self._connect(self._broken.popleft()[1])
        if not self._ready and len(self._free) == self._scenario.publishers:
            self._ready = True
            self._pipe.send(Ready(len(self._free), begun, now))
        if now >= self._progress_due:
            self._progress_due = now + BETWEEN_PROGRESS
            self._pipe.send(Progress(published=self._acknowledged))
        if self._window is not None and not self._reported and self._is_over(self._window, now):
            self._reported = True
            self._pipe.send(self._report())

    def _is_over(self, window: Window, now: int) -> bool:
        """Return whether all is answered, or the patience is at its end."""
        if now <= window.end:
            return False
        busy = self._waiting or self._next < len(self._times) or any(line.event is not None for line in self._each())
        return not busy or now > self._deadline

    def _each(self) -> list[Line]:
        return list(self._lines.values())

    def _report(self) -> PublisherReport:
        self._uncertain.update(line.key for line in self._each() if line.event is not None)
        return PublisherReport(
            sent=self._sent,
            uncertain=frozenset(self._uncertain),
            acknowledged=self._acknowledged,
            refused=self._refused,
            refusal=self._refusal[:MAX_REFUSAL],
            unsent=len(self._times) - self._next + len(self._waiting),
            disconnects=self._disconnects,
            lag=self._lag.encode(),
            acknowledgements=self._acknowledgements.encode(),
            load=self._meter.load,
        )
