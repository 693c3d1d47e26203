"""Which web pages may make a browser publish, and which origins a list allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.auth.origins import Origins, may_publish, origin_of
from longwave.errors import InvalidConfiguration


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "hub.test"),
        (None, ""),
        ("http://hub.test", "hub.test"),
        ("https://hub.test:8443", "hub.test:8443"),
        ("http://localhost:3000", "localhost:8080"),
        ("http://127.0.0.1:3000", "localhost:8080"),
        ("http://[::1]:3000", "[::1]:8080"),
    ],
)
def test_own_pages_and_local_ones_on_a_local_hub_may(origin, host):
    assert may_publish(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.test", "hub.test"),
        ("http://evil.test", "localhost:8080"),
        ("http://localhost:3000", "hub.test"),
        ("http://hub.test:81", "hub.test"),
        ("http://hub.test.evil.test", "hub.test"),
        ("http://localhost.evil.test", "localhost:8080"),
        ("http://localhost@evil.test", "localhost:8080"),
        ("http://evil.test/localhost", "localhost:8080"),
        ("null", "hub.test"),
        ("null", "localhost:8080"),
        ("", "hub.test"),
        ("", ""),
        ("null", ""),
        ("file://", ""),
        ("http://", ""),
        ("localhost", "localhost"),
        ("http://[", "hub.test"),
        ("http://hub.test", "["),
        ("http://hub.test", ""),
    ],
)
def test_all_others_may_not(origin, host):
    assert not may_publish(origin, host)


# Lists.


def allows(pattern, origin):
    return Origins.parse("cors-origin", [pattern]).allow(origin)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://app.test", "https://app.test"),
        ("https://APP.test", "https://app.test"),
        ("https://app.test:443", "https://app.test"),
        ("https://app.test", "https://app.test:443"),
        ("http://app.test:80", "http://app.test"),
        ("http://app.test:443", "http://app.test:443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://*.example.com", "https://a.example.com"),
        ("https://*.example.com:8443", "https://a-b.example.com:8443"),
        ("capacitor://", "capacitor://"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
        ("*", "https://whatever.test"),
        ("*", "null"),
    ],
)
def test_an_origin_of_the_list_is_allowed(pattern, origin):
    assert allows(pattern, origin)


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://app.test", "http://app.test"),
        ("https://app.test", "https://app.test:8443"),
        ("https://app.test", "https://app.test.evil.test"),
        ("https://app.test", "https://xapp.test"),
        ("https://app.test", "https://app.test/"),
        ("https://app.test", "https://app.test@evil.test"),
        ("https://app.test", "https://app_test"),
        ("https://app.test", "null"),
        ("https://app.test", ""),
        ("https://*.example.com", "https://example.com"),
        ("https://*.example.com", "https://.example.com"),
        ("https://*.example.com", "https://a.b.example.com"),
        ("https://*.example.com", "https://a.example.com.evil.test"),
        ("https://*.example.com", "https://evil.test/.example.com"),
        ("https://*.example.com", "https://evil.test#.example.com"),
        ("https://*.example.com", "https://evil.test\\.example.com"),
        ("https://*.example.com", "https://evil:1.example.com"),
        ("https://*.example.com", "https://a.exampleXcom"),
        ("https://*.example.com", "https://a.example.com\n"),
        ("https://*.example.com", "https://*.example.com.evil.test"),
        ("null", ""),
    ],
)
def test_any_other_origin_is_not(pattern, origin):
    assert not allows(pattern, origin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app.test",
        "https://",
        "http://",
        "https://app.test/",
        "https://app.test/path",
        "https://app.test?x",
        "https://app.test#x",
        "https://user@app.test",
        "https://app.test:",
        "https://app.test:x",
        "https://*",
        "https://a.*.test",
        "https://*.*.test",
        "https://a*.test",
        "*.example.com",
        "https://app test",
        "https://app.test\n",
        "//app.test",
        "NULL ",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused_in_a_list(text):
    with pytest.raises(InvalidConfiguration, match="cors-origin: expected scheme://"):
        Origins.parse("cors-origin", [text])


def test_a_list_names_each_origin_once_and_an_empty_one_allows_none():
    assert Origins.parse("o", ["https://a.test", "https://A.test:443"]).patterns == ("https://a.test",)
    assert not Origins().allow("https://a.test")
    assert not Origins().any
    assert Origins.parse("o", ["https://a.test", "*"]).any


@pytest.mark.parametrize(
    ("referer", "origin"),
    [
        ("https://app.test/a/b?c#d", "https://app.test"),
        ("https://app.test:8443", "https://app.test:8443"),
        ("https://user:password@app.test/", None),
        ("https://[", None),
        ("/path", None),
        ("app.test", None),
        ("about:blank", None),
        ("", None),
    ],
)
def test_the_origin_of_a_referer_is_its_scheme_and_host(referer, origin):
    assert origin_of(referer) == origin


@given(st.text(max_size=40))
def test_any_text_is_no_allowed_origin_and_nothing_worse(text):
    listed = Origins.parse("o", ["https://app.test", "https://*.example.com"])
    assert not listed.allow(text) or text.lower().startswith("https://")
    origin_of(text)
