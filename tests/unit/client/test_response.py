"""The head of a response: its type and origin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.response import Response


@pytest.mark.parametrize(
    "content_type",
    [
        "text/event-stream",
        "Text/Event-Stream ; charset=latin-1",
        "text/event-stream;",
        "\ttext/event-stream\r\n",
        "text/event-stream;;=,x",
    ],
)
def test_essence_decides_whatever_case_and_parameters(content_type):
    assert Response(200, {"content-type": content_type}).is_event_stream


@pytest.mark.parametrize(
    "content_type", ["", "text/html", "text/event-streams", "text/event-stream, text/html", "text/ event-stream"]
)
def test_another_type_is_no_event_stream(content_type):
    assert not Response(200, {"content-type": content_type}).is_event_stream


def test_missing_type_is_an_empty_one():
    assert Response(200).content_type == ""
    assert not Response(200).is_event_stream


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Hub.Test/events?topic=a#b", "http://hub.test"),
        ("http://hub.test:80/", "http://hub.test"),
        ("https://hub.test:443/", "https://hub.test"),
        ("https://hub.test:80/", "https://hub.test:80"),
        ("http://user:password@hub.test:8080/", "http://hub.test:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://hub.test:0/", "http://hub.test:0"),
        ("", ""),
        ("/events", ""),
        ("http://hub.test:99999/", ""),
        ("http://[::1/", ""),
    ],
)
def test_origin_is_scheme_host_and_the_port_that_is_not_the_usual_one(url, origin):
    assert Response(200, {}, url).origin == origin


@given(st.text(max_size=30) | st.text(max_size=20).map("http://".__add__))
def test_no_url_of_a_server_breaks_the_client(url):
    assert isinstance(Response(200, {}, url).origin, str)
