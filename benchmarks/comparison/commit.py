"""The commit of the source that is measured.

Not here: everything else about a run (provenance.py).
Rule that always holds: what a run itself writes, its results and their pages, does not make the source another one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ("benchmarks/results", "docs/explanation/performance*", "docs/explanation/client-performance*")
SECONDS_FOR_GIT = 10.0


def find_commit(root: Path = ROOT) -> str:
    """Return the commit that a folder is in, "-dirty" after it if its source differs; "" where there is no git."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", ":/", *(f":(top,exclude){path}" for path in WRITTEN))
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit}-dirty" if changed else commit


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_GIT, check=True)
    return done.stdout.strip()
