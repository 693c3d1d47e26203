"""The memory of a reader over millions of events: what its process holds, again and again, while it reads.

Not here: reading (reading.py), the command (__main__.py).
What a process holds is PSS (its own pages, and its share of those it shares) and RSS (all of them), as the kernel
counts them. Source: https://docs.kernel.org/filesystems/proc.html (smaps_rollup)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.clients.bodies import Framing
from benchmarks.clients.reading import read
from benchmarks.clients.server import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.clients.readers import Reader

ACCOUNT = Path("/proc/self/smaps_rollup")
KIB, MIB = 1024, 1024 * 1024
FLAT = 2 * MIB  # growth after the first leg that is none: what an allocator does with itself


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process held once so many events were read; bytes."""

    events: int
    pss: int
    rss: int


class Samples(list[Sample]):
    """What was seen, leg by leg; `show` is told each."""

    def __init__(self, leg: int, show: Callable[[Sample], object]) -> None:
        super().__init__()
        self._leg = leg
        self._show = show

    def take(self) -> None:
        """Look now: before the first leg, and after each."""
        account = _account()
        self.append(Sample(len(self) * self._leg, account["Pss"], account["Rss"]))
        self._show(self[-1])


def measure(reader: Reader, *, leg: int, legs: int, show: Callable[[Sample], object]) -> Samples:
    """Read `legs` times `leg` events in this process, over one connection, and look after each leg."""
    samples = Samples(leg, show)
    samples.take()
    with running_server() as address:
        read(reader, f"{address}/{Framing.BURST.value}/{leg * legs}", (leg,) * legs, samples.take)
    return samples


def find_growth(samples: Sequence[Sample]) -> int:
    """Return by how many bytes the process grew at most after the first leg, when all that is needed is there."""
    first = samples[1]
    return max(max(sample.pss - first.pss, sample.rss - first.rss) for sample in samples[1:])


def _account() -> dict[str, int]:
    lines = (line.split() for line in ACCOUNT.read_text().splitlines()[1:])
    return {name.rstrip(":"): int(size) * KIB for name, size, *_ in lines}
