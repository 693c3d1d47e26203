"""What is the class's own; the rest is the transports' contract (tests/contract)."""

from __future__ import annotations

import io

import pytest
import requests
from urllib3 import HTTPResponse

from longwave.client.sync.requests_stream import RequestsStream
from longwave.errors import InvalidValue


def response_over(raw, **headers):
    response = requests.Response()
    response.status_code = 200
    response.headers.update(headers)
    response.raw = raw
    return response


def test_response_that_was_built_by_hand_is_read():
    raw = HTTPResponse(io.BytesIO(b"data: 1\n\n"), preload_content=False)
    stream = RequestsStream(response_over(raw, **{"X-Id": "\u00e2\u0080\u00a6"}))

    assert (stream.response.url, stream.response.headers) == ("", {"x-id": "\u2026"})
    assert stream.socket is None
    assert [stream.read(), stream.read()] == [b"data: 1\n\n", b""]
    stream.close()
    stream.close()


def test_response_over_an_old_urllib3_is_refused():
    with pytest.raises(InvalidValue, match="urllib3 2 or later"):
        RequestsStream(response_over(io.RawIOBase()))
