"""The notice of a gap, as a client gets it."""

from __future__ import annotations

import json

import pytest

from longwave.core.gap import Gap, Reason


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
