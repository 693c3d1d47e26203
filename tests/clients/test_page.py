"""The page says what the records say, no more and no less."""

from __future__ import annotations

import pytest

from clients import page
from docs.pages import page as page_named


@pytest.mark.parametrize("heading", page.parts())
def test_page_shows_the_records(heading):
    """Where this fails, put what was expected below the heading."""
    expected = page.parts()[heading]

    assert expected in page_named(page.NAME).section(heading), expected


def test_page_has_no_table_row_of_its_own():
    rows = [line for line in page_named(page.NAME).text.splitlines() if line.startswith("|")]
    shown = [line for part in page.parts().values() for line in part.splitlines() if line.startswith("|")]

    assert rows == shown
