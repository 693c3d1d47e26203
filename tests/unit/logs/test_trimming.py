"""When the oldest entry has to go, and what an update counts for."""

from __future__ import annotations

import pytest

from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.retention import Retention
from longwave.logs.trimming import is_expired, size_of

LIMITS = Retention(events=10, size=100, age=60)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"count": 10, "size": 100, "written": 0, "now": 60}, False),
        ({"count": 11, "size": 100, "written": 0, "now": 60}, True),
        ({"count": 10, "size": 101, "written": 0, "now": 60}, True),
        ({"count": 1, "size": 101, "written": 0, "now": 60}, False),
        ({"count": 10, "size": 100, "written": 0, "now": 60.1}, True),
        ({"count": 10, "size": 100, "written": 99, "now": 0}, False),
        ({"count": 0, "size": 0, "written": 0, "now": 1000}, False),
    ],
)
def test_the_oldest_entry_goes_when_any_limit_is_passed(held, expected):
    assert is_expired(LIMITS, **held) is expected


def test_size_counts_all_text_in_utf_8_and_nothing_for_a_default_id():
    assert size_of(Update(("é", "ab"), Event("😀", "type", "id"))) == 2 + 2 + 4 + 4 + 2
    assert size_of(Update(("t",), Event("", "x"))) == 2
