"""Revocations survive the log, and nothing that stands there can harm a hub."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.revocation_note import read_revocations, revocation_note
from longwave.auth.revocations import Aspect, Revocation
from longwave.core.note import Note, read_note

REVOCATIONS = st.builds(
    Revocation, st.sampled_from(Aspect), st.text("abc", min_size=1, max_size=5), st.floats(0, 2**40)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("subject"),
    lambda values: st.lists(values, max_size=4),
    max_leaves=12,
)


@given(st.lists(REVOCATIONS))
def test_revocations_are_read_as_they_were_written(revocations):
    assert read_revocations(read_note(revocation_note(revocations).update())) == revocations


@given(JSON)
def test_any_json_gives_revocations_that_can_be(value):
    content = json.loads(json.dumps({"revoked": value}))

    assert all(isinstance(one, Revocation) for one in read_revocations(Note("revocations", content)))


def test_one_that_cannot_be_spoils_no_other():
    items = [["subject", "", 1], ["moon", "x", 1], ["topic", "*", 1], ["token", "x"], ["token", "x", 1.0]]

    assert read_revocations(Note("revocations", {"revoked": items})) == [Revocation(Aspect.TOKEN, "x", 1.0)]


def test_note_about_something_else_has_none():
    assert read_revocations(Note("nodes/a", {"revoked": [["token", "x", 1.0]]})) == []
