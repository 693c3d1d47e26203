"""The head of a response, byte for byte."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from longwave.server.response_head import Dates, response_head, stream_head
from longwave.transports.exchange import Response, refusal

DATE = b"Date: Thu, 29 Feb 2024 12:00:00 GMT\r\n"


def test_response_has_length_type_own_headers_and_connection():
    response = refusal(HTTPStatus.BAD_REQUEST, "expected é", ((b"X-A", b"b"),))

    assert response_head(response, DATE, b"close") == (
        b"HTTP/1.1 400 Bad Request\r\n" + DATE + b"Content-Length: 12\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        b"X-A: b\r\nConnection: close\r\n\r\n"
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


@pytest.mark.parametrize(("chunked", "framing"), [(True, b"Transfer-Encoding: chunked\r\n"), (False, b"")])
def test_stream_head_says_that_nothing_follows_on_the_connection(chunked, framing):
    assert stream_head(((b"X-A", b"b"),), DATE, chunked=chunked) == (
        b"HTTP/1.1 200 OK\r\n"
        + DATE
        + b"Content-Type: text/event-stream\r\nX-Content-Type-Options: nosniff\r\n"
        + framing
        + b"Connection: close\r\nX-A: b\r\n\r\n"
    )


def test_date_changes_with_the_second_only():
    dates = Dates()
    first = dates.line(1709208000.1)

    assert first == DATE
    assert dates.line(1709208000.9) is first
    assert dates.line(1709208001.0) == b"Date: Thu, 29 Feb 2024 12:00:01 GMT\r\n"
