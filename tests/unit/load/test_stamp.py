"""Stamps come back as they were written, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.load.stamp import LEAST_PAYLOAD, MAX_PUBLISHERS, MAX_TOPICS, Stamp, Stamper
from unit.load.examples import RUN, STAMPER, event, stamp


@given(
    st.builds(
        Stamp,
        st.integers(0, 10**10 - 1),
        st.integers(0, MAX_TOPICS - 1),
        st.integers(0, MAX_PUBLISHERS - 1),
        st.integers(0, 10**10 - 1),
        st.integers(0, 2**63 - 1),
    ),
    st.integers(LEAST_PAYLOAD, 400),
)
def test_stamp_comes_back_from_data_of_the_size_that_was_asked_for(one, size):
    stamper = Stamper(RUN, size)
    data = stamper.write(one)

    assert len(data) == size
    assert stamper.find(b"id: 7\ndata: " + data.encode()) == one


def test_stamp_is_found_inside_json():
    assert STAMPER.find(json.dumps({"push": {"data": STAMPER.write(stamp(3))}}).encode()) == stamp(3)


@pytest.mark.parametrize("block", [b"", b": comment", b"data: hello", b"data: LW"])
def test_block_without_stamp_has_none(block):
    assert STAMPER.find(block) is None


def test_stamp_of_another_run_is_not_found():
    assert Stamper("fedc3210", 100).find(event(stamp(1))) is None


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:-1] + b"y", lambda data: data[:70]])
def test_data_that_was_cut_or_changed_is_refused(change):
    with pytest.raises(ValueError, match="expected 100 bytes as they were published"):
        STAMPER.find(change(STAMPER.write(stamp(1)).encode()))
