"""The head of a response, byte for byte."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from longwave.server.wire.response_head import Dates, response_head, stream_head
from longwave.transports.exchange import Response, refusal

SECURITY = (
    b"X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nContent-Security-Policy: default-src 'self'\r\n"
)
DATE = b"Date: Thu, 29 Feb 2024 12:00:00 GMT\r\n"


def test_response_has_length_type_own_headers_and_connection():
    response = refusal(HTTPStatus.BAD_REQUEST, "expected é", ((b"X-A", b"b"),))

    assert response_head(response, DATE, b"close") == (
        b"HTTP/1.1 400 Bad Request\r\n" + DATE + b"Content-Length: 12\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nX-A: b\r\n" + SECURITY + b"Connection: close\r\n\r\n"
    )


def test_connection_is_left_out_when_there_is_nothing_to_say():
    assert b"Connection" not in response_head(Response(HTTPStatus.OK, b"x"), DATE, b"")


@pytest.mark.parametrize(
    ("response", "has"),
    [
        (Response(HTTPStatus.OK), True),
        (Response(HTTPStatus.NO_CONTENT), False),
        (Response(HTTPStatus.OK, sized=False), False),
    ],
)
def test_length_is_given_unless_there_can_be_none(response, has):
    assert (b"Content-Length: 0" in response_head(response, DATE, b"")) is has


@pytest.mark.parametrize("status", HTTPStatus)
def test_every_response_says_what_a_browser_must_not_do_with_it(status):
    assert SECURITY in response_head(Response(status), DATE, b"")


def test_response_may_have_a_policy_of_its_own():
    response = Response(HTTPStatus.OK, headers=((b"Content-Security-Policy", b"default-src 'none'"),))
    head = response_head(response, DATE, b"")

    assert head.count(b"Content-Security-Policy") == 1
    assert b"Content-Security-Policy: default-src 'none'\r\n" in head
    assert b"X-Frame-Options: DENY\r\n" in head


@pytest.mark.parametrize(("chunked", "framing"), [(True, b"Transfer-Encoding: chunked\r\n"), (False, b"")])
def test_stream_head_says_that_nothing_follows_on_the_connection(chunked, framing):
    assert stream_head(((b"X-A", b"b"),), DATE, chunked=chunked) == (
        b"HTTP/1.1 200 OK\r\n"
        + DATE
        + b"Content-Type: text/event-stream\r\n"
        + framing
        + b"Connection: close\r\nX-A: b\r\n"
        + SECURITY
        + b"\r\n"
    )


def test_date_changes_with_the_second_only():
    dates = Dates()
    first = dates.line(1709208000.1)

    assert first == DATE
    assert dates.line(1709208000.9) is first
    assert dates.line(1709208001.0) == b"Date: Thu, 29 Feb 2024 12:00:01 GMT\r\n"
