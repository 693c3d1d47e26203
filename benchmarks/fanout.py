"""What one publish to many idle subscribers costs the server: processor time a delivery, memory a subscriber.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.fanout [--subscribers 5000] [--publishes 200] [--rounds 5] [--json FILE]

Contenders: Longwave over a log in memory and over SQLite (full durability), nchan if it is installed, and a bare loop
of `send` in Python and in C, which is what the operating system allows. They take turns, round by round, on one
processor; the subscribers and the publisher have another. A round: subscribe everybody, then publish one event at a
time, each when all subscribers have got the one before. A run in which any subscriber misses, repeats or reorders an
event fails.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.bare.launcher import BarePeer
from benchmarks.comparison.roster import ROSTER
from benchmarks.load import footprint
from benchmarks.load.crowd import Crowd, event_data

from longwave.load.framing import NO_HEAD, Complete, Framing

if TYPE_CHECKING:
    from benchmarks.comparison.peer import Peer

    from longwave.load import Target

SERVER_CPU, LOAD_CPU = 0, 1
SIZE = 150  # bytes of an event's data
WARM_UP = 500  # subscribers that come first, so that what is allocated once for all does not count
FIRST_PUBLISHES = 5  # not measured
TOPIC, IDLE_TOPIC = "t", "warm-up"
PATIENCE = 60.0  # seconds for an answer
READ_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to measure. durable: whether it keeps its history on disk."""

    name: str
    peer: Peer
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured.

    cpu: microseconds of the server a delivery. memory: bytes of the server a subscriber, all of them idle.
    last: milliseconds from the publish to the last subscriber, median.
    """

    cpu: float
    memory: float
    last: float


class Publisher:
    """One kept connection over which events are published, one at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._sock = socket.create_connection(target.publish_address, PATIENCE)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def publish(self, data: str) -> None:
        """Publish one event; returns when the server has acknowledged it. Raises OSError if it refuses."""
        self._sock.sendall(self._target.publication(TOPIC, data))
        framing: Framing = NO_HEAD
        while not isinstance(framing, Complete):
            received = self._sock.recv(READ_SIZE)
            if not received:
                raise OSError("expected an answer, got the end of the connection")
            _, framing = framing.feed(received)
        if framing.status not in self._target.publish_statuses:
            raise OSError(f"expected the event to be taken, got status {framing.status}")

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()


CONTENDERS = (
    Contender("longwave memory", ROSTER["longwave"]),
    Contender("longwave sqlite", ROSTER["longwave"], durable=True),
    Contender("nchan", ROSTER["nchan"]),
    Contender("bare send loop", BarePeer(in_c=False)),
    Contender("the same in C", ROSTER["bare"]),
)


def measure(contender: Contender, subscribers: int, publishes: int) -> Round:
    """Run one round. Raises CrowdError if a subscriber did not get every event, OSError if the server fails."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            running = contender.peer.start(Path(folder), cpu=SERVER_CPU, durable=contender.durable)
            return _measure(running.target, running.pids, subscribers, publishes)
        finally:
            contender.peer.stop()


def _measure(target: Target, pids: tuple[int, ...], subscribers: int, publishes: int) -> Round:
    with _crowd(target, IDLE_TOPIC, WARM_UP):
        before = footprint.memory(pids)
        with _crowd(target, TOPIC, subscribers) as crowd:
            memory = (footprint.memory(pids) - before) / subscribers
            publisher = Publisher(target)
            _publish(publisher, crowd, range(1, FIRST_PUBLISHES + 1))
            cpu = footprint.cpu_time(pids)
            delays = _publish(publisher, crowd, range(FIRST_PUBLISHES + 1, FIRST_PUBLISHES + publishes + 1))
            cpu = footprint.cpu_time(pids) - cpu
            publisher.close()
    return Round(cpu / 1e3 / (subscribers * publishes), memory, statistics.median(delays) / 1e6)


def _crowd(target: Target, topic: str, size: int) -> Crowd:
    request = target.subscription([topic]).removeprefix(b"GET ").removesuffix(b"\r\n\r\n")
    return Crowd(target.address[1], request, size, cpu=LOAD_CPU)


def _publish(publisher: Publisher, crowd: Crowd, numbers: range) -> list[int]:
    """Publish one event after the other; return the nanoseconds until the last subscriber had each."""
    delays = []
    for number in numbers:
        begun = time.monotonic_ns()
        publisher.publish(event_data(number, SIZE))
        delays.append(crowd.wait(number) - begun)
    return delays


def run(contenders: list[Contender], options: argparse.Namespace) -> dict[str, list[Round]]:
    """Let the contenders take turns; return the rounds of each."""
    rounds: dict[str, list[Round]] = {contender.name: [] for contender in contenders}
    for number in range(options.rounds):
        for contender in contenders:
            rounds[contender.name].append(measure(contender, options.subscribers, options.publishes))
            _show_progress(f"round {number + 1} of {options.rounds}: {contender.name}")
    _show_progress("")
    return rounds


def _show_progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def show(rounds: dict[str, list[Round]], options: argparse.Namespace) -> None:
    """Print medians, ranges and ratios."""
    print(
        f"{options.subscribers:,} subscribers, {SIZE} bytes of data, {options.publishes} publishes one at a time, "
        f"{options.rounds} rounds in turn, load of the machine {os.getloadavg()[0]:.1f}"
    )
    best = statistics.median(round.cpu for round in rounds[CONTENDERS[0].name]) if CONTENDERS[0].name in rounds else 0
    print(
        f"{'':16} {'us CPU/delivery':>16} {'range':>15} {'ratio':>6} {'bytes/subscriber':>17} {'last of all, ms':>16}"
    )
    for name, measured in rounds.items():
        cpu = sorted(round.cpu for round in measured)
        middle = statistics.median(cpu)
        print(
            f"{name:16} {middle:16.2f} {cpu[0]:7.2f}-{cpu[-1]:<7.2f} {middle / best if best else 0:6.2f} "
            f"{statistics.median(round.memory for round in measured):17,.0f} "
            f"{statistics.median(round.last for round in measured):16.1f}"
        )


def choose(names: list[str]) -> list[Contender]:
    """Return the contenders of these names, all if none is given, without those that are not installed."""
    chosen = [contender for contender in CONTENDERS if not names or contender.name in names]
    for contender in chosen:
        if (missing := contender.peer.missing()) is not None:
            print(f"{contender.name} is left out: {missing.reason}. {missing.install}", file=sys.stderr)
    return [contender for contender in chosen if contender.peer.missing() is None]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=5000)
    parser.add_argument("--publishes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[], choices=[contender.name for contender in CONTENDERS])
    parser.add_argument("--json", type=Path, help="write every round's figures to this file")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if (os.cpu_count() or 1) <= LOAD_CPU or hard < options.subscribers + WARM_UP + 1024:
        parser.error(f"expected two processors and more open files than subscribers, got {os.cpu_count()} and {hard}")
    rounds = run(choose(options.only), options)
    show(rounds, options)
    if options.json:
        figures = {name: [asdict(round) for round in measured] for name, measured in rounds.items()}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
