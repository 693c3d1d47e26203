"""An entry is a plain value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from longwave.core.entry import Entry
from longwave.core.update import Update
from longwave.eventstream.event import Event


def test_an_entry_does_not_change():
    entry = Entry(1, Update(("a",), Event(id="x")))

    with pytest.raises(FrozenInstanceError):
        entry.position = 2
    assert entry == Entry(1, Update(("a",), Event(id="x")))
