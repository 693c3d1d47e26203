"""All micro-benchmarks of the hub at a small size, as a check that they work and that what they deliver is right.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro [NAME ...]

Not here: what a whole hub delivers, lets in and replays, beside other servers (../comparison).
It takes some seconds and exits with 1 if any of them fails. Its figures are no measurement: for these run one
alone, as its docstring says, on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.micro import delivery, fairness, publish, topics

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS: dict[str, Callable[[], object]] = {
    "delivery": lambda: asyncio.run(delivery.run(subscribers=100, seconds=0.2)),
    "fairness": partial(fairness.run, subscribers=1000, rounds=1),
    "publish": partial(publish.run, requests=500, batches=5, rounds=1),
    "topics": partial(topics.run, topics=3000, templates=100, rounds=1),
}


def run(name: str) -> bool:
    """Run one and print its table; return whether it succeeded."""
    print(f"== {name}", flush=True)
    try:
        BENCHMARKS[name]()
    except Exception:
        traceback.print_exc()
        return False
    return True


def main() -> None:
    """Run those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"expected names of {', '.join(BENCHMARKS)}, got {min(unknown)}")
    failed = [name for name in names if not run(name)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
