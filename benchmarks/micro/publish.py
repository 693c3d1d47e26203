"""What an update costs the server from its request to its answer: alone, and in batches of a thousand.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.publish [--requests 10000] [--batches 40] [--rounds 5]

`one each`: 32 publishers on kept connections post forms of one update, each the next when the one before is
answered. `thousands`: one publisher posts a thousand lines of JSON at a time. Nobody subscribes. Over SQLite every
answer comes after the update was synced to the disk, of the directory for temporary files; so by the clock that disk
counts as well. `per core` is by the processor time of the server.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import urllib.request
from dataclasses import dataclass

from benchmarks.load import footprint
from benchmarks.load.longwave_server import LOAD_CPU, launch
from benchmarks.load.publishers import post, publish

PUBLISHERS = 32
BATCH = 1000
DATA = "x" * 150
ONE = post("/events", "application/x-www-form-urlencoded", f"topic=t&data={DATA}".encode())
MANY = post("/events", "application/x-ndjson", (json.dumps({"topic": "t", "data": DATA}).encode() + b"\n") * BATCH)
LOGS = {"memory": "memory:", "sqlite": "sqlite:{}/log.db"}


@dataclass(frozen=True, slots=True)
class Case:
    """How updates are posted: by so many publishers, `size` in each request."""

    name: str
    request: bytes
    publishers: int
    size: int


CASES = (Case("one each", ONE, PUBLISHERS, 1), Case("thousands", MANY, 1, BATCH))


@dataclass(frozen=True, slots=True)
class Round:
    """cpu: microseconds of the server an update. rate: updates a second by the clock."""

    cpu: float
    rate: float


def measure(case: Case, log: str, requests: int) -> Round:
    """Post so many requests to a hub over a new log."""
    warm_up = max(requests // 10, case.publishers)
    with tempfile.TemporaryDirectory() as place, launch(log.format(place)) as server:
        publish(server.port, case.request, case.publishers, warm_up, cpu=LOAD_CPU)
        cpu = footprint.cpu_time(server.pids)
        published = publish(server.port, case.request, case.publishers, requests, cpu=LOAD_CPU)
        cpu = footprint.cpu_time(server.pids) - cpu
        check(server.port, (warm_up + requests) * case.size)
    updates = requests * case.size
    return Round(cpu / 1e3 / updates, updates / published.seconds)


def check(port: int, before: int) -> None:
    """Fail unless the log has given out so many positions."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/events", b"topic=t&data=last") as answer:
        position = int(answer.read().decode().partition("-")[2])
    if position != before + 1:
        raise AssertionError(f"expected {before} updates on the log, got {position - 1}")


def run(*, requests: int = 10_000, batches: int = 40, rounds: int = 5) -> None:
    """Print the table."""
    measured: dict[str, list[Round]] = {}
    for _ in range(rounds):
        for case in CASES:
            for name, log in LOGS.items():
                each = measure(case, log, requests if case.size == 1 else batches)
                measured.setdefault(f"{name}, {case.name}", []).append(each)
    print(f"{'updates a second':20} {'per core':>10} {'us CPU':>8} {'range':>13} {'by the clock':>13} {'best':>10}")
    for name, rounds_of_one in measured.items():
        cpu = sorted(each.cpu for each in rounds_of_one)
        rates = sorted(each.rate for each in rounds_of_one)
        print(
            f"{name:20} {1e6 / statistics.median(cpu):10,.0f} {statistics.median(cpu):8.2f} "
            f"{cpu[0]:6.2f}-{cpu[-1]:<6.2f} {statistics.median(rates):13,.0f} {rates[-1]:10,.0f}"
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(requests=options.requests, batches=options.batches, rounds=options.rounds)


if __name__ == "__main__":
    main()
