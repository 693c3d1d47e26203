"""Arrivals: many subscribers who connect all at once, in a process of their own, and count what they get.

Not here: checking the order of events (longwave.load does); measuring (footprint.py).

It takes as little of the machine as it can: events are counted by their lines of data, and each member's stream is
summed up, so that a client which got other bytes than the rest is found without reading a single field.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load.open_files import FILES_BESIDES, open_files

if TYPE_CHECKING:
    from types import TracebackType

AT_ONCE = 1000  # members that wait for the head of their response at the same time
READ_SIZE = 65_536
PATIENCE = 60.0  # seconds for everybody to get what is waited for

_HEAD_END = b"\r\n\r\n"
_END = b"\n\n"  # of an event, or of a comment
_DATA = b"\ndata: "  # each event has an id before one line of data


class ArrivalError(Exception):
    """A member did not get what it had to get."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What was waited for has come to everybody.

    begun, ended: nanoseconds of the monotonic clock. cpu: seconds of a processor that the members took.
    streams: how many different streams there were, by length and checksum. sample: the stream of one of them.
    """

    begun: int
    ended: int
    cpu: float
    streams: int
    sample: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.begun) / 1e9


class Arrivals:
    """Members in another process; for use in `with`. They connect at the first `wait`.

    request: path and headers of the subscription, as in an HTTP request after `GET `.
    cpu: the processor that they keep to.
    """

    def __init__(self, port: int, request: bytes, size: int, *, cpu: int) -> None:
        self._arguments = [str(port), str(size), str(cpu), request.hex()]

    def __enter__(self) -> Arrivals:
        command = [sys.executable, "-m", "benchmarks.load.arrivals", *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def connect(self) -> Arrived:
        """Subscribe everybody; return when each has the head of its response."""
        return self.wait(0)

    def wait(self, events: int) -> Arrived:
        """Return when each member has got so many events in all. Raises ArrivalError."""
        self.expect(events)
        return self.result()

    def expect(self, events: int) -> None:
        """Begin to wait; `result` tells the end."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % events)
        self._process.stdin.flush()

    def result(self) -> Arrived:
        """Return when what was expected has come. Raises ArrivalError."""
        return Arrived(**self._answer())

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ArrivalError("expected all members to get all events, got an end before (see above)")
        return json.loads(line)


class Member:
    """One subscriber: how many events it got, and what they were, in sum."""

    __slots__ = ("checksum", "events", "kept", "length", "socket", "unfinished")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.events = 0
        self.checksum = self.length = 0
        self.unfinished = b""  # of the head, or of an event
        self.kept: list[bytes] | None = None

    def read_head(self, received: bytes) -> bool:
        """Take a part of the head; return whether it is complete."""
        head, end, body = (self.unfinished + received).partition(_HEAD_END)
        if not end:
            self.unfinished = head
            return False
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise ArrivalError(f"expected status 200, got {head!r}")
        self.unfinished = b""
        self.read(body)
        return True

    def read(self, received: bytes) -> None:
        """Take a part of the stream; what comes after the last blank line is for the next time."""
        received = self.unfinished + received
        end = received.rfind(_END) + len(_END)
        if end < len(_END):
            self.unfinished = received
            return
        complete, self.unfinished = received[:end], received[end:]
        self.events += complete.count(_DATA)
        self.checksum = zlib.crc32(complete, self.checksum)
        self.length += len(complete)
        if self.kept is not None:
            self.kept.append(complete)


class Members:
    """All of them, behind one epoll."""

    def __init__(self, port: int, request: bytes, size: int) -> None:
        self._address = ("127.0.0.1", port)
        self._request = b"GET " + request + b"\r\n\r\n"
        self._size = size
        self._epoll = select.epoll()
        self._members: dict[int, Member] = {}
        self._without_head: set[int] = set()

    def get(self, events: int) -> Arrived:
        """Connect whoever is not, and read until each has so many events."""
        begun, cpu = time.monotonic_ns(), time.process_time()
        missing = self._size - sum(member.events >= events for member in self._members.values())
        while missing or self._without_head:
            self._connect_some()
            found = self._epoll.poll(PATIENCE)
            if not found:
                raise ArrivalError(f"expected {events} events for everybody within {PATIENCE:g} s, {missing} lack some")
            for descriptor, _ in found:
                missing -= self._read(descriptor, events)
        return self._arrived(begun, cpu)

    def _arrived(self, begun: int, cpu: float) -> Arrived:
        streams = {(member.length, member.checksum) for member in self._members.values()}
        kept = next(iter(self._members.values())).kept or []
        spent = time.process_time() - cpu
        return Arrived(begun, time.monotonic_ns(), spent, len(streams), b"".join(kept).decode())

    def _connect_some(self) -> None:
        while len(self._members) < self._size and len(self._without_head) < AT_ONCE:
            connection = socket.socket()
            connection.connect(self._address)
            connection.send(self._request)
            connection.setblocking(False)
            member = self._members[connection.fileno()] = Member(connection)
            if len(self._members) == 1:
                member.kept = []
            self._without_head.add(connection.fileno())
            self._epoll.register(connection, select.EPOLLIN)

    def _read(self, descriptor: int, events: int) -> bool:
        """Return whether the member has got so many events by this."""
        member = self._members[descriptor]
        received = member.socket.recv(READ_SIZE)
        if not received:
            raise ArrivalError("expected a stream without end, got its end")
        if descriptor in self._without_head:
            if member.read_head(received):
                self._without_head.discard(descriptor)
                return member.events >= events
            return False
        before = member.events
        member.read(received)
        return before < events <= member.events


def main() -> None:
    """Be the members: read numbers of events, answer when everybody has so many."""
    port, size, cpu = map(int, sys.argv[1:4])
    os.sched_setaffinity(0, {cpu})
    open_files(size + FILES_BESIDES)
    members = Members(port, bytes.fromhex(sys.argv[4]), size)
    print("{}", flush=True)
    for line in sys.stdin:
        arrived = members.get(int(line))
        print(json.dumps({name: getattr(arrived, name) for name in Arrived.__slots__}), flush=True)


if __name__ == "__main__":
    main()
