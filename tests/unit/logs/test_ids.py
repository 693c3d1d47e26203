"""The ids of updates on a log."""

from __future__ import annotations

import pytest

from longwave.core.update import Update
from longwave.errors import DuplicateId
from longwave.eventstream.event import Event
from longwave.logs.ids import entry_at, given_ids, own_position

EPOCH = "c3f9a2b1"


def update(event_id=""):
    return Update(("t",), Event("data", "type", event_id, 5), private=True)


def test_given_ids_are_those_that_are_not_empty():
    assert given_ids([update(), update("a"), update(), update("b")], EPOCH) == {"a": 1, "b": 3}


@pytest.mark.parametrize("ids", [("a", "a"), (f"{EPOCH}-1",), (f"{EPOCH}-0",)])
def test_an_id_that_cannot_be_given_is_refused(ids):
    with pytest.raises(DuplicateId):
        given_ids([update(event_id) for event_id in ids], EPOCH)


@pytest.mark.parametrize(
    ("event_id", "position"),
    [(f"{EPOCH}-12", 12), (f"{EPOCH}-012", None), ("00000000-12", None), ("a", None), ("", None)],
)
def test_only_a_default_id_of_the_epoch_names_a_position(event_id, position):
    assert own_position(event_id, EPOCH) == position


def test_an_entry_keeps_a_given_id_and_all_other_fields():
    given = update("a")

    assert entry_at(7, given, EPOCH).update is given
    assert entry_at(7, update(), EPOCH).update == update(f"{EPOCH}-7")
