"""Whoever tells of the end of a subscription gives it the same id."""

from __future__ import annotations

from longwave.core.member import Member


def test_end_of_each_subscription_has_an_id_of_its_own():
    members = [Member("urn:uuid:1", ("a", "b")), Member("urn:uuid:2", ("a", "b"))]

    assert len({member.end_id(place) for member in members for place in (0, 1)}) == 4
    assert Member("urn:uuid:1", ("a", "b")).end_id(1) == members[0].end_id(1)
