"""Requests to a Longwave hub are what its HTTP reference says."""

from __future__ import annotations

import pickle
from urllib.parse import parse_qs

import pytest

from longwave.errors import InvalidValue
from longwave.load.target import LongwaveTarget


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "/events"),
        ("http://hub.test/", "hub.test", 80, "/events"),
        ("http://[::1]:9/.well-known/mercure", "::1", 9, "/.well-known/mercure"),
    ],
)
def test_address_is_read(url, host, port, path):
    target = LongwaveTarget.parse(url)

    assert (target.address, target.publish_address, target.path) == ((host, port), (host, port), path)


@pytest.mark.parametrize("url", ["", "127.0.0.1:80", "https://hub.test", "http://", "http://hub:port", "unix:/x"])
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidValue, match="url: expected http://host:port, got "):
        LongwaveTarget.parse(url)


def test_subscription_names_all_topics():
    request = LongwaveTarget("h", 1).subscription(["a/b", "c&d"])

    assert request.startswith(b"GET /events?topic=a%2Fb&topic=c%26d HTTP/1.1\r\nHost: h:1\r\n")
    assert request.endswith(b"\r\n\r\n")
    assert b"Last-Event-ID" not in request


def test_subscription_resumes_after_an_event():
    assert b"\r\nLast-Event-ID: 0a-7\r\n" in LongwaveTarget("h", 1).subscription(["a"], "0a-7")


def test_publication_is_a_form():
    head, _, body = LongwaveTarget("h", 1).publication("a/b", "x").partition(b"\r\n\r\n")

    assert head.startswith(b"POST /events HTTP/1.1\r\n")
    assert b"\r\nContent-Length: %d" % len(body) in head
    assert parse_qs(body.decode()) == {"topic": ["a/b"], "data": ["x"]}


def test_more_headers_go_with_every_request():
    target = LongwaveTarget.parse("http://h", ["Authorization: Bearer t"])

    assert b"\r\nAuthorization: Bearer t\r\n" in target.subscription(["a"])
    assert b"\r\nAuthorization: Bearer t\r\n" in target.publication("a", "x")


@pytest.mark.parametrize("header", ["", "no colon", "A: b\r\nC: d", "A: \xe9"])
def test_header_that_would_break_a_request_is_refused(header):
    with pytest.raises(InvalidValue, match="header"):
        LongwaveTarget.parse("http://h", [header])


def test_target_reaches_other_processes_whole():
    target = LongwaveTarget.parse("http://h:1/x", ["A: b"])

    assert pickle.loads(pickle.dumps(target)) == target
