"""What a new subscriber costs the server: accept, read the request, answer, watch.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.connect [--subscribers 5000] [--rounds 5]

All subscribers connect at once, from another processor, and stay. `per core` is how many the server would take if it
had nothing to wait for: the inverse of its processor time for one. Memory is of the server, for one that is idle.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import dataclass

from benchmarks.load import footprint
from benchmarks.load.arrivals import Arrivals
from benchmarks.load.longwave_server import LOAD_CPU, launch

WARM_UP = 500  # subscribers that come first, so that what is allocated once for all does not count


@dataclass(frozen=True, slots=True)
class Round:
    """cpu: microseconds of the server for one subscriber. rate: subscribers a second by the clock. memory: bytes."""

    cpu: float
    rate: float
    memory: float


def subscription(topic: str) -> bytes:
    """Return the request."""
    return f"/events?topic={topic} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream".encode()


def measure(subscribers: int) -> Round:
    """Connect everybody once."""
    with (
        launch("memory:") as server,
        Arrivals(server.port, subscription("warm-up"), WARM_UP, cpu=LOAD_CPU) as first,
        Arrivals(server.port, subscription("t"), subscribers, cpu=LOAD_CPU) as members,
    ):
        first.connect()
        memory, cpu = footprint.memory(server.pids), footprint.cpu_time(server.pids)
        arrived = members.connect()
        cpu = footprint.cpu_time(server.pids) - cpu
        memory = footprint.memory(server.pids) - memory
    return Round(cpu / 1e3 / subscribers, subscribers / arrived.seconds, memory / subscribers)


def run(*, subscribers: int = 5000, rounds: int = 5) -> None:
    """Print the table."""
    measured = [measure(subscribers) for _ in range(rounds)]
    cpu = sorted(each.cpu for each in measured)
    print(f"{'':20} {'per core':>10} {'us CPU':>8} {'range':>13} {'by the clock':>13} {'bytes each':>11}")
    print(
        f"{subscribers:8,} subscribers {1e6 / statistics.median(cpu):10,.0f} {statistics.median(cpu):8.1f} "
        f"{cpu[0]:6.1f}-{cpu[-1]:<6.1f} {statistics.median(each.rate for each in measured):13,.0f} "
        f"{statistics.median(each.memory for each in measured):11,.0f}"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(subscribers=options.subscribers, rounds=options.rounds)


if __name__ == "__main__":
    main()
