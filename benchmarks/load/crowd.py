"""A crowd: many subscribers of one topic, in a process of their own, who check that each gets every event in sequence.

Not here: publishing and measuring (publisher.py, footprint.py).

The members are plain sockets behind one epoll, so that the crowd takes as little of the machine as it can. The data
of event number N must begin with `event_data(N)`; numbers rise by one from 1.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

CONNECTING = 250  # members that wait for the head of their response at the same time
READ_SIZE = 16_384
DIGITS = 8  # of an event's number
PATIENCE = 60.0  # seconds for any one wait
FILES_BESIDES = 64

_DATA = b"data: "


class CrowdError(Exception):
    """A member did not get what it had to get."""


def event_data(number: int, size: int) -> str:
    """Return the data of an event, of `size` bytes."""
    return f"{number:0{DIGITS}} ".ljust(size, "x")


class Crowd:
    """A crowd in another process; for use in `with`: all members are subscribed from there on.

    request: path and headers of the subscription, as in an HTTP request after `GET `.
    cpu: the processor that the crowd keeps to.
    """

    def __init__(self, port: int, request: bytes, size: int, *, cpu: int) -> None:
        self._port = port
        self._request = request
        self._size = size
        self._cpu = cpu

    def __enter__(self) -> Crowd:
        arguments = [str(self._port), str(self._size), str(self._cpu), self._request.hex()]
        command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "benchmarks.load.crowd", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self._expect(b"subscribed")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def wait(self, number: int) -> int:
        """Return when the last member has got this event: nanoseconds of the monotonic clock. Raises CrowdError."""
        return int(self._expect(b"%d" % number))

    def _expect(self, word: bytes) -> bytes:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        if not line or line[0] != word:
            raise CrowdError(f"expected {word.decode()!r} from the crowd, got {b' '.join(line).decode()!r}")
        return line[-1]


class Members:
    """The members themselves."""

    def __init__(self, port: int, request: bytes, size: int) -> None:
        self._address = ("127.0.0.1", port)
        self._request = b"GET " + request + b"\r\n\r\n"
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._expected: dict[int, int] = {}
        self._rests: dict[int, bytes] = {}  # the beginning of an event whose end has not come
        self._size = size

    def subscribe(self) -> None:
        """Connect everybody, and read the head of each response with the comment after it."""
        while len(self._sockets) < self._size:
            some = [self._connect() for _ in range(min(CONNECTING, self._size - len(self._sockets)))]
            for member in some:
                self._read_head(member)

    def _connect(self) -> socket.socket:
        member = socket.create_connection(self._address, PATIENCE)
        member.sendall(self._request)
        self._sockets[member.fileno()] = member
        self._expected[member.fileno()] = 1
        return member

    def _read_head(self, member: socket.socket) -> None:
        received = b""
        while b"\n:" not in received or not received.endswith(b"\n"):
            chunk = member.recv(READ_SIZE)
            if not chunk:
                raise CrowdError(f"expected an event stream, got {received!r}")
            received += chunk
        if b" 200 " not in received.partition(b"\n")[0]:
            raise CrowdError(f"expected status 200, got {received!r}")
        member.setblocking(False)
        self._epoll.register(member, select.EPOLLIN)

    def follow(self) -> None:
        """Print each event's number and the time at which the last member got it, for ever."""
        missing: dict[int, int] = {}  # members who have not got an event that others have, by its number
        while True:
            for descriptor, _ in self._epoll.poll():
                for number in self._read(descriptor):
                    left = missing[number] = missing.get(number, self._size) - 1
                    if not left:
                        del missing[number]
                        print(number, time.monotonic_ns(), flush=True)

    def _read(self, descriptor: int) -> range:
        """Return the numbers of the events that a member got."""
        received = self._sockets[descriptor].recv(READ_SIZE)
        if not received:
            raise CrowdError("expected a stream without end, got its end")
        rest = self._rests.pop(descriptor, None)
        if rest is not None:
            received = rest + received
        first = number = self._expected[descriptor]
        place = received.find(_DATA)
        while place >= 0 and (end := received.find(b"\n\n", place)) > 0:
            got = int(received[place + len(_DATA) : place + len(_DATA) + DIGITS])
            if got != number:
                raise CrowdError(f"expected event {number}, got event {got}")
            number += 1
            received = received[end:]
            place = received.find(_DATA)
        if len(received) > 2 and (place >= 0 or not received.endswith(b"\n")):
            self._rests[descriptor] = received
        self._expected[descriptor] = number
        return range(first, number)


def open_files(count: int) -> None:
    """Let this process open so many files. Raises ValueError if the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def main() -> None:
    """Be a crowd."""
    port, size, cpu = map(int, sys.argv[1:4])
    os.sched_setaffinity(0, {cpu})
    open_files(size + FILES_BESIDES)
    members = Members(port, bytes.fromhex(sys.argv[4]), size)
    members.subscribe()
    print("subscribed", flush=True)
    members.follow()


if __name__ == "__main__":
    main()
