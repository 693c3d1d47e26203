"""Where a hub's event resource is."""

from __future__ import annotations

import pytest

from longwave.client.endpoint import Endpoint
from longwave.errors import InvalidValue


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/events"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/events"),
        ("http://[::1]:8080", "http://[::1]:8080/events"),
        ("https://hub.example/events", "https://hub.example/events"),
        ("https://hub.example/.well-known/mercure", "https://hub.example/.well-known/mercure"),
        ("https://hub.example/?key=1", "https://hub.example/events?key=1"),
        ("https://hub.example?key=1", "https://hub.example/events?key=1"),
        ("https://hub.example/events#part", "https://hub.example/events"),
    ],
)
def test_address_without_a_path_means_events(address, url):
    assert Endpoint.parse(address) == Endpoint(url)


def test_unix_address_names_a_socket():
    assert Endpoint.parse("unix:/run/hub.sock") == Endpoint("http://localhost/events", "/run/hub.sock")


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:8080", "ftp://hub.example", "http://", "unix:", "http://a:b", "http://a:70000"],
)
def test_anything_else_is_refused_with_what_was_expected(address):
    with pytest.raises(InvalidValue, match=r"^url: expected ") as caught:
        Endpoint.parse(address)

    assert address in str(caught.value)


@pytest.mark.parametrize("address", ["http://me:secret@[::1", "ftp://me:secret@hub.example", "http://me:secret@:80"])
def test_refusal_of_an_address_tells_no_password(address):
    with pytest.raises(InvalidValue, match=r"^url: expected ") as caught:
        Endpoint.parse(address)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/events"),
        ("https://me:secret@hub.example:8443/hub", "https://hub.example:8443/hub"),
        ("unix:/run/hub.sock", "/run/hub.sock"),
    ],
)
def test_name_leads_the_user_there_and_tells_no_password(address, name):
    assert Endpoint.parse(address).name == name
