"""What browsers are told about pages of other origins."""

from __future__ import annotations

import pytest

from longwave.server.cors import Cors
from longwave.transports.exchange import Request

APP = "https://app.test"


def told(origins, origin, *, method="GET", wanted=None):
    headers = [] if origin is None else [(b"origin", origin.encode("latin-1"))]
    headers += [] if wanted is None else [(b"access-control-request-method", wanted)]
    request = Request(method, "/events", headers=tuple(headers))
    cors = Cors(origins)
    pairs = cors.headers(request) + (cors.preflight(request, b"GET, POST") if method == "OPTIONS" else ())
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), "each header once"
    return {name.decode(): value.decode("latin-1") for name, value in pairs}


def test_without_origins_browsers_are_told_nothing():
    assert told((), APP) == {}
    assert told((), APP, method="OPTIONS", wanted=b"POST") == {}


def test_page_in_the_list_may_read_with_credentials():
    assert told((APP,), APP) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "etag, last-event-id, link, x-request-id, retry-after",
        "Vary": "Origin",
    }


@pytest.mark.parametrize(
    "origin", [None, "https://evil.test", "http://app.test", "https://app.test.evil.test", "null", ""]
)
def test_other_pages_may_not_and_caches_are_told_that_it_depends(origin):
    assert told((APP,), origin) == {"Vary": "Origin"}


def test_star_lets_all_pages_read_but_never_with_credentials():
    for origin in (APP, "null", None):
        headers = told((APP, "*"), origin)
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in headers


def test_null_gets_no_credentials_as_a_sandboxed_frame_of_any_page_has_it():
    headers = told(("null",), "null")

    assert headers["Access-Control-Allow-Origin"] == "null"
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("origin", ["https://a.app.test", "https://A.APP.test", "https://a.app.test:443"])
def test_origin_that_a_pattern_matches_is_told_as_it_came(origin):
    assert told(("https://*.app.test",), origin)["Access-Control-Allow-Origin"] == origin


def test_preflight_tells_methods_and_headers_for_two_hours():
    headers = told((APP,), APP, method="OPTIONS", wanted=b"POST")

    assert headers["Access-Control-Allow-Methods"] == "GET, POST"
    assert headers["Access-Control-Allow-Headers"] == "authorization, cache-control, content-type, last-event-id"
    assert headers["Access-Control-Max-Age"] == "7200"


@pytest.mark.parametrize(("origin", "wanted"), [("https://evil.test", b"POST"), (APP, None)])
def test_options_that_is_no_preflight_of_a_page_in_the_list_is_told_no_more(origin, wanted):
    assert "Access-Control-Allow-Methods" not in told((APP,), origin, method="OPTIONS", wanted=wanted)
