"""Ports for servers of the comparison.

Not here: who listens on them (server_processes.py).
Rule that always holds: they lie below those that the system gives to connecting sockets, so that no client of a
thousand sits on one when the server comes back.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
FIRST = 10_000
LEAST_ROOM = 1000  # ports to choose from, whatever the system's range is
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
SOCKETS = Path("/proc/net/tcp")
LISTENS = "0A"  # state of a socket


def free_ports(count: int) -> tuple[int, ...]:
    """Return ports of the loopback address that nobody listens on at this moment. Raises RuntimeError."""
    candidates = list(range(FIRST, max(_first_ephemeral(), FIRST + LEAST_ROOM)))
    random.shuffle(candidates)  # so that two runs at the same time hardly meet
    found: list[int] = []
    while candidates and len(found) < count:
        if _is_free(port := candidates.pop()):
            found.append(port)
    if len(found) < count:
        raise RuntimeError(f"expected {count} free ports from {FIRST}, got {len(found)}")
    return tuple(found)


def count_listeners(port: int, table: Path = SOCKETS) -> int:
    """Return how many sockets listen at a port: one for each process that has its own there (`SO_REUSEPORT`).

    Raises OSError where the system has no such table.
    Source: https://docs.kernel.org/networking/proc_net_tcp.html
    """
    rows = (line.split() for line in table.read_text().splitlines()[1:])
    return sum(row[3] == LISTENS and int(row[1].rpartition(":")[2], 16) == port for row in rows)


def _first_ephemeral() -> int:
    try:
        return int(EPHEMERAL.read_text().split()[0])
    except OSError:  # not Linux
        return 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
