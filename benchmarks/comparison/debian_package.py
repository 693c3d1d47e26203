"""Versions of Debian packages, for peers that come from there.

Not here: installing them (scripts/debian-package).
"""

from __future__ import annotations

import subprocess

SECONDS = 10.0


def package_version(name: str) -> str:
    """Return the version of an installed package; "" if it is not installed or this is no Debian."""
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", name]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    except OSError:
        return ""
    status, _, version = asked.stdout.partition(" ")
    return version if status == "installed" else ""
