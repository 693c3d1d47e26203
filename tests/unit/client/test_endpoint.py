"""Where a hub's event resource is."""

from __future__ import annotations

import pytest

from longwave.client.endpoint import MAX_ANSWER, MAX_REASON, Endpoint
from longwave.client.publisher import Publisher
from longwave.core.update import Update
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream import Event
from unit.client.scripted_server import ScriptedServer, answer

UPDATE = Update(("a",), Event("x"))


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/events"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/events"),
        ("http://[::1]:8080", "http://[::1]:8080/events"),
        ("https://hub.example/events", "https://hub.example/events"),
        ("https://hub.example/.well-known/mercure", "https://hub.example/.well-known/mercure"),
        ("https://hub.example/?key=1", "https://hub.example/events?key=1"),
    ],
)
def test_address_without_a_path_means_events(address, url):
    assert Endpoint.parse(address) == Endpoint(url)


def test_unix_address_names_a_socket():
    assert Endpoint.parse("unix:/run/hub.sock") == Endpoint("http://localhost/events", "/run/hub.sock")


@pytest.mark.parametrize("address", ["", "127.0.0.1:8080", "ftp://hub.example", "http://", "unix:", "http://a:b"])
def test_anything_else_is_refused_with_what_was_expected(address):
    with pytest.raises(InvalidValue, match=r"^url: expected ") as caught:
        Endpoint.parse(address)

    assert address in str(caught.value)


def test_refusal_carries_status_and_text_of_the_server_on_one_line():
    with (
        ScriptedServer([[answer(400, "topic: expected one,\r\n got none\n")]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 400: topic: expected one, got none$") as caught,
    ):
        publisher.publish(UPDATE)

    assert caught.value.status == 400


def test_refusal_without_text_has_the_reason_phrase():
    with (
        ScriptedServer([[answer(503)]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 503: Some$"),
    ):
        publisher.publish(UPDATE)


def test_long_refusal_is_cut():
    with (
        ScriptedServer([[answer(500, "x" * 10_000)]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed) as caught,
    ):
        publisher.publish(UPDATE)

    assert str(caught.value) == "the hub answered 500: " + "x" * MAX_REASON


def test_answer_is_read_up_to_a_bound():
    with (
        ScriptedServer([[answer(200, "x" * (MAX_ANSWER + 1))]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed, match=f"expected an answer of at most {MAX_ANSWER} bytes"),
    ):
        publisher.publish(UPDATE)


def test_hub_that_cannot_be_reached_is_named():
    with ScriptedServer([]) as server:
        url = server.url
    with Publisher(url) as publisher, pytest.raises(RequestFailed, match=f"^{url}/events: .*refused") as caught:
        publisher.publish(UPDATE)

    assert caught.value.status is None


def test_silent_hub_is_given_up():
    with (
        ScriptedServer([[b""]], hold=True) as server,
        Publisher(server.url, timeout=0.05) as publisher,
        pytest.raises(RequestFailed, match="no byte came in time"),
    ):
        publisher.publish(UPDATE)
