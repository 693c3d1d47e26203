from __future__ import annotations

import pytest

from longwave.client.redirection import redirect
from longwave.client.request import Request
from longwave.client.response import Response
from longwave.errors import RequestFailed

HERE = "https://a.test/old?x=1"
HEADERS = ((b"Authorization", b"Bearer s"), (b"cookie", b"s"), (b"X-Own", b"mine"))


def asked(method="GET", body=None):
    return Request(method, HERE, HEADERS, body, 1.0, None)


def led(location, status=307, **request):
    return redirect(asked(**request), Response(status, {"location": location}, HERE))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/new", "https://a.test/new"),
        ("new?y=2", "https://a.test/new?y=2"),
        ("?y=2", "https://a.test/old?y=2"),
        ("//b.test/", "https://b.test/"),
        ("http://b.test:81/new#part", "http://b.test:81/new"),
    ],
)
def test_location_is_read_relative_to_the_request(location, url):
    assert led(location).url == url


@pytest.mark.parametrize("location", ["/new", "https://a.test:443/new", "HTTPS://A.TEST/new"])
def test_secrets_stay_within_their_origin(location):
    assert led(location).headers == HEADERS


@pytest.mark.parametrize("location", ["https://b.test/", "http://a.test/", "https://a.test:444/", "//sub.a.test/"])
def test_secrets_do_not_go_to_another_origin(location):
    assert led(location).headers == ((b"X-Own", b"mine"),)


@pytest.mark.parametrize(
    ("status", "method", "becomes", "body"),
    [
        (301, "POST", "GET", None),
        (302, "POST", "GET", None),
        (303, "POST", "GET", None),
        (303, "PUT", "GET", None),
        (303, "HEAD", "HEAD", b"b"),
        (301, "PUT", "PUT", b"b"),
        (302, "PUT", "PUT", b"b"),
        (307, "POST", "POST", b"b"),
        (308, "POST", "POST", b"b"),
    ],
)
def test_method_and_body_change_as_the_standard_says(status, method, becomes, body):
    request = led("/new", status, method=method, body=b"b")

    assert (request.method, request.body) == (becomes, body)


@pytest.mark.parametrize("response", [Response(200, {"location": "/new"}), Response(304), Response(302)])
def test_other_responses_lead_nowhere(response):
    assert redirect(asked(), response) is None


@pytest.mark.parametrize("location", ["ftp://a.test/", "http://", "http://[::1", "https://a.test:99999/", "data:,x"])
def test_location_that_is_no_http_url_fails(location):
    with pytest.raises(RequestFailed, match="expected a redirect to an HTTP URL"):
        led(location)
