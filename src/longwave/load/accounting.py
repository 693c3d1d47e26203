"""Accounting: what processes take of the machine, from the kernel's own books (Linux).

Not here: which processes (run.py); what one delivery costs (result.py).
Rules that always hold: a process that has ended counts for nothing more; what the kernel does not tell is 0, and a
machine without /proc gives an empty account.
Source: https://man7.org/linux/man-pages/man5/proc.5.html
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")
MAX_PROCESSES = 4096  # of one server
_USER_TIME, _SYSTEM_TIME = 11, 12  # in /proc/PID/stat, after the name
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Account:
    """What processes have taken so far, and the machine with them.

    cpu_ticks: nanoseconds of user and system time, in the coarse units of the clock tick; threads that ended count.
    cpu: nanoseconds on a processor, exact; only threads that live; 0 if the kernel keeps no such book.
    waited: nanoseconds that they could have run while others did.
    rss, pss: bytes of memory; pss counts shared memory once.
    slab: bytes of the whole machine's kernel objects that cannot be reclaimed, sockets among them.
    tcp_memory: bytes of the whole machine in buffers of TCP.
    """

    cpu_ticks: int = 0
    cpu: int = 0
    waited: int = 0
    rss: int = 0
    pss: int = 0
    slab: int = 0
    tcp_memory: int = 0

    def since(self, earlier: Account) -> Account:
        """Return the difference."""
        return Account(*(getattr(self, field.name) - getattr(earlier, field.name) for field in fields(self)))

    @property
    def cpu_time(self) -> int:
        """Nanoseconds of processor time: the exact book where it is kept."""
        return self.cpu or self.cpu_ticks


def take_account(pids: Iterable[int], proc: Path = PROC) -> Account:
    """Return the account of these processes and all their children."""
    family = with_children(pids, proc)
    cpu, waited = _sum_pairs(run_times(pid, proc) for pid in family)
    rss, pss = _sum_pairs(_read_memory(proc / str(pid)) for pid in family)
    ticks = sum(_read_ticks(proc / str(pid)) for pid in family)
    return Account(ticks, cpu, waited, rss, pss, _read_slab(proc), _read_tcp(proc))


def with_children(pids: Iterable[int], proc: Path = PROC) -> list[int]:
    """Return these processes and all that descend from them."""
    family = list(dict.fromkeys(pids))
    for pid in family:
        for path in (proc / str(pid) / "task").glob("*/children"):
            family.extend(child for child in map(int, _read(path).split()) if child not in family)
        if len(family) > MAX_PROCESSES:
            break
    return family


def run_times(pid: int, proc: Path = PROC) -> tuple[int, int]:
    """Return the nanoseconds that a process's threads ran, and that they waited for a processor."""
    books = (_read(path).split() for path in (proc / str(pid) / "task").glob("*/schedstat"))
    return _sum_pairs((int(book[0]), int(book[1])) for book in books if len(book) > 1)


def _sum_pairs(pairs: Iterable[tuple[int, int]]) -> tuple[int, int]:
    first = second = 0
    for one, other in pairs:
        first, second = first + one, second + other
    return first, second


def _read_ticks(process: Path) -> int:
    words = _read(process / "stat").rpartition(")")[2].split()
    return (int(words[_USER_TIME]) + int(words[_SYSTEM_TIME])) * _TICK if len(words) > _SYSTEM_TIME else 0


def _read_memory(process: Path) -> tuple[int, int]:
    rollup = _read(process / "smaps_rollup")
    return _find_kilobytes(rollup, "Rss:"), _find_kilobytes(rollup, "Pss:")


def _read_slab(proc: Path) -> int:
    return _find_kilobytes(_read(proc / "meminfo"), "SUnreclaim:")


def _read_tcp(proc: Path) -> int:
    line = next((line for line in _read(proc / "net/sockstat").splitlines() if line.startswith("TCP:")), "")
    pages = line.partition(" mem ")[2].split()
    return int(pages[0]) * _PAGE if pages else 0


def _find_kilobytes(text: str, name: str) -> int:
    line = next((line for line in text.splitlines() if line.startswith(name)), "")
    return int(line.split()[1]) * 1024 if line else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended, or is not ours to look at
        return ""
