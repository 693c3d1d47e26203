"""The table of decisions where a subscription starts."""

from __future__ import annotations

import pytest

from longwave.core.gap import Reason
from longwave.core.resume import NOWHERE, Start, start_after


@pytest.mark.parametrize(
    ("event_id", "located", "start"),
    [
        pytest.param("earliest", None, Start(0), id="earliest: everything"),
        pytest.param("aaaaaaaa-3", 3, Start(3), id="this life: after it"),
        pytest.param("aaaaaaaa-0", 0, Start(0), id="this life, before the first"),
        pytest.param("aaaaaaaa-9", 9, Start(9), id="this life, the last one"),
        pytest.param("aaaaaaaa-10", None, Start(None, Reason.RESTARTED), id="this life, beyond the end: told"),
        pytest.param("aaaaaaaa-10", 10, Start(None, Reason.RESTARTED), id="this life, located beyond the end: told"),
        pytest.param("bbbbbbbb-3", None, Start(None, Reason.RESTARTED), id="another life: told"),
        pytest.param("bbbbbbbb-3", 5, Start(5), id="another life's id given by a publisher: after it"),
        pytest.param("given", 4, Start(4), id="given id: after it"),
        pytest.param("given", None, Start(None, Reason.EXPIRED), id="unknown or trimmed id: told"),
    ],
)
def test_where_to_start(event_id, located, start):
    assert start_after(event_id, located=located, last=9) == start


def test_nowhere_is_no_id_and_no_gap():
    assert (NOWHERE.sent, NOWHERE.gap, NOWHERE.position) == ("", None, None)
