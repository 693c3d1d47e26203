"""By which names a hub without a key answers, so that no page can have its own name stand for this machine."""

from __future__ import annotations

import pytest

from longwave.errors import InvalidConfiguration
from longwave.server.config import AccessConfig, Listen, ServerConfig
from longwave.server.hosts import Hosts, check_hosts, hosts_of, name_of

LOCAL = [b"localhost", b"localhost:8080", b"LocalHost", b"localhost.", b"app.localhost:3000"]
ADDRESSES = [b"127.0.0.1", b"127.0.0.1:8080", b"[::1]:8080", b"[::1]", b"192.0.2.7:80", b"[2001:db8::1]", b"0.0.0.0:1"]
OTHERS = [
    b"evil.test",
    b"evil.test:8080",
    b"localhost.evil.test",
    b"127.0.0.1.evil.test",
    b"evillocalhost",
    b"",
    b":80",
    b"localhost@evil.test",
    b"evil.test@localhost",
    b"evil.test#localhost",
    b"localhost/evil.test",
    b"localhost, evil.test",
    b"local host",
    b"\xe9.test",
    b"[evil.test]",
    b"[::1",
    b"localhost:80:80",
]


@pytest.mark.parametrize("host", LOCAL + ADDRESSES)
def test_local_names_and_all_addresses_are_answered(host):
    assert Hosts(()).allow(host)


@pytest.mark.parametrize("host", OTHERS)
def test_other_names_are_not(host):
    assert not Hosts(()).allow(host)


def test_client_that_names_no_host_is_no_browser():
    assert Hosts(()).allow(None)


@pytest.mark.parametrize("host", [b"example.com", b"Example.COM:443", b"example.com.", b"localhost"])
def test_names_that_were_given_are_answered_with_any_port(host):
    assert Hosts(["Example.com"]).allow(host)


@pytest.mark.parametrize("host", [b"www.example.com", b"example.com.evil.test", b"example.org"])
def test_a_name_stands_for_itself_only(host):
    assert not Hosts(["example.com"]).allow(host)


@pytest.mark.parametrize("host", OTHERS)
def test_star_stands_for_any(host):
    assert Hosts(["*"]).allow(host)


@pytest.mark.parametrize(
    "name", ["", "example.com:80", "https://example.com", "*.example.com", ".example.com", "é", "a b"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidConfiguration, match="allowed_hosts: expected a host name without a port"):
        check_hosts("allowed_hosts", ["localhost", name])


@pytest.mark.parametrize(("host", "name"), [("A.b:1", "a.b"), ("[::1]:2", "::1"), ("a:", "a"), ("a b", ""), ("", "")])
def test_name_is_read_without_its_port(host, name):
    assert name_of(host) == name


@pytest.mark.parametrize(
    ("access", "listen", "answers"),
    [
        (AccessConfig(), Listen(), False),
        (AccessConfig(), Listen(host="0.0.0.0", insecure=True), False),
        (AccessConfig(), Listen(uds="hub.sock"), True),
        (AccessConfig(key="k"), Listen(), True),
        (AccessConfig(key="k", anonymous=True), Listen(), True),
        (AccessConfig(jwks="file:///k"), Listen(), True),
        (AccessConfig(key="k", allowed_hosts=("example.com",)), Listen(), False),
        (AccessConfig(allowed_hosts=("example.com",)), Listen(uds="hub.sock"), False),
        (AccessConfig(allowed_hosts=("*",)), Listen(), True),
    ],
)
def test_names_matter_without_a_key_on_tcp_or_where_they_are_given(access, listen, answers):
    assert hosts_of(ServerConfig(access=access, listen=listen)).allow(b"other.test") is answers
