"""Returning subscribers: many come at once with the same Last-Event-ID, and each is to get the whole history.

Not here: the history (history.py), subscribers that were there before (storm.py).
Rules that always hold: a process of its own; every stream is checked event by event; it ends when everybody has all,
or at the end of its patience.
Run: python -m benchmarks.comparison.measures.returning, with a pickled Returning on standard input; prints JSON.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from longwave.load.gate import Gate, Opened, OpeningFailed
from longwave.load.opening import Pace, resolve
from longwave.load.place import Place, Places, Step
from longwave.load.receiver import FILES_BESIDES, MAX_READY, RECEIVE_SIZE, raise_file_limit
from longwave.load.sequence import Audience, Faults
from longwave.load.stamp import Stamper

if TYPE_CHECKING:
    import socket

    from benchmarks.comparison.measures.history import History

    from longwave.load import Target

PATIENCE = 60.0  # seconds for everybody to get everything
PAUSE = 0.001  # seconds
SPARE = 30.0  # seconds for the process to start and to end


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of it.

    seconds: from the first connect to the last event of the last subscriber. cpu: seconds of this process.
    complete: subscribers that got everything once and in order. refused: that got no stream. faults: what was wrong.
    """

    seconds: float
    cpu: float
    complete: int
    refused: int
    faults: dict[str, int]


@dataclass(frozen=True, slots=True)
class Returning:
    """So many subscribers of a history. connect_rate: connections a second at most, 0 for no limit."""

    target: Target
    history: History
    count: int
    connect_rate: float = 0.0

    def start(self) -> subprocess.Popen[bytes]:
        """Start them in a process of their own."""
        command = [sys.executable, "-m", "benchmarks.comparison.measures.returning"]
        # The same import path as ours, so that the target's class is found.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(self))
        process.stdin.close()
        process.stdin = None
        return process


def finish(process: subprocess.Popen[bytes]) -> Returned:
    """Wait for the end of what `start` returned. Raises RuntimeError, and leaves no process."""
    try:
        printed, _ = process.communicate(timeout=PATIENCE + SPARE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise RuntimeError("expected the returning subscribers to end, got no end") from None
    if process.returncode:
        raise RuntimeError("expected the returning subscribers to report, got an error (see above)")
    return Returned(**json.loads(printed))


class Crowd:
    """The subscribers themselves, behind one epoll."""

    def __init__(self, job: Returning) -> None:
        self._job = job
        self._statuses = job.target.subscribe_statuses
        raise_file_limit(job.count + FILES_BESIDES)
        self._epoll = select.epoll()
        request = job.target.subscription([job.history.topic], job.history.after)
        self._begun = time.monotonic_ns()
        pace = Pace(job.connect_rate, self._begun)
        self._gate = Gate(self._epoll, resolve(job.target.address), lambda _: request, pace)
        self._gate.ask(range(job.count))
        self._places = Places(Stamper(job.history.run, job.history.payload), chatter=job.target.chatter)
        self._first = self._places.start(Audience((0,), 1))
        self._members: dict[int, tuple[socket.socket, Place]] = {}
        self._faults = Faults()
        self._complete = self._refused = 0

    def run(self) -> Returned:
        """Receive until everybody has everything."""
        cpu, end = time.process_time(), time.monotonic() + PATIENCE
        while self._complete + self._refused < self._job.count and time.monotonic() < end:
            self._refused += sum(error is not None for _, error in self._gate.begin(time.monotonic_ns()))
            for descriptor, _ in self._epoll.poll(PAUSE, MAX_READY):
                self._attend(descriptor)
        seconds = (time.monotonic_ns() - self._begun) / 1e9
        return Returned(seconds, time.process_time() - cpu, self._complete, self._refused, asdict(self._faults))

    def _attend(self, descriptor: int) -> None:
        if descriptor in self._gate:
            self._advance(descriptor)
            return
        sock, place = self._members[descriptor]
        try:
            chunk = sock.recv(RECEIVE_SIZE)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if chunk:
            self._take(descriptor, sock, self._step(place, chunk))
        else:
            self._leave(descriptor)

    def _advance(self, descriptor: int) -> None:
        try:
            opened = self._gate.advance(descriptor)
        except OpeningFailed:
            self._refused += 1
            return
        if opened is not None:
            self._admit(descriptor, opened)

    def _admit(self, descriptor: int, opened: Opened) -> None:
        step = self._step(self._first, opened.received)
        if step.place.status not in (None, *self._statuses):
            opened.sock.close()
            self._refused += 1
            return
        self._take(descriptor, opened.sock, step)

    def _take(self, descriptor: int, sock: socket.socket, step: Step) -> None:
        if step.faults:
            self._faults.add(step.faults)
        self._members[descriptor] = sock, step.place
        tally = step.place.where.tally
        if step.stamps and tally.following[0] >= self._job.history.events and not tally.missing:
            self._complete += 1

    def _leave(self, descriptor: int) -> None:
        """Close a stream that the server ended; whoever lacks something by then stays incomplete."""
        sock, place = self._members.pop(descriptor)
        sock.close()
        if place.where.tally.following[0] < self._job.history.events:
            self._refused += 1

    def _step(self, place: Place, chunk: bytes) -> Step:
        if self._places.full:
            self._places.forget({place, self._first, *(place for _, place in self._members.values())})
        return self._places.step(place, chunk)


def main() -> None:
    """Be the subscribers."""
    gc.disable()  # the process is short, and nothing is left in cycles
    print(json.dumps(asdict(Crowd(pickle.loads(sys.stdin.buffer.read())).run())))


if __name__ == "__main__":
    main()
