"""The options of an event source: one list of names for the caller, one of checked values."""

from __future__ import annotations

import dataclasses
import inspect
import typing

import pytest

from longwave.client import cursor, observer, source_options
from longwave.client.event_source import OF_REQUESTS, EventSource
from longwave.client.source_options import LONGEST_TIMEOUT, SourceOptions, SourceSettings
from longwave.client.sync.event_source import SyncEventSource
from longwave.core.gap import Gap
from longwave.errors import InvalidValue

SEEN_BY_TYPES_ONLY = {"Cursor": cursor.Cursor, "Observer": observer.Observer, "Gap": Gap}


def types_of(options):
    return typing.get_type_hints(options, vars(source_options), SEEN_BY_TYPES_ONLY)


def test_both_lists_have_the_same_names_types_and_order():
    assert list(types_of(SourceOptions).items()) == list(types_of(SourceSettings).items())


def test_no_option_must_be_given():
    assert SourceOptions.__required_keys__ == set()
    assert SourceSettings() == SourceSettings()


@pytest.mark.parametrize("source", [EventSource, SyncEventSource])
def test_sources_take_these_options(source):
    names = set(inspect.signature(source).parameters)

    assert names == {"url", "transport", "options"}
    with pytest.raises(TypeError, match="unknown"):
        source("http://a.test", unknown=1)


@pytest.mark.parametrize("name", SourceOptions.__optional_keys__)
def test_each_option_is_documented(name):
    assert f"{name}:" in SourceOptions.__doc__ or f"{name}," in SourceOptions.__doc__


def test_options_of_requests_are_options():
    assert set(OF_REQUESTS) < set(SourceOptions.__optional_keys__)


def test_every_option_has_a_default():
    for field in dataclasses.fields(SourceSettings):
        assert field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING


BAD = [
    *({name: value} for name in ("connect_timeout", "idle", "event_idle") for value in (0, -1, float("nan"))),
    *({name: value} for name in ("connect_timeout", "idle", "event_idle") for value in (float("inf"), 1e12)),
    {"topics": "orders"},
    {"topics": [b"orders"]},
    {"topics": ["a", "\ud800"]},
    {"body": "text"},
    {"method": ""},
    {"method": "GET / HTTP/1.1\r\nX: y"},
    {"token": "a b"},
    {"token": 7},
    {"headers": [("a", "b")]},
    {"headers": {"a b": "c"}},
]


@pytest.mark.parametrize("options", BAD, ids=str)
def test_value_that_cannot_be_is_refused_at_once(options):
    (name,) = options
    with pytest.raises(InvalidValue, match=f"^{name}: expected "):
        SourceSettings(**options)


def test_bad_value_of_a_header_is_refused_at_once():
    with pytest.raises(InvalidValue, match=r"^X-Key: expected "):
        SourceSettings(headers={"X-Key": "a\nb"})


def test_connection_is_never_waited_for_without_end():
    with pytest.raises((InvalidValue, TypeError)):
        SourceSettings(connect_timeout=None)


@pytest.mark.parametrize(("name", "value"), [("max_line", 0), ("max_event", -1), ("last_event_id", "a\nb")])
def test_rest_is_refused_when_the_source_is_made(name, value):
    for source in (EventSource, SyncEventSource):
        with pytest.raises(InvalidValue, match=f"^{name}: expected "):
            source("http://a.test", **{name: value})


@pytest.mark.parametrize(
    ("idle", "event_idle", "timeout"),
    [
        (60.0, None, 60.0),
        (None, None, None),
        (None, 7, 7),
        (5, 7, 5),
        (7, 5, 5),
        (LONGEST_TIMEOUT, None, LONGEST_TIMEOUT),
    ],
)
def test_read_waits_as_long_as_both_timers_allow(idle, event_idle, timeout):
    assert SourceSettings(idle=idle, event_idle=event_idle).read_timeout == timeout


@pytest.mark.parametrize(
    ("options", "refreshable"),
    [
        ({}, False),
        ({"token": "a", "headers": {"b": "c"}}, False),
        ({"token": lambda: "a"}, True),
        ({"headers": dict}, True),
    ],
)
def test_asking_anew_helps_where_something_is_asked_for(options, refreshable):
    assert SourceSettings(**options).is_refreshable is refreshable
