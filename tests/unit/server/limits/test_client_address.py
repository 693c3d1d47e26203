"""Only what trusted proxies tell about the client counts; anything else in the headers is the client's invention."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import InvalidConfiguration
from longwave.server.limits.client_address import (
    LONGEST_HEADER,
    MOST_HOPS,
    UNKNOWN,
    TrustedProxies,
    address_group,
    is_local,
    parse_address,
)

PROXY = "10.0.0.1"
CLIENT = "192.0.2.7"
PROXIES = TrustedProxies.parse("trusted_proxies", ["10.0.0.0/8", "fd00::/8", "203.0.113.9"])


def client(*headers, peer=PROXY, proxies=PROXIES):
    return proxies.client(peer, tuple((name.encode(), value.encode()) for name, value in headers))


def x_forwarded_for(*values, peer=PROXY):
    return client(*(("x-forwarded-for", value) for value in values), peer=peer)


def forwarded(*values, peer=PROXY):
    return client(*(("forwarded", value) for value in values), peer=peer)


@pytest.mark.parametrize("peer", ["198.51.100.1", "2001:db8::1", "", "no address"])
def test_headers_of_peers_that_are_no_trusted_proxy_count_nothing(peer):
    assert x_forwarded_for(CLIENT, peer=peer) == peer
    assert forwarded(f"for={CLIENT}", peer=peer) == peer


@pytest.mark.parametrize("peer", [CLIENT, ""])
def test_without_trusted_proxies_the_client_is_the_peer(peer):
    assert client(("x-forwarded-for", "1.2.3.4"), peer=peer, proxies=TrustedProxies()) == peer


def test_proxy_that_tells_nothing_is_the_client():
    assert client() == PROXY


@pytest.mark.parametrize(
    "value",
    [
        CLIENT,
        f"1.2.3.4, {CLIENT}",
        f"1.2.3.4,{CLIENT},10.9.9.9",
        f"nonsense, {CLIENT}, 10.9.9.9 , 203.0.113.9",
        f"{CLIENT}:4711",
        f"::ffff:{CLIENT}",
    ],
)
def test_rightmost_address_that_is_no_trusted_proxy_is_the_client(value):
    assert x_forwarded_for(value) == CLIENT


def test_lines_of_one_header_are_one_list():
    assert x_forwarded_for("1.2.3.4", f"{CLIENT}", "10.2.2.2") == CLIENT
    assert forwarded("for=1.2.3.4", f"for={CLIENT}, for=10.2.2.2") == CLIENT


@pytest.mark.parametrize(
    "value",
    [
        f"for={CLIENT}",
        f"For={CLIENT};proto=https;by=10.0.0.1",
        f'proto=https; for="{CLIENT}:4711"',
        f'for="{CLIENT}:_port"',
        f'for="[2001:db8::1]";by=x, for={CLIENT} ,for=10.1.1.1',
        f'for="a, for=5.6.7.8", for="{CLIENT}"',
        'by="\\"; for=5.6.7.8", for="1\\9\\2.0.2.7"',
    ],
)
def test_forwarded_is_read_as_the_standard_says(value):
    assert forwarded(value) == CLIENT


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8:0::7]:443", "2001:db8::7"),
        ("::1", "::1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ],
)
def test_ipv6_comes_with_and_without_brackets_and_port(node, address):
    assert x_forwarded_for(node) == address
    assert forwarded(f'for="{node}"') == address


@pytest.mark.parametrize(
    "node",
    ["", "unknown", "_hidden", "300.1.1.1", "1.2.3", "01.2.3.4", "1.2.3.4.5", "[::1", "::1]", "1.2.3.4:", "a.b", "é",
     "1.2.3.4 5.6.7.8", "fe80::1%eth0", "1" * 500, "::" * 100, "1.2.3.4:123456"],
)  # fmt: skip
def test_what_is_no_address_in_the_part_that_counts_makes_the_client_unknown(node):
    assert x_forwarded_for(f"5.6.7.8, {node}") == UNKNOWN
    assert x_forwarded_for(f"5.6.7.8, {node}, 10.1.1.1") == UNKNOWN
    assert forwarded(f'for=5.6.7.8, for="{node}"') == UNKNOWN


@pytest.mark.parametrize(
    "value",
    [f"for={CLIENT}, ", f"for={CLIENT}, by=10.0.0.1", f"for={CLIENT};for={CLIENT}", f'for="{CLIENT}', "for=", "=",
     f"for={CLIENT} for=1.1.1.1", f'for={CLIENT}, for="', f"for={CLIENT}, \x01"],
)  # fmt: skip
def test_malformed_forwarded_makes_the_client_unknown(value):
    assert forwarded(value) == UNKNOWN


def test_where_all_hops_are_proxies_the_first_of_them_asks_for_itself():
    assert x_forwarded_for("10.3.3.3, 10.2.2.2") == "10.3.3.3"


def test_only_so_many_hops_are_looked_at():
    hops = ", ".join(["10.1.1.1"] * (MOST_HOPS - 1))

    assert x_forwarded_for(f"{CLIENT}, {hops}") == CLIENT
    assert x_forwarded_for(f"{CLIENT}, 10.1.1.1, {hops}") == UNKNOWN


def test_header_that_is_too_long_makes_the_client_unknown():
    padding = "9.9.9.9," * (LONGEST_HEADER // 8)

    assert x_forwarded_for(padding + CLIENT) == UNKNOWN
    assert x_forwarded_for(padding[: LONGEST_HEADER - len(CLIENT) - 8], CLIENT) == CLIENT
    assert forwarded(f"for={CLIENT};x=" + "y" * LONGEST_HEADER) == UNKNOWN


def test_a_header_that_the_proxy_only_passed_on_cannot_be_told_from_its_own_so_both_must_say_the_same():
    forged = ("forwarded", "for=1.2.3.4")

    assert client(("x-forwarded-for", CLIENT), forged) == UNKNOWN
    assert client(("x-forwarded-for", "nonsense"), forged) == UNKNOWN
    assert client(("x-forwarded-for", CLIENT), ("forwarded", f"for={CLIENT}")) == CLIENT


def test_whoever_connects_to_the_unix_socket_is_trusted_only_if_listed():
    headers = ((b"x-forwarded-for", CLIENT.encode()),)

    assert TrustedProxies.parse("trusted_proxies", ["unix"]).client("", headers) == CLIENT
    assert TrustedProxies.parse("trusted_proxies", ["10.0.0.0/8"]).client("", headers) == ""
    assert TrustedProxies.parse("trusted_proxies", ["unix"]).client(PROXY, headers) == PROXY


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "fd00::1%eth0"])
def test_peers_are_known_in_every_way_to_write_them(peer):
    assert x_forwarded_for(CLIENT, peer=peer) == CLIENT


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.0/33", "10.0.0.0/8,fd00::/8", "UNIX"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(InvalidConfiguration, match=r"expected an address, a network such as 10\.0\.0\.0/8, or unix"):
        TrustedProxies.parse("trusted_proxies", [text])


@pytest.mark.parametrize(
    ("text", "network"),
    [("10.0.0.1/8", "10.0.0.0/8"), ("fd00::1/8", "fd00::/8"), ("::ffff:10.0.0.1/104", "10.0.0.0/8")],
)
def test_bits_behind_the_prefix_are_refused_with_the_network_that_is_left(text, network):
    with pytest.raises(InvalidConfiguration) as caught:
        TrustedProxies.parse("trusted_proxies", [text])
    assert caught.value.problem == f"expected {network}, got {text!r}, which has bits set behind its prefix"


@pytest.mark.parametrize("text", ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "::ffff:a00:1/128"])
def test_ipv4_in_the_clothes_of_ipv6_is_the_proxy_that_it_means(text):
    proxies = TrustedProxies.parse("trusted_proxies", [text])

    for peer in ("10.0.0.1", "::ffff:10.0.0.1"):
        assert proxies.trust(peer)
    assert not proxies.trust("11.0.0.1")


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"])
def test_everybody_is_no_trusted_proxy(text):
    with pytest.raises(InvalidConfiguration, match="everybody"):
        TrustedProxies.parse("trusted_proxies", [text])


@given(
    st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-for"]), st.binary(max_size=60)), max_size=4),
    st.sampled_from([PROXY, "", CLIENT, "fd00::1"]),
)
def test_whatever_the_headers_hold_nothing_is_raised_and_the_client_is_an_address_the_peer_or_unknown(headers, peer):
    found = PROXIES.client(peer, tuple(headers))

    assert found in (peer, UNKNOWN) or parse_address(found) is not None


_NODES = st.sampled_from([CLIENT, "5.6.7.8", "10.1.1.1", "[2001:db8::1]:80", "unknown", "10.9.9.9:1", "x"])


@given(st.lists(_NODES, max_size=5), st.lists(_NODES, min_size=1, max_size=5))
def test_nothing_that_the_client_writes_before_changes_who_it_is(invented, appended):
    """The proxies append at least one address that is not theirs: the client's."""
    told = [*appended, CLIENT, "10.5.5.5"]

    assert x_forwarded_for(", ".join([*invented, *told])) == CLIENT
    assert forwarded(", ".join(f'for="{node}"' for node in [*invented, *told])) == CLIENT


@pytest.mark.parametrize(
    ("address", "group"),
    [
        (CLIENT, CLIENT),
        ("", ""),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("no:address", "no:address"),
    ],
)
def test_addresses_count_as_they_are_but_ipv6_by_the_part_that_one_client_has(address, group):
    assert address_group(address) == group


@pytest.mark.parametrize(
    ("address", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("", True),
     (CLIENT, False), ("10.0.0.1", False), ("nonsense", False)],
)  # fmt: skip
def test_clients_on_this_machine_are_known(address, local):
    assert is_local(address) is local


def test_nobody_gets_out_of_limits_as_unknown():
    """Behind a proxy of this machine, or on a Unix socket, the peer's own address has none."""
    both = ((b"x-forwarded-for", CLIENT.encode()), (b"forwarded", b"for=1.2.3.4"))
    for proxy, peer in (("127.0.0.1", "127.0.0.1"), ("unix", "")):
        found = TrustedProxies.parse("trusted_proxies", [proxy]).client(peer, both)
        assert not is_local(found)
        assert address_group(found)
