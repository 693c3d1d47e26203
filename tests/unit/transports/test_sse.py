"""What a subscription asks for."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidValue
from longwave.transports.exchange import Request
from longwave.transports.sse import last_event_id, topics_of


def asked(query="", header=None):
    request = Request("GET", "/events", query, ((b"last-event-id", header),) if header is not None else ())
    return last_event_id(request, request.parameters())


def test_topics_are_the_parameters_of_that_name():
    assert topics_of([("topic", "a"), ("other", "x"), ("topic", "b")], 2) == ["a", "b"]


@pytest.mark.parametrize(("count", "says"), [(0, "at least one"), (3, "at most 2 .*, got 3")])
def test_number_of_topics_is_bounded(count, says):
    with pytest.raises(InvalidValue, match=says):
        topics_of([("topic", "a")] * count, 2)


@pytest.mark.parametrize(
    ("query", "header", "event_id"),
    [
        ("", None, ""),
        ("lastEventID=a", None, "a"),
        ("last_event_id=a", None, "a"),
        ("lastEventID=&last_event_id=b", None, "b"),
        ("lastEventID=a&lastEventID=b", None, "a"),
        ("lastEventID=%C3%A9", None, "é"),
        ("lastEventID=a", b"h", "h"),
        ("lastEventID=a", b"", "a"),
        ("", "é".encode(), "é"),
        ("", b"\xff", "\ufffd"),
    ],
)
def test_last_event_id_is_of_the_header_else_of_the_query(query, header, event_id):
    assert asked(query, header) == event_id
