"""Longwave's clients beside those of others, from the command line: how fast they read, and whether memory stays flat.

Not here: measuring (turns.py, memory.py), the page (report.py). What the clients can do is compared in tests/clients.

    PYTHONPATH=src python -m benchmarks.clients [--events N] [--rounds N] [--reader NAME] [--framing NAME] [--write]
    PYTHONPATH=src python -m benchmarks.clients memory [--events N] [--reader NAME] [--write]

The first prints its tables after some minutes, with 1 as its status if a client failed; the second prints what the
process holds at the start and after every million events, with 1 as its status if it grew. With --write both also write
benchmarks/results/DATE/clients.json and the page.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks.clients import memory, report
from benchmarks.clients.bodies import Framing
from benchmarks.clients.memory import FLAT, MIB, find_growth
from benchmarks.clients.readers import LONGWAVE_ASYNC, READERS
from benchmarks.clients.turns import find_version, is_installed, take_turns
from benchmarks.comparison.commit import find_commit
from benchmarks.comparison.provenance import find_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS, ROUNDS = 200_000, 3
MEMORY_EVENTS, LEGS = 10_000_000, 10
RESULTS = report.ROOT / "benchmarks" / "results"
BELOW = ("httpx2", "httpx", "h11", "aiohttp", "requests", "urllib3")  # what the clients stand on


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; return its status."""
    options = make_parser().parse_args(arguments)
    if options.command == "memory":
        return run_memory(options)
    return run_turns(options)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", choices=("speed", "memory"), default="speed")
    parser.add_argument("--events", type=int, help=f"of one reading; {EVENTS:,}, for memory {MEMORY_EVENTS:,}")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of all readers; {ROUNDS}")
    parser.add_argument(
        "--reader", action="append", choices=list(READERS), help="again for more; all, if none is named"
    )
    parser.add_argument(
        "--framing", action="append", type=Framing, help="burst, close or single; all, if none is named"
    )
    parser.add_argument("--write", action="store_true", help="the results and the page")
    return parser


def run_turns(options: argparse.Namespace) -> int:
    """Measure speed."""
    named = [READERS[name] for name in options.reader or READERS]
    readers, count = [reader for reader in named if is_installed(reader)], options.events or EVENTS
    for reader in named:
        if reader not in readers:
            print(f"{reader.name}: {reader.package} or {reader.over} is not installed", file=sys.stderr)
    provenance, turns = collect_provenance(), []
    for turn in take_turns(readers, options.framing or list(Framing), count=count, rounds=options.rounds):
        turns.append(turn)
        told = turn.reason or f"{turn.figures['cpu']:6.2f} µs  {turn.figures['rate']:10,.0f}/s"
        print(f"{turn.round} {turn.framing:6} {turn.reader:42} {told}", file=sys.stderr, flush=True)
    print(report.make_console_text(turns))
    if options.write:
        measured = {"events": count, "rounds": options.rounds, "turns": [asdict(turn) for turn in turns]}
        write({"provenance": provenance} | measured)
    return int(any(turn.reason for turn in turns))


def run_memory(options: argparse.Namespace) -> int:
    """Measure memory, in this process, for one reader after the other."""
    taken, grew, leg = [], False, (options.events or MEMORY_EVENTS) // LEGS
    for name in options.reader or [LONGWAVE_ASYNC]:
        print(name, flush=True)
        samples = memory.measure(
            READERS[name], leg=leg, legs=LEGS, show=lambda sample: print(report.show_sample(sample), flush=True)
        )
        growth = find_growth(samples)
        print(f"grew by {growth / MIB:.2f} MiB after the first {leg:,} events; flat is up to {FLAT // MIB} MiB")
        grew = grew or growth > FLAT
        taken.append({"reader": name, "samples": [asdict(sample) for sample in samples]})
    if options.write:
        write({"memory": taken})
    return int(grew)


def collect_provenance() -> dict[str, Any]:
    """Return on what machine, and with which versions, this is measured."""
    packages = dict.fromkeys((*(reader.package for reader in READERS.values()), *BELOW))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": find_commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version for name in packages if (version := find_version(name))},
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "machine": find_machine(),
    }


def write(measured: dict[str, Any]) -> None:
    """Add what was measured to the record of this day, and write the page from it."""
    folder = RESULTS / datetime.now(UTC).date().isoformat()
    record = report.load(folder) | measured
    report.save(folder, record)
    report.PAGE.write_text(report.make_page(record), encoding="utf-8")
    print(f"wrote {(folder / report.FILE).relative_to(report.ROOT)} and {report.PAGE.relative_to(report.ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
