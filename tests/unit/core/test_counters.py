"""Numbers that begin at zero, and refusals whose reasons are known beforehand."""

from __future__ import annotations

import pytest

from longwave.core.counters import Counters
from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.refusal import Refusal
from longwave.core.replay_outcome import ReplayOutcome


def test_each_reason_that_is_known_begins_at_zero():
    counters = Counters()

    assert counters.drops == dict.fromkeys(Drop, 0)
    assert counters.gaps == dict.fromkeys(Reason, 0)
    assert counters.replays == dict.fromkeys(ReplayOutcome, 0)
    assert counters.refusals == dict.fromkeys(Refusal, 0)


def test_refusals_are_counted_by_reason():
    counters = Counters()
    for reason in (Refusal.EXPIRED, "missing", "expired"):
        counters.refused(reason)

    assert {reason: count for reason, count in counters.refusals.items() if count} == {"expired": 2, "missing": 1}


def test_words_that_are_no_reasons_are_counted_together():
    counters = Counters()
    for number in range(100):
        counters.refused(f"what a client sent {number}")

    assert counters.refusals == dict.fromkeys(Refusal, 0) | {Refusal.OTHER: 100}


def test_the_layout_is_frozen():
    with pytest.raises(AttributeError):
        Counters().delivered = 1
