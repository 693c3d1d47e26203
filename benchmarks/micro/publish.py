"""What an update costs the server from its request to its answer: alone, and in batches of a thousand.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.publish [--requests 10000] [--batches 40] [--rounds 5]

Not here: the measuring (../comparison/measures/publishing.py), the same beside other servers (../comparison).
`one each`: 32 kept connections post forms of one update, each the next when the one before is answered. `thousands`:
one connection posts a thousand lines of JSON at a time. Nobody subscribes. Over SQLite every answer comes after the
update was synced to the disk, of the directory for temporary files; so by the clock that disk counts as well.
`per core` is by the processor time of the server; `sender` is the share of a processor that the posting took, and
where that is near 1, `by the clock` says what the sender can do. Each update must have got a position on the log.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.longwave.launcher import LongwavePeer
from benchmarks.comparison.measures.publishing import Publishing
from benchmarks.comparison.stand import Processors, Stand

from longwave.load import Verdict
from longwave.load.target import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longwave.load import Target

CONNECTIONS = 32
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Round:
    """cpu: microseconds of the server an update. rate: updates a second by the clock. sender: share of a processor."""

    cpu: float
    rate: float
    sender: float


def cases(requests: int, batches: int) -> Mapping[str, Publishing]:
    """Return what is measured, by name."""
    return {
        "memory, one each": Publishing(CONNECTIONS, requests),
        "sqlite, one each": Publishing(CONNECTIONS, requests, durable=True),
        "memory, thousands": Publishing(1, batches, batch=BATCH),
        "sqlite, thousands": Publishing(1, batches, batch=BATCH, durable=True),
    }


def measure(case: Publishing, cpu: int | None) -> Round:
    """Publish to a hub over a new log. cpu: the processor that it keeps to, if given."""
    with tempfile.TemporaryDirectory() as folder, Stand(LongwavePeer(), Path(folder), cpu=cpu) as stand:
        found = case.take(stand)
        if found.verdict is Verdict.FAILED:
            raise AssertionError(f"expected every update to be taken, got {'; '.join(found.reasons)}")
        warm_up = max(1, case.requests // 10)
        check(stand.target, (warm_up + case.requests) * case.batch)
    return Round(found.figures["cpu"], found.figures["updates"], found.figures["generator"])


def check(target: Target, before: int) -> None:
    """Fail unless the log has given out so many positions."""
    host, port = target.publish_address
    with urllib.request.urlopen(f"http://{host}:{port}{EVENTS}", b"topic=t&data=last") as answer:
        position = int(answer.read().decode().partition("-")[2])
    if position != before + 1:
        raise AssertionError(f"expected {before} updates on the log, got {position - 1}")


def show(name: str, rounds: list[Round]) -> None:
    """Print one line."""
    costs = sorted(each.cpu for each in rounds)
    rates = [each.rate for each in rounds]
    cost, sender = statistics.median(costs), statistics.median(each.sender for each in rounds)
    print(
        f"{name:20} {1e6 / cost:10,.0f} {cost:8.2f} {costs[0]:6.2f}-{costs[-1]:<6.2f} "
        f"{statistics.median(rates):13,.0f} {max(rates):10,.0f} {sender:7.2f}"
    )


def run(*, requests: int = 10_000, batches: int = 40, rounds: int = 5, cpu: int | None = None) -> None:
    """Print the table. cpu: the processor that the server keeps to, if given."""
    measured: dict[str, list[Round]] = {}
    for _ in range(rounds):
        for name, case in cases(requests, batches).items():
            measured.setdefault(name, []).append(measure(case, cpu))
    columns = f"{'per core':>10} {'us CPU':>8} {'range':>13} {'by the clock':>13} {'best':>10} {'sender':>7}"
    print(f"{'updates a second':20} {columns}")
    for name, rounds_of_one in measured.items():
        show(name, rounds_of_one)


def main() -> None:
    """Run the benchmark: the server on one processor, the posting on another, where there are two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    processors = Processors.choose()
    processors.keep_load()
    run(requests=options.requests, batches=options.batches, rounds=options.rounds, cpu=processors.server)


if __name__ == "__main__":
    main()
