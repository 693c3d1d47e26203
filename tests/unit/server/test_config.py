"""Options are refused where they would be dangerous or mean nothing."""

from __future__ import annotations

import math
import re
import sys

import pytest

from longwave.errors import InvalidConfiguration
from longwave.server.config import AccessConfig, Limits, Listen, ServerConfig, Timeouts, is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_addresses_need_no_word(host):
    assert is_loopback(host)
    assert ServerConfig(listen=Listen(host=host)).listen.host == host


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.7", "example.com", "localhost.example.com", "127.0.0.1.example.com"]
)
def test_other_addresses_need_a_key_or_must_be_insisted_on(host):
    with pytest.raises(InvalidConfiguration, match=r"expected a loopback address.*--key.*--insecure"):
        ServerConfig(listen=Listen(host=host))
    assert ServerConfig(listen=Listen(host=host, insecure=True)).listen.host == host
    assert ServerConfig(listen=Listen(host=host), access=AccessConfig(subscriber_key="k")).listen.host == host


def test_unix_socket_needs_no_address():
    assert ServerConfig(listen=Listen(host="0.0.0.0", uds="hub.sock")).listen.uds == "hub.sock"


# Access.


@pytest.mark.parametrize(
    ("name", "expected"),
    [(f"{kind}key", "a key") for kind in ("", "publisher_", "subscriber_")]
    + [(f"{kind}jwks", "the address of a JWK set") for kind in ("", "publisher_", "subscriber_")],
)
def test_key_that_is_said_but_empty_does_not_make_an_open_hub(name, expected):
    with pytest.raises(InvalidConfiguration, match=f"{name}: expected {expected}, got nothing"):
        AccessConfig(**{name: ""})
    assert AccessConfig(**{name: "k"}).has_keys


@pytest.mark.parametrize("kind", ["", "publisher_", "subscriber_"])
def test_a_key_and_a_set_of_keys_for_the_same_tokens_contradict_each_other(kind):
    option = f"--{kind}key".replace("_", "-")
    with pytest.raises(InvalidConfiguration, match=f"^{kind}jwks: expected it or {option}, got both$"):
        AccessConfig(**{f"{kind}key": "k", f"{kind}jwks": "file:///k"})


@pytest.mark.parametrize(
    ("given", "publishers", "subscribers"),
    [
        ({"key"}, "key", "key"),
        ({"jwks"}, "jwks", "jwks"),
        ({"publisher_jwks"}, "publisher_jwks", None),
        ({"subscriber_jwks"}, None, "subscriber_jwks"),
        ({"publisher_jwks", "subscriber_jwks"}, "publisher_jwks", "subscriber_jwks"),
        ({"publisher_jwks", "key"}, "publisher_jwks", "key"),
        ({"subscriber_jwks", "jwks"}, "jwks", "subscriber_jwks"),
        ({"publisher_key", "jwks"}, "publisher_key", "jwks"),
        ({"publisher_key", "subscriber_jwks"}, "publisher_key", "subscriber_jwks"),
        (set(), None, None),
    ],
)
def test_publishers_and_subscribers_have_their_own_keys_or_those_for_both(given, publishers, subscribers):
    access = AccessConfig(**dict.fromkeys(given, "k"))

    assert access.source_of_keys("publisher_") == publishers
    assert access.source_of_keys("subscriber_") == subscribers
    assert access.may_publish is (publishers is not None or not given)
    assert access.may_subscribe is (subscribers is not None or not given)


def test_keys_are_not_shown():
    shown = repr(AccessConfig(key="secret-1", publisher_key="secret-2", subscriber_key="secret-3"))

    assert "secret-" not in shown


def test_without_a_key_there_is_nobody_to_be_anonymous_beside():
    assert not AccessConfig().has_keys
    with pytest.raises(InvalidConfiguration, match="anonymous: expected a key beside it"):
        AccessConfig(anonymous=True)
    assert AccessConfig(anonymous=True, publisher_key="k").anonymous


@pytest.mark.parametrize("name", ["cors_origins", "publish_origins"])
def test_origins_are_what_browsers_send(name):
    assert getattr(AccessConfig(**{name: ("https://a.example", "*")}), name)
    with pytest.raises(InvalidConfiguration, match=f"{name}: expected scheme"):
        AccessConfig(**{name: ("https://a.example/",)})


def test_allowed_hosts_are_names():
    with pytest.raises(InvalidConfiguration, match="allowed_hosts: expected a host name without a port"):
        AccessConfig(allowed_hosts=("example.com:80",))


def test_cookie_has_a_name_that_cookies_can_have():
    expected = re.escape("cookie_name: expected a name of up to 256 letters, digits and !#$%&'*+-.^_`|~, got ")
    for name in ("a=b", "a;b", "", "a b", "é", "x" * 257):
        with pytest.raises(InvalidConfiguration, match=expected):
            AccessConfig(cookie_name=name)
    assert AccessConfig(cookie_name="!#$%&'*+-.^_`|~9aZ").cookie_name


# Bounds.


@pytest.mark.parametrize("port", [-1, 65_536])
def test_port_must_be_one(port):
    with pytest.raises(InvalidConfiguration, match=f"port: expected 0 to 65535, got {port}"):
        Listen(port=port)


@pytest.mark.parametrize("name", ["head", "body", "bodies", "topics", "lag", "replays"])
def test_limits_are_at_least_one(name):
    with pytest.raises(InvalidConfiguration, match=f"{name}: expected 1 or more, got 0"):
        Limits(**{name: 0})


@pytest.mark.parametrize("name", ["connections", "connections_per_address"])
def test_number_of_connections_may_be_zero_but_not_less(name):
    assert getattr(Limits(**{name: 0}), name) == 0
    with pytest.raises(InvalidConfiguration, match="expected 0 or more"):
        Limits(**{name: -1})


@pytest.mark.parametrize("name", ["heartbeat", "head", "body", "keep_alive", "send"])
@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 86_401])
def test_waits_are_above_zero_and_at_most_a_day(name, seconds):
    with pytest.raises(InvalidConfiguration, match=f"{name}: expected more than 0 seconds and at most a day"):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize("name", ["shutdown_delay", "drain"])
@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, 86_401])
def test_what_follows_a_signal_to_stop_may_take_no_time_but_no_less(name, seconds):
    assert getattr(Timeouts(**{name: 0}), name) == 0
    with pytest.raises(InvalidConfiguration, match=f"{name}: expected 0 seconds to a day"):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize("size", [1023, 2**30 + 1])
def test_send_buffer_is_what_a_socket_can_have(size):
    with pytest.raises(InvalidConfiguration, match="send_buffer"):
        ServerConfig(send_buffer=size)


def test_hub_gets_its_part():
    limits = ServerConfig(limits=Limits(lag=1, replays=2), timeouts=Timeouts(heartbeat=3, send=4)).delivery()

    assert (limits.lag, limits.replays, limits.heartbeat, limits.send_timeout) == (1, 2, 3, 4)


@pytest.mark.parametrize("workers", [-1, 0, 257])
def test_number_of_workers_has_bounds(workers):
    with pytest.raises(InvalidConfiguration, match=f"workers: expected 1 to 256, got {workers}"):
        ServerConfig(workers=workers)


def test_workers_share_no_unix_socket():
    with pytest.raises(InvalidConfiguration, match="workers: expected 1 with a Unix socket, got 2"):
        ServerConfig(listen=Listen(uds="hub.sock"), workers=2)
    assert ServerConfig(listen=Listen(uds="hub.sock"), workers=1).workers == 1


def test_workers_need_a_system_that_spreads_a_port(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(InvalidConfiguration, match="workers: expected 1 on this system, got 2"):
        ServerConfig(workers=2)
    assert ServerConfig(workers=1).workers == 1


@pytest.mark.parametrize(("of_all", "of_one"), [(0, 0), (1, 1), (9, 3), (10, 4)])
def test_worker_takes_its_share_of_the_connections_at_the_port_that_was_found(of_all, of_one):
    config = ServerConfig(listen=Listen(port=0), limits=Limits(connections=of_all, head=500), workers=3)
    mine = config.of_worker(4711)

    assert (mine.listen.port, mine.limits.connections, mine.limits.head) == (4711, of_one, 500)
