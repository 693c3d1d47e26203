"""A window of the log in memory."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from longwave.core.entry import Entry
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.window import Window

UPDATE = Update(("t",), Event())


def entries(first, count):
    return [Entry(position, UPDATE) for position in range(first, first + count)]


@given(st.lists(st.tuples(st.sampled_from(["extend", "drop"]), st.integers(0, 2500)), max_size=12), st.integers(1, 50))
def test_a_window_is_what_was_added_and_not_dropped(steps, first):
    """Against a plain list, over sizes at which the window closes its gap."""
    window, model, following = Window(first), [], first
    for step, count in steps:
        if step == "extend":
            window.extend(entries(following, count), [3] * count)
            model += range(following, following + count)
            following += count
        else:
            for _ in range(min(count, len(model))):
                assert window.drop().position == model.pop(0)
        assert (len(window), window.size, window.last) == (len(model), 3 * len(model), following - 1)
        assert window.first == (model[0] if model else following)
        assert [entry.position for entry in window.after(0, 10**6)] == model
        assert [entry.position for entry in window.after(window.first + 1, 5)] == model[2:7]


def test_a_window_releases_what_it_dropped_at_once():
    window, entry = Window(), Entry(1, UPDATE)
    references = sys.getrefcount(entry)
    window.extend([entry, *entries(2, 9)], [1] * 10)
    window.drop()

    assert sys.getrefcount(entry) == references


def test_a_window_is_as_long_as_what_it_keeps():
    """Memory is bounded by what is kept, not by what was ever added."""
    window = Window()
    for number in range(300):
        window.extend(entries(number * 100 + 1, 100), [1] * 100)
        while len(window) > 100:
            window.drop()

    assert len(window._items) < 3000
