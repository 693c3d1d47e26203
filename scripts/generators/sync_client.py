"""Writes src/longwave/client/sync/ from the async client, so that there is one implementation.

Usage: scripts/sync-client [--check]. With --check nothing is written; the exit status tells whether all is up to date.
Only names and keywords change: what differs in substance (waiting, the choice of a library) is written by hand.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "src" / "longwave" / "client"
RUFF = shutil.which("ruff", path=str(ROOT / ".venv" / "bin")) or "ruff"
MODULES = ("transport", "httpx_transport", "event_source", "publisher")
SHARED_BY_HAND = ("waiting", "transports")
NOTICE = "# Written by scripts/sync-client from ../{name}.py; change that file.\n"

CLASSES = (
    "EventSource",
    "ResponseStream",
    "HttpxTransport",
    "HttpxResponseStream",
    "Publisher",
    "Transport",
    "Waiting",
)
MOVED = "|".join((*MODULES, *SHARED_BY_HAND))
CHANGES = (
    *((rf"\b{name}\b", f"Sync{name}") for name in CLASSES),
    (rf"longwave\.client\.({MOVED})\b", r"longwave.client.sync.\1"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(next|iter|enter|exit)__\b", r"__\1__"),
    (r"\bStopAsyncIteration\b", "StopIteration"),
    (r"\banext\b", "next"),
    (r"\bAsync(Client|HTTPTransport|Iterator|Iterable)\b", r"\1"),
    (r"\ba(close|iter_bytes|read)\b", r"\1"),
    (r"\bfrom any task\b", "from any thread"),
    (r"\banother task\b", "another thread"),
)


def main() -> int:
    """Write, or check, every module."""
    check = "--check" in sys.argv[1:]
    stale = [name for name in MODULES if not settle(name, check=check)]
    for name in stale:
        sys.stderr.write(f"expected client/sync/{name}.py to be what scripts/sync-client writes; run it\n")
    return bool(stale)


def settle(name: str, *, check: bool) -> bool:
    """Return whether a module is up to date, or made so."""
    made = translate(name, (CLIENT / f"{name}.py").read_text())
    place = CLIENT / "sync" / f"{name}.py"
    if check:
        return place.exists() and place.read_text() == made
    place.write_text(made)
    return True


def translate(name: str, text: str) -> str:
    """Return the synchronous form of a module's text."""
    for pattern, replacement in CHANGES:
        text = re.sub(pattern, replacement, text)
    return tidy(NOTICE.format(name=name) + text)


def tidy(text: str) -> str:
    """Return the text with imports sorted and lines broken as the formatter does it."""
    for arguments in (("check", "--select=I", "--fix", "--quiet"), ("format",)):
        command = [RUFF, *arguments, f"--stdin-filename={CLIENT / 'sync' / 'any.py'}", "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    sys.exit(main())
