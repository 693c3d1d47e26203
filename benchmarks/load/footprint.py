"""What processes have taken of the machine, from the kernel's own accounting.

Not here: which processes (server_process.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def cpu_time(pids: Iterable[int]) -> int:
    """Return the nanoseconds that all threads of these processes were on a processor (see proc(5), schedstat).

    Threads that have ended do not count.
    """
    return sum(
        int(path.read_text().split()[0]) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )


def memory(pids: Iterable[int]) -> int:
    """Return the bytes of memory of these processes; what several share is counted once (PSS)."""
    return sum(_pss(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids)


def _pss(rollup: str) -> int:
    return int(rollup.partition("\nPss:")[2].split()[0]) * 1024
