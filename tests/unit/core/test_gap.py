"""The notice of a gap, as a client gets it."""

from __future__ import annotations

import json

import pytest

from longwave.core.gap import Gap, Reason, raise_gap, read_gap
from longwave.errors import GapFound
from longwave.eventstream.event import Event


@pytest.mark.parametrize(("reason", "word"), [("EXPIRED", "expired"), ("RESTARTED", "restarted"), ("SLOW", "slow")])
def test_a_gap_tells_why_and_from_where_to_where(reason, word):
    event = Gap(Reason[reason], "e-3", "e-9").event()

    assert event.type == "gap"
    assert json.loads(event.data) == {"reason": word, "from": "e-3", "to": "e-9"}


def test_its_id_is_where_delivery_goes_on_so_that_it_is_not_told_twice():
    assert Gap(Reason.SLOW, "e-3", "e-9").event().id == "e-9"


@pytest.mark.parametrize("since", ["\ud800", "a\nb\0", '"}', "\u2028", "é" * 10])
def test_whatever_id_a_client_sent_is_told_back_on_one_ascii_line(since):
    event = Gap(Reason.RESTARTED, since, "e-9").event()

    assert event.data.isascii()
    assert event.data.isprintable()
    assert json.loads(event.data)["from"] == since


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("since", ["e-3", "", "\ud800", "é"])
def test_a_gap_is_read_back_as_it_was_told(reason, since):
    gap = Gap(reason, since, "e-9")

    assert read_gap(gap.event()) == gap


def test_another_type_is_no_gap_whatever_its_data():
    assert read_gap(Event(Gap(Reason.SLOW, "e-3", "e-9").event().data)) is None


@pytest.mark.parametrize(
    "data",
    [
        "",
        "slow",
        "[]",
        "null",
        '"reason"',
        "[" * 100_000,
        "{}",
        '{"reason": "slow", "from": "a"}',
        '{"reason": "slow", "to": "a"}',
        '{"from": "a", "to": "b"}',
        '{"reason": "tired", "from": "a", "to": "b"}',
        '{"reason": [], "from": "a", "to": "b"}',
        '{"reason": "slow", "from": null, "to": "b"}',
        '{"reason": "slow", "from": "a", "to": 7}',
    ],
    ids=lambda data: data[:20],
)
def test_event_of_another_server_that_only_has_the_type_is_no_gap(data):
    assert read_gap(Event(data, "gap")) is None


def test_what_is_told_besides_does_not_matter():
    """So that more can be told one day."""
    event = Event('{"reason": "slow", "from": "a", "to": "b", "count": 7}', "gap")

    assert read_gap(event) == Gap(Reason.SLOW, "a", "b")


def test_raised_gap_says_what_the_gap_says():
    with pytest.raises(GapFound) as caught:
        raise_gap(Gap(Reason.EXPIRED, "e-3", "e-9"))

    assert (caught.value.reason, caught.value.since, caught.value.until) == ("expired", "e-3", "e-9")
