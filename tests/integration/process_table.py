"""What Linux tells about processes and their sockets, for tests that must know which process serves a connection.

Not here: the processes (hub_process.py).
Source: https://man7.org/linux/man-pages/man5/proc.5.html
"""

from __future__ import annotations

import os
from pathlib import Path


def children(pid):
    """The processes that this one started and that have not ended."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid):
    """Whether a process has not ended; one that waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def server_of(sock, pids):
    """Which of these processes has the other end of an IPv4 connection on this machine."""
    wanted = f"socket:[{_inode_of_other_end(sock)}]"
    return next(pid for pid in pids if wanted in _open_files(pid))


def _inode_of_other_end(sock):
    ends = sock.getpeername()[1], sock.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if ends == tuple(int(address.rpartition(":")[2], 16) for address in fields[1:3]):
            return fields[9]
    raise AssertionError(f"expected a connection between the ports {ends}, got none")


def _open_files(pid):
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        try:
            yield os.readlink(f"{folder}/{name}")
        except FileNotFoundError:  # closed meanwhile
            continue
