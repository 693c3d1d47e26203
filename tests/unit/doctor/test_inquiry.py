"""What is to be examined: addresses, headers, bounds."""

from __future__ import annotations

import pytest

from longwave.doctor.inquiry import ANY_ORIGIN, Inquiry, make_headers, parse_address
from longwave.errors import InvalidValue


@pytest.mark.parametrize(
    ("address", "topics", "url", "uds"),
    [
        ("http://h:1", [], "http://h:1/events", None),
        ("http://h:1", ["a b", "{c}"], "http://h:1/events?topic=a+b&topic=%7Bc%7D", None),
        ("http://h/", [], "http://h/", None),
        ("https://h/stream?x=1", ["t"], "https://h/stream?x=1&topic=t", None),
        ("https://h?x=1", [], "https://h/events?x=1", None),
        ("unix:hub.sock", ["t"], "http://localhost/events?topic=t", "hub.sock"),
    ],
)
def test_an_address_without_a_path_is_a_hubs_and_any_other_stays(address, topics, url, uds):
    assert parse_address(address, topics) == (url, uds)


@pytest.mark.parametrize("address", ["", "nowhere", "ftp://h/x", "http://", "unix:", "http://[::1/x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InvalidValue):
        parse_address(address)


def test_headers_of_the_user_replace_the_doctors_own():
    headers = dict(make_headers(["X-Key: v:1 ", "accept:*/*"], "secret"))
    assert headers[b"X-Key"] == b"v:1"
    assert headers[b"accept"] == b"*/*"
    assert b"Accept" not in headers
    assert headers[b"Authorization"] == b"Bearer secret"


@pytest.mark.parametrize("line", ["", "no colon", "a b: c", ": c", "X: a\nY: b", "Last-Event-ID: 7"])
def test_a_line_that_is_no_header_is_refused(line):
    with pytest.raises(InvalidValue):
        make_headers([line], None)


def test_a_refused_header_does_not_show_its_value():
    with pytest.raises(InvalidValue) as caught:
        make_headers(["bad name: secret"], None)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": 0},
        {"seconds": float("nan")},
        {"heartbeat": -1.0},
        {"origin": "example.com"},
        {"origin": "https://example.com/"},
        {"last_event_id": "a\nb"},
        {"last_event_id": " a"},
    ],
)
def test_a_value_that_cannot_be_used_is_refused(fields):
    with pytest.raises(InvalidValue):
        Inquiry(url="http://h/", **fields)


def test_without_an_origin_one_is_asked_for_that_nobody_can_mean():
    assert Inquiry(url="http://h/").asked_origin == ANY_ORIGIN
    assert Inquiry(url="http://h/", origin="https://a.example").asked_origin == "https://a.example"
