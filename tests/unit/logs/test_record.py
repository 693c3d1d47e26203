"""An update as a plain tuple."""

from __future__ import annotations

import gc

from longwave.core.entry import Entry
from longwave.core.outline import Outline
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.record import entries_of, given_id_of, is_private, outline_of, record_of, topics_size_of


def test_an_update_comes_back_with_its_position_and_an_id():
    named = Update(("a", "b"), Event("data", "type", "id", 5), private=True)
    unnamed = Update(("c",), Event("more"))
    records = [record_of(named), record_of(unnamed)]

    assert [given_id_of(record) for record in records] == ["id", ""]
    assert [is_private(record) for record in records] == [True, False]
    assert [topics_size_of(record) for record in records] == [2, 1]
    assert outline_of(records[0], 7, "c3f9a2b1") == Outline(7, "id", ("a", "b"))
    assert outline_of(records[1], 8, "c3f9a2b1") == Outline(8, "c3f9a2b1-8", ("c",))
    assert entries_of(records, 7, "c3f9a2b1") == (
        Entry(7, named),
        Entry(8, Update(("c",), Event("more", id="c3f9a2b1-8"))),
    )


def test_the_garbage_collector_stops_looking_at_records():
    records = [record_of(Update((f"t/{number}", "all"), Event(str(number)))) for number in range(100)]
    for _ in range(3):
        gc.collect()

    assert [record for record in records if gc.is_tracked(record)] == []
