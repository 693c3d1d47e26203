"""Which web pages may make a browser publish."""

from __future__ import annotations

import pytest

from longwave.auth.origins import may_publish


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
