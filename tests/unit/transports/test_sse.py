"""What a subscription asks for."""

from __future__ import annotations

import pytest

from longwave.core.audience import SelectorsTooCostly, SelectorsTooLong
from longwave.errors import InvalidValue
from longwave.transports.exchange import Request
from longwave.transports.sse import (
    LONGEST_TOLD,
    SelectorLimits,
    asked_by,
    is_browser,
    last_event_id,
    last_event_id_header,
    read_query,
    topics_of,
)

LIMITS = SelectorLimits(topics=3, size=20, cost=2)


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
        ("Last-Event-ID=a", None, "a"),
        ("lastEventId=a", None, "a"),
        ("last-event-id=a", None, ""),
        ("lastEventID=&last_event_id=b", None, "b"),
        ("lastEventID=a&lastEventID=b", None, "a"),
        ("lastEventID=a&lastEventId=c", None, "c"),
        ("lastEventId=c&lastEventID=a", None, "c"),
        ("lastEventID=a&lastEventId=", None, "a"),
        ("Last-Event-ID=d&last_event_id=b", None, "b"),
        ("last_event_id=b&lastEventID=a", None, "a"),
        ("lastEventID=a&lastEventId=c", b"h", "h"),
        ("lastEventID=%C3%A9", None, "é"),
        ("lastEventID=a", b"h", "h"),
        ("lastEventID=a", b"", "a"),
        ("", "é".encode(), "é"),
        ("", b"\xff", "\ufffd"),
    ],
)
def test_last_event_id_is_of_the_header_else_of_the_query(query, header, event_id):
    assert asked(query, header) == event_id


@pytest.mark.parametrize("event_id", ["c3f9a2b1-7", "earliest", 'id-["x"]', "é€", "a b", "x" * LONGEST_TOLD])
def test_id_is_told_in_the_head(event_id):
    assert last_event_id_header(event_id) == ((b"Last-Event-ID", event_id.encode()),)


@pytest.mark.parametrize(
    "event_id",
    ["a\rb", "a\nb", "a\0b", "\x7f", "\x85", "\u2028", " a", "a ", "\t", "x" * (LONGEST_TOLD + 1), "€" * 342],
)
def test_id_that_a_head_cannot_carry_is_not_told(event_id):
    assert last_event_id_header(event_id) == ()


@pytest.mark.parametrize(
    ("agent", "caching", "is_one"),
    [
        (b"Mozilla/5.0 (X11)", b"no-cache", True),
        (b"Mozilla/5.0 (X11)", None, False),  # fetch, whose users may not follow the standard
        (b"curl/8", b"no-cache", False),
        (None, b"no-cache", False),
    ],
)
def test_event_source_of_a_browser_is_known_by_what_it_sends(agent, caching, is_one):
    headers = [
        (name, value) for name, value in ((b"user-agent", agent), (b"cache-control", caching)) if value is not None
    ]

    assert is_browser(Request("GET", "/events", headers=tuple(headers))) is is_one


def test_selectors_are_told_as_they_were_sent_each_once():
    audience, _ = asked_by(Request("GET", "/events", "topic=b&topic=a%2F%7Bx%7D&topic=b"), LIMITS)
    assert tuple(selector.text for selector in audience.selectors) == ("a/{x}", "b")


def test_selectors_within_their_size_and_cost_are_taken():
    audience, _ = read_query("topic=" + "a" * 10 + "&topic={b}&topic={c}4567", LIMITS)
    assert len(audience.selectors) == 3


def test_selectors_above_their_size_are_refused_by_bytes_before_they_are_looked_at():
    with pytest.raises(SelectorsTooLong, match="expected selectors of at most 20 bytes together, got 21"):
        read_query("topic=" + "%C3%BC" * 10 + "&topic={", LIMITS)


def test_selectors_that_cost_too_much_to_match_are_refused():
    with pytest.raises(SelectorsTooCostly, match="expected templates that cost at most 2 together to match, got 3"):
        read_query("topic={a}&topic={b}&topic={c}", LIMITS)
    assert read_query("topic=a&topic=*&topic={c}", LIMITS)
