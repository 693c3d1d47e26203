"""Errors to the protocol's statuses and texts; publications on the wire are in integration/test_mercure_publish.py."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from longwave import errors
from longwave.server.mercure import Refused, describe
from longwave.server.publish_api import ReservedTopic
from longwave.server.routes import Dialect
from longwave.transports.sse import MissingTopic, TooManyTopics


@pytest.mark.parametrize(
    ("error", "method", "status", "text"),
    [
        (MissingTopic(), "GET", 400, 'Missing "topic" parameter.\n'),
        (TooManyTopics(1000, 1001), "GET", 400, 'Too many "topic" parameters.\n'),
        (Refused("Bad Request"), "POST", 400, "Bad Request\n"),
        (errors.InvalidValue("id", "expected one line"), "POST", 400, "id: expected one line\n"),
        (ReservedTopic("a"), "POST", 403, "topic: expected none that contains /.well-known/mercure, got 'a'\n"),
        (errors.DuplicateId("a"), "POST", 409, "id: expected an id that is not on the log, got 'a' again\n"),
        (errors.LogUnavailable("expected room"), "POST", 500, "Internal Server Error\n"),
        (errors.LogUnavailable("expected room"), "GET", 503, "Service Unavailable\n"),
        (errors.HubClosed("expected an open hub"), "POST", 500, "Internal Server Error\n"),
        (errors.HubClosed("expected an open hub"), "GET", 503, "Service Unavailable\n"),
    ],
)
def test_error_has_the_protocols_status_and_text_or_our_sentence(error, method, status, text):
    response = Dialect.MERCURE.respond(error, method)

    assert (response.status, response.body.decode()) == (status, text)
    assert ((b"Retry-After", b"1") in response.headers) is (status in (500, 503))


def test_status_stays_where_the_protocol_has_no_other():
    assert describe(errors.DuplicateId("a"), HTTPStatus.CONFLICT, "POST")[0] is HTTPStatus.CONFLICT
