"""Numbers that begin at zero, and refusals whose reasons cannot grow without bound."""

from __future__ import annotations

import pytest

from longwave.core.counters import MAX_REFUSAL_REASONS, OTHER, Counters
from longwave.core.drop import Drop
from longwave.core.gap import Reason
from longwave.core.replay_outcome import ReplayOutcome


def test_each_reason_that_is_known_begins_at_zero():
    counters = Counters()

    assert counters.drops == dict.fromkeys(Drop, 0)
    assert counters.gaps == dict.fromkeys(Reason, 0)
    assert counters.replays == dict.fromkeys(ReplayOutcome, 0)
    assert counters.refusals == {}


def test_refusals_are_counted_by_reason():
    counters = Counters()
    for reason in ("expired", "missing", "expired"):
        counters.refused(reason)

    assert counters.refusals == {"expired": 2, "missing": 1}


def test_reasons_above_the_bound_are_counted_together():
    counters = Counters()
    for number in range(MAX_REFUSAL_REASONS + 5):
        counters.refused(str(number))
    counters.refused("0")

    assert counters.refusals[OTHER] == 5
    assert counters.refusals["0"] == 2
    assert len(counters.refusals) == MAX_REFUSAL_REASONS + 1


def test_the_layout_is_frozen():
    with pytest.raises(AttributeError):
        Counters().delivered = 1
