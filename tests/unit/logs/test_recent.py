"""The newest entries of a log in a file."""

from __future__ import annotations

from longwave.core.entry import Entry
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.recent import RECENT_ENTRIES, RECENT_SIZE, Recent

UPDATE = Update(("t",), Event())


def add(recent, first, count, size=1):
    recent.add([Entry(position, UPDATE) for position in range(first, first + count)], [size] * count)


def held(recent, after):
    return [entry.position for entry in recent.after(after, 10**6)]


def test_entries_are_held_from_the_next_position_on_or_not_at_all():
    recent = Recent()
    add(recent, 5, 3)

    assert [held(recent, after) for after in (3, 4, 6, 7, 9)] == [[], [5, 6, 7], [7], [], []]


def test_entries_that_follow_join_on_and_others_replace():
    recent = Recent()
    add(recent, 1, 3)
    add(recent, 4, 1)
    assert held(recent, 0) == [1, 2, 3, 4]

    add(recent, 6, 2)
    assert (held(recent, 4), held(recent, 5)) == ([], [6, 7])


def test_the_count_is_bounded():
    recent = Recent()
    for number in range(25):
        add(recent, number * 1000 + 1, 1000)

    assert held(recent, 25_000 - RECENT_ENTRIES) == list(range(25_001 - RECENT_ENTRIES, 25_001))
    assert held(recent, 24_999 - RECENT_ENTRIES) == []


def test_the_bytes_are_bounded():
    recent = Recent()
    add(recent, 1, 5, size=RECENT_SIZE // 4)

    assert (held(recent, 0), held(recent, 1)) == ([], [2, 3, 4, 5])


def test_what_was_forgotten_is_not_held():
    recent = Recent()
    add(recent, 1, 3)
    recent.forget(5)
    assert held(recent, 0) == []

    add(recent, 6, 1)
    assert held(recent, 5) == [6]
