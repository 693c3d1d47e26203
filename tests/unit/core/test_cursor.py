"""Default ids: what is one and what is a publisher's own."""

from __future__ import annotations

import pytest

from longwave.core.cursor import EARLIEST, MAX_POSITION, Cursor, parse_id


@pytest.mark.parametrize("position", [0, 1, 1042, MAX_POSITION])
def test_a_cursor_is_read_back_from_its_text(position):
    cursor = Cursor("c3f9a2b1", position)

    assert parse_id(str(cursor)) == cursor


def test_a_cursor_does_not_change():
    with pytest.raises(AttributeError):
        Cursor("c3f9a2b1", 1).position = 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        EARLIEST,
        "c3f9a2b1",
        "c3f9a2b1-",
        "c3f9a2b1-01",
        "c3f9a2b1--1",
        "c3f9a2b1-+1",
        "c3f9a2b1-1 ",
        " c3f9a2b1-1",
        "c3f9a2b1-1\n",
        "C3F9A2B1-1",
        "c3f9a2b-1",
        "c3f9a2b10-1",
        "g3f9a2b1-1",
        "c3f9a2b1-\u0661",
        "c3f9a2b1-1.0",
        f"c3f9a2b1-{MAX_POSITION + 1}",
        "c3f9a2b1-" + "9" * 5000,
    ],
)
def test_any_other_text_is_a_publishers_own_id(text):
    assert parse_id(text) is None
