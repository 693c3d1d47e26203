"""What a check found: a verdict, what was seen, why it matters and what to do.

Not here: the checks (checks.py and its neighbours), how findings are shown (cli/doctor.py).
Rule that always holds: a FAILURE breaks the standard, a browser, or what the stream itself promises; a WARNING is
legal, and common clients or proxies trip over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_QUOTED = 80  # characters of what a server sent that a finding repeats


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check says of one observation: `seen` and `advice` are a sentence each, `advice` only where it is bad."""

    verdict: Verdict
    seen: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement with the name of its check, and why that is checked."""

    name: str
    verdict: Verdict
    seen: str
    why: str
    advice: str


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing failed."""
    return all(finding.verdict is not Verdict.FAILURE for finding in findings)


def ok(seen: str) -> Judgement:
    """Return a judgement that all is well."""
    return Judgement(Verdict.OK, seen)


def warning(seen: str, advice: str) -> Judgement:
    """Return a judgement that common clients or proxies trip over this."""
    return Judgement(Verdict.WARNING, seen, advice)


def failure(seen: str, advice: str) -> Judgement:
    """Return a judgement that this does not work."""
    return Judgement(Verdict.FAILURE, seen, advice)


def not_checked(reason: str) -> Judgement:
    """Return that nothing can be said, and why."""
    return Judgement(Verdict.NOT_CHECKED, reason)


def quote(value: str | bytes) -> str:
    """Return what a server sent in quotes, short and printable: it cannot control a terminal."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    return ascii(text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}...")


def counted(number: int, noun: str) -> str:
    """Return `1 event`, `2 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def describe_bytes(size: int) -> str:
    """Return a size as text."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else counted(size, "byte")
