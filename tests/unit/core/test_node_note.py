"""What hubs tell each other survives the log, and nothing that stands there can harm a hub."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from longwave.core.member import Member
from longwave.core.node_note import NodeNote, read_node_note
from longwave.core.note import Note, read_note

NAMES = st.text("abc", min_size=1, max_size=3)
MEMBERS = st.builds(Member, NAMES, st.lists(NAMES).map(tuple), NAMES)
NOTES = st.builds(
    NodeNote,
    node=NAMES,
    by=NAMES,
    place=st.text("xyz", max_size=3),
    at=st.none() | st.floats(0, 1e6),
    asks=st.booleans(),
    wants=st.lists(NAMES).map(tuple),
    count=st.none() | st.integers(0, 100),
    joined=st.lists(MEMBERS).map(tuple),
    left=st.lists(NAMES).map(tuple),
    ends=st.booleans(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.sampled_from(["by", "left", "joined"]), values),
    max_leaves=10,
)
FIELDS = ["by", "place", "at", "asks", "wants", "count", "joined", "left", "ends"]


@given(NOTES)
def test_note_is_read_as_it_was_written(note):
    assert read_node_note(read_note(note.note().update())) == note


def test_what_a_note_does_not_say_takes_no_room():
    assert NodeNote(node="a", by="a").note() == Note("nodes/a", {"by": "a"})


def test_note_about_something_else_is_none_of_a_node():
    assert read_node_note(Note("revocations", {"by": "a"})) is None


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_json_is_a_note_or_none(content):
    content = json.loads(json.dumps({"by": "a"} | content))
    note = read_node_note(Note("nodes/a", content))

    assert note is None or all(isinstance(text, str) for text in (note.by, note.place, *note.left, *note.wants))


def test_number_that_no_float_can_hold_is_none():
    assert read_node_note(Note("nodes/a", {"by": "a", "at": 10**400})) is None
