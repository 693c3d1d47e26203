"""How much a hub delivers when more is published than it can send one by one.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.saturation [--subscribers 1000] [--events 4000] [--rounds 5]

`flood`: 32 publishers, each of whom publishes again as soon as it is answered; what comes during a pass goes out in
the next one. `tens`: one publisher whose requests hold ten events, so that ten share a write, and all subscribers
have them before the next. The server has one processor, publishers and subscribers the other. A delivery is one event
to one subscriber; `per core` is by the processor time of the server, publishing included. nchan, if it is installed,
has no request for many events.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison.nchan.launcher import PEER
from benchmarks.load import footprint
from benchmarks.load.arrivals import Arrivals, Arrived
from benchmarks.load.longwave_server import LOAD_CPU, SERVER_CPU, launch
from benchmarks.load.publisher import Endpoint, Publisher
from benchmarks.load.publishers import post, publish
from benchmarks.load.server_process import ServerProcess, free_port

PUBLISHERS = 32
BATCH = 10
DATA = "x" * 150
FORM = "application/x-www-form-urlencoded"
NCHAN_SUBSCRIPTION = b"/sub/t HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream"
SUBSCRIPTION = b"/events?topic=t HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream"


@dataclass(frozen=True, slots=True)
class Round:
    """Deliveries a second: by the clock, and of the server's processor time."""

    by_clock: float
    per_core: float


def flood(server: ServerProcess, subscription: bytes, request: bytes, subscribers: int, events: int) -> Round:
    """Publish as fast as the server answers."""
    with server, Arrivals(server.port, subscription, subscribers, cpu=LOAD_CPU) as members:
        members.connect()
        before = footprint.cpu_time(server.pids)
        members.expect(events)
        publish(server.port, request, PUBLISHERS, events, cpu=LOAD_CPU)
        arrived = members.result()
        return _round(server, arrived, subscribers * events, before, arrived.seconds)


def tens(server: ServerProcess, subscribers: int, events: int) -> Round:
    """Publish ten at a time."""
    line = json.dumps({"topic": "t", "data": DATA}) + "\n"
    endpoint = Endpoint("/events", lambda data: data, {"Content-Type": "application/x-ndjson"})
    with server, Arrivals(server.port, SUBSCRIPTION, subscribers, cpu=LOAD_CPU) as members:
        members.connect()
        publisher = Publisher(server.port, endpoint)
        before = footprint.cpu_time(server.pids)
        begun = time.monotonic()
        for sent in range(BATCH, events + 1, BATCH):
            members.expect(sent)
            publisher.publish(line * BATCH)
            arrived = members.result()
        publisher.close()
        return _round(server, arrived, subscribers * events, before, time.monotonic() - begun)


def _round(server: ServerProcess, arrived: Arrived, deliveries: int, before: int, seconds: float) -> Round:
    cpu = (footprint.cpu_time(server.pids) - before) / 1e9
    if arrived.streams != 1:
        raise AssertionError(f"expected one stream for all subscribers, got {arrived.streams} different ones")
    return Round(deliveries / seconds, deliveries / cpu)


def show(name: str, rounds: list[Round]) -> None:
    """Print one line."""
    by_clock = sorted(each.by_clock for each in rounds)
    per_core = statistics.median(each.per_core for each in rounds)
    print(
        f"{name:24} {per_core:14,.0f} {statistics.median(by_clock):14,.0f} {by_clock[0]:14,.0f} {by_clock[-1]:14,.0f}"
    )


def run(*, subscribers: int = 1000, events: int = 4000, rounds: int = 5) -> None:
    """Print the table."""
    print(f"{subscribers:,} subscribers, deliveries a second:")
    print(f"{'':24} {'per core':>14} {'by the clock':>14} {'least':>14} {'most':>14}")
    one = post("/events", FORM, f"topic=t&data={DATA}".encode())
    measured: dict[str, list[Round]] = {}
    for _ in range(rounds):
        for log in ("memory:", "sqlite:{}/log.db"):
            name = log.partition(":")[0]
            with tempfile.TemporaryDirectory() as place:
                server = launch(log.format(place))
                measured.setdefault(f"{name}, flood", []).append(flood(server, SUBSCRIPTION, one, subscribers, events))
        measured.setdefault("memory, tens", []).append(tens(launch("memory:"), subscribers, events))
        if PEER.missing() is None:
            with tempfile.TemporaryDirectory() as place:
                server = _launch_nchan(Path(place))
                measured.setdefault("nchan, flood", []).append(
                    flood(server, NCHAN_SUBSCRIPTION, post("/pub/t", "text/plain", DATA.encode()), subscribers, events)
                )
    for name, each in measured.items():
        show(name, each)
    if (missing := PEER.missing()) is not None:
        print(f"nchan was left out: {missing}")


def _launch_nchan(place: Path) -> ServerProcess:
    port = free_port()
    command = PEER.launch(place, (port,), durable=False).commands[0]
    return ServerProcess(list(command.arguments), port, cpu=SERVER_CPU)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(subscribers=options.subscribers, events=options.events, rounds=options.rounds)


if __name__ == "__main__":
    main()
