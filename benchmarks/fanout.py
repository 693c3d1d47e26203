"""What one publish to many idle subscribers costs the server: processor time a delivery, memory a subscriber.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.fanout [--subscribers 5000] [--publishes 200] [--rounds 5] [--json FILE]

Contenders: Longwave over a log in memory and over SQLite (full durability), nchan if it is installed, and a bare loop
of `send` in Python, which is what the operating system allows. They take turns, round by round, on one processor; the
subscribers and the publisher have another. A round: subscribe everybody, then publish one event at a time, each when
all subscribers have got the one before. A run in which any subscriber misses, repeats or reorders an event fails.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
import urllib.parse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.nchan import launcher as nchan
from benchmarks.load import footprint
from benchmarks.load.crowd import Crowd, event_data
from benchmarks.load.publisher import Endpoint, Publisher
from benchmarks.load.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER_CPU, LOAD_CPU = 0, 1
SIZE = 150  # bytes of an event's data
WARM_UP = 500  # subscribers that come first, so that what is allocated once for all does not count
FIRST_PUBLISHES = 5  # not measured
TOPIC = "t"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ENDPOINT = Endpoint("/events", lambda data: urllib.parse.urlencode({"topic": TOPIC, "data": data}), FORM)


def subscription(topic: str) -> bytes:
    """Return the request that subscribes to a topic of Longwave, or of the bare loop, which has only one."""
    return f"/events?topic={topic} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream".encode()


@dataclass(frozen=True, slots=True)
class Contender:
    """A server to measure. launch: given an empty directory, returns its process, ready to be started."""

    name: str
    launch: Callable[[Path], ServerProcess]
    subscription: Callable[[str], bytes] = subscription
    endpoint: Endpoint = ENDPOINT


@dataclass(frozen=True, slots=True)
class Round:
    """What was measured.

    cpu: microseconds of the server a delivery. memory: bytes of the server a subscriber, all of them idle.
    last: milliseconds from the publish to the last subscriber, median.
    """

    cpu: float
    memory: float
    last: float


def launch_longwave(directory: Path, log: str) -> ServerProcess:
    """Return a hub of the installed package, or of the source that PYTHONPATH names."""
    port = free_port()
    options = ["--port", str(port), "--log", log.format(directory=directory), "--log-level", "warning"]
    return ServerProcess([sys.executable, "-m", "longwave", "serve", *options], port, cpu=SERVER_CPU)


def launch_bare(_: Path) -> ServerProcess:
    """Return the bare loop."""
    port = free_port()
    return ServerProcess([sys.executable, "-m", "benchmarks.load.bare_server", str(port)], port, cpu=SERVER_CPU)


CONTENDERS = (
    Contender("longwave memory", lambda directory: launch_longwave(directory, "memory:")),
    Contender("longwave sqlite", lambda directory: launch_longwave(directory, "sqlite:{directory}/log.db")),
    Contender("nchan", lambda directory: nchan.launch(directory, cpu=SERVER_CPU), nchan.subscription, nchan.ENDPOINT),
    Contender("bare send loop", launch_bare),
)


def measure(contender: Contender, subscribers: int, publishes: int) -> Round:
    """Run one round. Raises CrowdError if a subscriber did not get every event, OSError if the server fails."""
    with (
        tempfile.TemporaryDirectory() as directory,
        contender.launch(Path(directory)) as server,
        Crowd(server.port, contender.subscription("warm-up"), WARM_UP, cpu=LOAD_CPU),
    ):
        before = footprint.memory(server.pids)
        with Crowd(server.port, contender.subscription(TOPIC), subscribers, cpu=LOAD_CPU) as crowd:
            memory = (footprint.memory(server.pids) - before) / subscribers
            publisher = Publisher(server.port, contender.endpoint)
            _publish(publisher, crowd, range(1, FIRST_PUBLISHES + 1))
            cpu = footprint.cpu_time(server.pids)
            delays = _publish(publisher, crowd, range(FIRST_PUBLISHES + 1, FIRST_PUBLISHES + publishes + 1))
            cpu = footprint.cpu_time(server.pids) - cpu
            publisher.close()
    return Round(cpu / 1e3 / (subscribers * publishes), memory, statistics.median(delays) / 1e6)


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
    with tempfile.TemporaryDirectory() as directory:
        try:
            nchan.launch(Path(directory), cpu=SERVER_CPU)
        except nchan.NotInstalled as error:
            print(f"nchan is left out: {error}", file=sys.stderr)
            return [contender for contender in chosen if contender.name != "nchan"]
    return chosen


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
