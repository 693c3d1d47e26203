"""Only scenarios that can be carried out can be made."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.load.distribution import Distribution
from longwave.load.scenario import Scenario
from longwave.load.stamp import LEAST_PAYLOAD


def test_defaults_are_possible():
    assert Scenario().topic_count == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"subscribers": 0}, "subscribers"),
        ({"subscribers": 1_000_001}, "subscribers"),
        ({"topics": 0}, "topics"),
        ({"rate": -1.0}, "rate"),
        ({"rate": 0.0}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"duration": 0.0}, "rate"),
        ({"payload": LEAST_PAYLOAD - 1}, "payload"),
        ({"publishers": 257}, "publishers"),
        ({"stalled": 1.5}, "stalled"),
        ({"burst": 0}, "burst"),
        ({"topics": 50_000}, "topics"),
    ],
)
def test_what_cannot_be_done_is_refused(values, field):
    with pytest.raises(InvalidValue) as caught:
        Scenario(**values)

    assert caught.value.field == field


def test_unicast_has_a_topic_for_each_subscriber():
    assert Scenario(subscribers=7, distribution=Distribution.UNICAST).topic_count == 7


@pytest.mark.parametrize(
    ("subscribers", "processes", "receivers"), [(1000, 0, 1), (10_001, 0, 2), (45_000, 0, 5), (3, 8, 3), (100, 4, 4)]
)
def test_receivers_are_as_many_as_asked_for_or_needed(subscribers, processes, receivers):
    assert Scenario(subscribers=subscribers, processes=processes).receivers == receivers
