"""Errors become statuses; the rest is shown on the wire by the integration tests."""

from __future__ import annotations

import pytest

from longwave import errors
from longwave.server.publish_api import UnsupportedType
from longwave.server.routes import Dialect


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidValue("data", "expected text"), 400),
        (errors.InvalidConfiguration("data", "expected text"), 400),
        (UnsupportedType(""), 415),
        (errors.DuplicateId("a"), 409),
        (errors.LogUnavailable("expected room"), 503),
        (errors.HubClosed("expected an open hub"), 503),
    ],
)
def test_error_is_told_as_its_sentence(error, status):
    response = Dialect.PLAIN.respond(error, "POST")

    assert response.status == status
    assert response.body.decode() == f"{error}\n"
    assert ((b"Retry-After", b"1") in response.headers) is (status == 503)
