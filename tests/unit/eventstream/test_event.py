"""Event: what it may hold, and what it says when it may not."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError

import pytest

from longwave.errors import InvalidValue, LongwaveError
from longwave.eventstream.event import DEFAULT_TYPE, MAX_RETRY, Event, check_line, check_retry, check_text


def test_defaults_are_those_of_a_message_without_id() -> None:
    event = Event()
    assert (event.data, event.type, event.id, event.retry) == ("", DEFAULT_TYPE, "", None)
    assert DEFAULT_TYPE == "message"


def test_fields_are_kept_as_given() -> None:
    event = Event("a\r\nb\0c", type="é", id="…", retry=0)
    assert (event.data, event.type, event.id, event.retry) == ("a\r\nb\0c", "é", "…", 0)


def test_an_event_is_frozen_and_has_no_room_for_more() -> None:
    event = Event("x")
    with pytest.raises(FrozenInstanceError):
        event.data = "y"
    assert not hasattr(event, "__dict__")


def test_equal_fields_make_equal_events_with_equal_hashes() -> None:
    assert Event("x", "t", "1", 2) == Event("x", "t", "1", 2)
    assert hash(Event("x", "t", "1", 2)) == hash(Event("x", "t", "1", 2))
    assert Event("x") != Event("x", id="1")


def test_an_event_can_be_copied_and_pickled() -> None:
    event = Event("x", "t", "1", 2)
    assert copy.copy(event) == event
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("field", ["type", "id"])
@pytest.mark.parametrize(("character", "name"), [("\0", "NUL"), ("\r", "CR"), ("\n", "LF")])
def test_a_line_field_refuses_nul_cr_and_lf(field: str, character: str, name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Event("x", **{field: f"ab{character}c"})
    assert str(caught.value) == f"{field}: expected no NUL, CR or LF, got {name} as character 3"
    assert caught.value.field == field


@pytest.mark.parametrize("field", ["data", "type", "id"])
def test_text_refuses_a_lone_surrogate(field: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        Event(**{field: "é\udc80"})
    assert str(caught.value) == f"{field}: expected text, got a lone surrogate as character 2"


@pytest.mark.parametrize("field", ["data", "type", "id"])
@pytest.mark.parametrize("value", [b"x", None, 1])
def test_text_refuses_what_is_no_str(field: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=f"^{field}: expected str, got {type(value).__name__}$"):
        Event(**{field: value})


def test_an_empty_type_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"^type: expected at least one character, got an empty string$"):
        Event("x", type="")


@pytest.mark.parametrize("value", [0, 1, MAX_RETRY])
def test_retry_takes_whole_milliseconds_that_a_browser_can_hold(value: int) -> None:
    assert Event(retry=value).retry == value


@pytest.mark.parametrize("value", [-1, MAX_RETRY + 1, 1.0, True, "1"])
def test_retry_refuses_anything_else(value: object) -> None:
    with pytest.raises(InvalidValue) as caught:
        Event(retry=value)
    assert str(caught.value) == f"retry: expected whole milliseconds from 0 to {MAX_RETRY}, got {value!r}"


def test_invalid_value_is_both_of_the_tree_and_a_value_error() -> None:
    with pytest.raises(LongwaveError):
        Event(type="")
    with pytest.raises(ValueError, match="type"):
        Event(type="")


def test_checks_can_be_used_for_other_fields() -> None:
    check_text("comment", "a\nb\0")
    check_line("topic", "a b")
    check_retry(5)
    with pytest.raises(InvalidValue, match=r"^topic: "):
        check_line("topic", "a\nb")
