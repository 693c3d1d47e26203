"""Notes are for hubs: whatever is asked for and granted, no subscriber gets one."""

from __future__ import annotations

import pytest

from longwave.core.audience import audience_of
from longwave.core.note import NOTES, Note, is_note, names_note, read_note
from longwave.core.update import Update
from longwave.errors import InvalidValue
from longwave.eventstream.event import Event
from longwave.server.publish_api import check_not_reserved

NOTE = Note("nodes/a", {"by": "a", "texts": ["ä", "\u2028"]})


def test_note_survives_being_an_update():
    assert read_note(NOTE.update()) == NOTE


def test_note_has_the_id_that_it_is_given():
    assert NOTE.update("x").event.id == "x"
    assert NOTE.update().event.id == ""


@pytest.mark.parametrize("data", ["", "[]", "1", "null", "{", "{" * 100_000, "\ud7ff"])
def test_what_is_no_json_object_is_read_as_nothing(data):
    assert read_note(Update((NOTES + "x",), Event(data), private=True)) is None


@pytest.mark.parametrize(
    "update",
    [
        Update((NOTES + "x",), Event()),
        Update(("t", NOTES + "x"), Event(), private=True),
        Update(("/.well-known/mercure/subscriptions/t/s",), Event(), private=True),
    ],
)
def test_public_updates_and_those_about_something_else_are_no_notes(update):
    assert not is_note(update)


def test_topics_tell_whether_a_private_update_is_a_note():
    assert names_note(NOTE.update().topics)
    assert not names_note(("t", NOTES + "x"))


@pytest.mark.parametrize("selector", ["*", NOTES + "nodes/a", NOTES + "{+any}", "/.well-known/mercure{+any}"])
def test_no_audience_receives_a_note(selector):
    note = NOTE.update()
    audience = audience_of([selector, "*"], [selector, "*"])

    assert is_note(note)
    assert not audience.receives(note)
    assert not audience.may_receive(note)


def test_no_publisher_may_write_notes():
    with pytest.raises(InvalidValue):
        check_not_reserved(("t", NOTES + "revocations"))
