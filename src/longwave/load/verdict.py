"""The verdict: whether the figures of a run may be believed.

Not here: the figures (result.py), whether they are good enough (objective.py).
Rules that always hold: a run in which a subscriber missed, repeated or reordered an event has failed, however fast; a
run in which the generator was too busy to measure is not valid, however slow.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longwave.load.sequence import Faults

MAX_SHARE = 0.85  # of a processor, of any generating process in the measured window
MAX_LAG_P99 = 5.0  # milliseconds that the publisher's own loop is late


class Verdict(Enum):
    """What a run's figures are worth."""

    VALID = "valid"
    FAILED = "failed"  # the server lost, repeated or reordered something, or let somebody go
    GENERATOR_BOUND = "generator-bound"  # the generator was measured, not the server


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the verdict rests on.

    failures: counts by what went wrong at the server besides `faults`. shares: of a processor, of each generating
    process by name. lag: milliseconds, the 99th percentile.
    """

    faults: Faults
    failures: Mapping[str, int]
    shares: Mapping[str, float]
    lag: float


def judge(evidence: Evidence) -> tuple[Verdict, list[str]]:
    """Return the verdict and its reasons: all of them, the weightiest kind first."""
    failed, bound = _find_failures(evidence), _find_bounds(evidence)
    if failed:
        return Verdict.FAILED, failed + bound
    return (Verdict.GENERATOR_BOUND, bound) if bound else (Verdict.VALID, [])


def _find_failures(evidence: Evidence) -> list[str]:
    faults = evidence.faults
    counts = {field.name: getattr(faults, field.name) for field in fields(faults)} | dict(evidence.failures)
    return [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]


def _find_bounds(evidence: Evidence) -> list[str]:
    reasons = [
        f"{name} used {share:.0%} of a processor, more than {MAX_SHARE:.0%}"
        for name, share in evidence.shares.items()
        if share > MAX_SHARE
    ]
    if evidence.lag > MAX_LAG_P99:
        reasons.append(f"the publisher was {evidence.lag:.1f} ms late (p99), more than {MAX_LAG_P99:g} ms")
    return reasons
