"""The limits of a log."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.logs.retention import Retention


def test_retention_is_on_and_bounded_by_default():
    retention = Retention()

    assert (retention.events, retention.age, retention.size) == (1_000_000, 604_800.0, 2**30)


@pytest.mark.parametrize("name", ["events", "age", "size"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_must_be_above_zero(name, value):
    with pytest.raises(InvalidValue, match=f"retention {name}: expected more than 0, got {value}"):
        Retention(**{name: value})
