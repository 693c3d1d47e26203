"""How long something is, as people say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.span import format_span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "0.1s"),
        (0.04, "0.1s"),
        (0.16, "0.2s"),
        (1, "1s"),
        (1.04, "1s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (10.4, "10s"),
        (59.6, "1m"),
        (133, "2m13s"),
        (3600, "1h"),
        (3660, "1h1m"),
        (30 * 86_400 - 60, "29d23h"),
        (86_401, "1d"),
        (1_795_179_779, "20777d13h"),
    ],
)
def test_the_two_largest_units_are_told_and_a_decimal_below_ten_seconds(seconds, text):
    assert format_span(seconds) == text


@given(st.floats(min_value=0, max_value=2**54))
def test_only_no_time_at_all_is_told_as_none(seconds):
    assert (format_span(seconds) == "0s") == (seconds == 0)
