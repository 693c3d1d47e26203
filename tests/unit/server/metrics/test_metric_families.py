"""Names keep to the rules of Prometheus."""

from __future__ import annotations

import re

import pytest

from longwave.server.metrics.metric_families import FAMILIES, WORKER_UP, Kind

ALL = (*FAMILIES, WORKER_UP)


@pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)
def test_names_keep_to_the_conventions(family):
    assert re.fullmatch(r"longwave_[a-z_]+", family.name)
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert family.name.endswith("_seconds") is (family.kind is Kind.HISTOGRAM)
    assert re.fullmatch(r"[A-Z0-9].*\.", family.help)


def test_no_name_comes_twice():
    assert len({family.name for family in ALL}) == len(ALL)
