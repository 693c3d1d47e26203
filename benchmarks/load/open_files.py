"""How many files, and so connections, a process of a benchmark may open."""

from __future__ import annotations

import resource

FILES_BESIDES = 64  # that are no connections


def open_files(count: int) -> None:
    """Let this process open so many files. Raises ValueError if the system does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
