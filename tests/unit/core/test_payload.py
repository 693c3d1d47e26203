"""What tells of a payload is not larger than it may be, however it is nested."""

from __future__ import annotations

import json

import pytest

from longwave.core.payload import KEPT, MAX_PAYLOAD, NO_PAYLOAD, compact, layout


def nested(depth, count):
    """A small token's payload that indenting makes large."""
    payload = [0] * count
    for _ in range(depth):
        payload = [payload]
    return payload


def test_payload_is_laid_out_below_its_name():
    assert layout(compact({"a": [1]})) == '{\n    "a": [\n      1\n    ]\n  }'


@pytest.mark.parametrize("payload", [0, "", False, [], {}])
def test_payload_that_is_empty_is_one(payload):
    assert json.loads(layout(compact(payload))) == payload


def test_no_payload_has_no_layout():
    assert compact(None) == layout(NO_PAYLOAD) == NO_PAYLOAD


def test_size_counts_as_it_is_laid_out():
    text = compact(nested(30, 1000))

    assert len(text) < 2100
    assert len(json.dumps(json.loads(text), indent=2)) > 4 * MAX_PAYLOAD
    assert layout(text) == NO_PAYLOAD


def test_largest_payload_is_told():
    text = compact("x" * (MAX_PAYLOAD - 2))

    assert layout(text) == text
    assert layout(compact("x" * (MAX_PAYLOAD - 1))) == NO_PAYLOAD


def test_layouts_that_are_kept_are_bounded():
    assert layout.cache_info().maxsize == KEPT
    assert 2 * KEPT * MAX_PAYLOAD <= 32 * 2**20
