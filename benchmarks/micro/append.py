"""How fast a log takes updates: one publisher, 32 publishers, one publisher with large batches.

Run: python benchmarks/micro/append.py [ADDRESS ...] [--seconds 2]; without an address, memory and a new file on the
disk of the working directory, with full and with relaxed durability. `tailed` means that somebody follows the log.
The first line is what the disk can do: writes of one block, each followed by fdatasync.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.address import open_address

if TYPE_CHECKING:
    from longwave.logs.base import Log

UPDATE = Update(("https://example.com/books/1",), Event("x" * 150))
CASES = ((1, 1), (32, 1), (1, 100), (1, 1000))  # publishers, updates of one append


async def publish(log: Log, batch: list[Update], until: float, delays: list[float]) -> int:
    """Append until the time has come; return the number of updates."""
    count = 0
    while (begun := time.perf_counter()) < until:
        count += len(await log.append(batch))
        delays.append(time.perf_counter() - begun)
    return count


async def follow(log: Log, after: int) -> None:
    """Take all entries, as a hub does."""
    async for _batch in log.tail(after):
        pass


async def measure(name: str, log: Log, publishers: int, size: int, *, seconds: float, tailed: bool) -> None:
    """Print one line."""
    follower = asyncio.create_task(follow(log, (await log.read(0, 0)).last)) if tailed else None
    await asyncio.sleep(0)
    delays: list[float] = []
    begun, cpu = time.perf_counter(), time.process_time()
    tasks = [publish(log, [UPDATE] * size, begun + seconds, delays) for _ in range(publishers)]
    count = sum(await asyncio.gather(*tasks))
    elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
    if follower is not None:
        follower.cancel()
    delays.sort()
    print(
        f"{name:16} {publishers:3} x {size:4} {'tailed' if tailed else '':6} {count / elapsed:12,.0f} updates/s"
        f" {cpu / count * 1e6:6.1f} us CPU, append p50 {delays[len(delays) // 2] * 1e3:7.3f} ms,"
        f" p99 {delays[len(delays) * 99 // 100] * 1e3:7.3f} ms"
    )


async def run(name: str, log: Log, seconds: float) -> None:
    """Measure all cases on one log."""
    await log.open()
    for publishers, size in CASES:
        for tailed in (False, True):
            await measure(name, log, publishers, size, seconds=seconds, tailed=tailed)
    await log.close()


def measure_disk(place: Path, seconds: float) -> None:
    """Print how many writes the disk makes durable one after another."""
    descriptor = os.open(place / "block", os.O_RDWR | os.O_CREAT)
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        os.pwrite(descriptor, b"x" * 4096, count % 256 * 4096)
        os.fdatasync(descriptor)
        count += 1
    os.close(descriptor)
    print(f"disk             {count / seconds:,.0f} synced writes/s")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("addresses", nargs="*")
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=".") as place:
        measure_disk(Path(place), options.seconds)
        logs = [(address, open_address(address)) for address in options.addresses] or [
            ("memory", open_address("memory:")),
            ("sqlite full", open_address(f"sqlite:{place}/full.db")),
            ("sqlite relaxed", open_address(f"sqlite:{place}/relaxed.db", durability="relaxed")),
        ]
        for name, log in logs:
            asyncio.run(run(name, log, options.seconds))


if __name__ == "__main__":
    main()
