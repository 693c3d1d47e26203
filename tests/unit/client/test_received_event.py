"""An event that knows where it came from."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from longwave.client.received_event import ReceivedEvent, receive
from longwave.errors import InvalidValue
from longwave.eventstream import Parser
from longwave.eventstream.event import Event

ORIGIN = "https://hub.test"


def test_it_is_the_parsers_event_with_an_origin():
    received = receive(Event("a", "t", "7", 50), ORIGIN)

    assert received == ReceivedEvent("a", "t", "7", 50, ORIGIN)
    assert type(received) is ReceivedEvent
    assert isinstance(received, Event)


def test_every_field_is_carried_over():
    """Also one that is added to Event one day."""
    event = Event("a", "t", "7", 50)

    assert dataclasses.asdict(receive(event, ORIGIN)) == {**dataclasses.asdict(event), "origin": ORIGIN}


def test_type_with_nul_is_received_as_the_standard_says():
    (event,) = Parser().feed(b"event: a\0b\ndata: x\n\n")

    assert receive(event, ORIGIN).type == "a\0b"


def test_it_is_frozen_and_hashable_like_one_that_was_built():
    received, built = receive(Event("a"), ORIGIN), ReceivedEvent("a", origin=ORIGIN)

    with pytest.raises(dataclasses.FrozenInstanceError):
        received.data = "b"
    assert hash(received) == hash(built)
    assert repr(received) == repr(built)
    assert not hasattr(received, "__dict__")


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_it_can_be_copied_and_passed_between_processes(twin):
    received = receive(Event("a", "t", "7", 50), ORIGIN)

    assert twin(received) == received


def test_json_is_the_data_read():
    assert receive(Event('{"a": [1, null]}'), "").json() == {"a": [1, None]}


@pytest.mark.parametrize("data", ["", "{", "x" * 10_000, "[" * 100_000, "1" * 5000])
def test_data_that_is_no_json_is_said_in_a_short_sentence(data):
    with pytest.raises(InvalidValue, match=r"^data: expected JSON, got ") as caught:
        receive(Event(data), "").json()
    assert len(str(caught.value)) < 400
