"""Metrics are for this machine unless it was said otherwise."""

from __future__ import annotations

import pytest

from longwave.server.metrics.metrics_access import ADDED_BY_PROXIES, MetricsAccess
from longwave.transports.exchange import Request


def asked_by(client, *headers):
    return Request("GET", "/metrics", client=client, headers=tuple((name, b"x") for name in headers))


@pytest.mark.parametrize("client", ["127.0.0.1", "127.9.9.9", "::1", ""])
def test_a_client_on_this_machine_may_read_them(client):
    assert MetricsAccess.LOCAL.objection(asked_by(client, b"host", b"accept")) == ""


@pytest.mark.parametrize("client", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "0.0.0.0"])
def test_any_other_may_not_and_is_told_so(client):
    assert MetricsAccess.LOCAL.objection(asked_by(client)) == (
        f"expected a client on this machine, got one at {client}; see the option --metrics"
    )


@pytest.mark.parametrize("header", sorted(ADDED_BY_PROXIES))
def test_who_comes_through_a_proxy_on_this_machine_may_not(header):
    assert "behind a proxy" in MetricsAccess.LOCAL.objection(asked_by("127.0.0.1", header))


@pytest.mark.parametrize("client", ["192.0.2.1", ""])
def test_everybody_may_where_they_are_public(client):
    assert MetricsAccess.PUBLIC.objection(asked_by(client, b"x-forwarded-for")) == ""
