"""Who may do what by configuration; what comes of it on the wire is in integration/test_mercure_authorization.py."""

from __future__ import annotations

import json
import logging

import pytest

from longwave.auth.grants import NOTHING
from longwave.auth.revocations import Aspect, Revocation
from longwave.errors import InvalidConfiguration, TokenRefused
from longwave.server.access import Access
from longwave.server.config import AccessConfig
from longwave.transports.exchange import Request
from unit.auth.signed_tokens import NOW, SECRET, secret_jwk, token_of

BOTH = token_of({"mercure": {"publish": ["t"], "subscribe": ["t"]}, "sub": "me", "exp": NOW + 60})


def access_of(*, now=NOW, **config):
    return Access(AccessConfig(**config), now=lambda: now)


def request(token=BOTH, method="GET"):
    return Request(method, "/events", headers=((b"authorization", f"Bearer {token}".encode()),))


@pytest.mark.parametrize(
    ("config", "publish", "subscribe", "is_open"),
    [
        ({}, True, True, True),
        ({"key": SECRET}, True, True, False),
        ({"publisher_key": SECRET}, True, False, False),
        ({"publisher_key": SECRET, "anonymous": True}, True, True, False),
        ({"subscriber_key": SECRET}, False, True, False),
        ({"jwks": "file:///keys.json"}, True, True, False),
        ({"jwks": "file:///keys.json", "publisher_key": SECRET}, True, True, False),
        ({"publisher_jwks": "file:///keys.json"}, True, False, False),
        ({"subscriber_jwks": "file:///keys.json"}, False, True, False),
        ({"publisher_jwks": "file:///a.json", "subscriber_jwks": "file:///b.json"}, True, True, False),
    ],
)
def test_what_has_no_key_is_closed_unless_nothing_has(config, publish, subscribe, is_open):
    access = access_of(**config)

    assert (access.may_publish, access.may_subscribe, access.is_open) == (publish, subscribe, is_open)


def test_keys_of_one_kind_go_before_the_key_for_both():
    access = access_of(key=SECRET, publisher_key="the secret of publishers, which is another")

    assert access.subscriber(request()).may_see("t")
    with pytest.raises(TokenRefused, match="signature"):
        access.publisher(request())


@pytest.mark.parametrize("config", [{}, {"publisher_key": SECRET, "anonymous": True}])
def test_without_a_key_of_subscribers_nobody_is_known_and_nothing_is_looked_at(config):
    assert access_of(**config).subscriber(request("nonsense")) is NOTHING


def test_token_of_a_kind_without_a_key_is_refused():
    with pytest.raises(TokenRefused, match="expected a key of this kind"):
        access_of(subscriber_key=SECRET).publisher(request())


def test_token_counts_at_the_time_of_the_request():
    assert access_of(key=SECRET, now=NOW + 59).subscriber(request()).subject == "me"
    with pytest.raises(TokenRefused, match="expired"):
        access_of(key=SECRET, now=NOW + 60).subscriber(request())


def test_revoked_token_counts_no_more():
    access = access_of(key=SECRET)
    assert access.publisher(request()).subject == "me"

    access.revocations.add(Revocation(Aspect.SUBJECT, "me", NOW), NOW)

    for ask in (access.publisher, access.subscriber):
        with pytest.raises(TokenRefused, match="revoked"):
            ask(request())


@pytest.mark.parametrize("option", ["key", "publisher_key", "subscriber_key"])
def test_key_that_cannot_be_one_is_named_by_its_option_and_not_shown(option):
    with pytest.raises(InvalidConfiguration) as caught:
        access_of(**{option: "HS512:@/no/such/file"})

    assert caught.value.field == option
    with pytest.raises(InvalidConfiguration) as caught:
        access_of(**{option: "-----BEGIN PUBLIC KEY-----\nc2VjcmV0\n-----END PUBLIC KEY-----"})
    assert "c2VjcmV0" not in str(caught.value)


async def test_jwk_set_must_have_been_read(tmp_path):
    file = tmp_path / "keys.json"
    access = access_of(jwks=f"file://{file}")
    assert not access.is_ready
    assert access_of(key=SECRET).is_ready

    file.write_text('{"keys": []}', encoding="utf-8")
    await access.open()
    assert access.is_ready
    await access.close()


@pytest.mark.parametrize("option", ["jwks", "publisher_jwks", "subscriber_jwks"])
def test_address_that_cannot_be_one_is_named_by_its_option(option):
    with pytest.raises(InvalidConfiguration) as caught:
        access_of(**{option: "keys.json"})

    assert caught.value.field == option


def write_set(file, secret):
    file.write_text(json.dumps({"keys": [secret_jwk(secret.encode())]}), encoding="utf-8")


async def test_sets_of_publishers_and_subscribers_are_kept_apart(tmp_path):
    """Whoever signs for subscribers must not be able to let them publish."""
    ours, theirs = tmp_path / "publishers.json", tmp_path / "subscribers.json"
    write_set(ours, "the secret of publishers, which is another")
    write_set(theirs, SECRET)
    access = access_of(publisher_jwks=f"file://{ours}", subscriber_jwks=f"file://{theirs}")
    await access.open()

    assert access.subscriber(request()).may_see("t")
    with pytest.raises(TokenRefused, match="signature"):
        access.publisher(request())
    await access.close()


async def test_hub_is_ready_once_each_set_was_read(tmp_path, caplog):
    ours, theirs = tmp_path / "publishers.json", tmp_path / "subscribers.json"
    write_set(ours, SECRET)
    access = access_of(publisher_jwks=f"file://{ours}", subscriber_jwks=f"file://{theirs}")
    await access.open()
    assert not access.is_ready
    await access.close()
    caplog.clear()  # that the set could not be read is an error, and told as one

    write_set(theirs, SECRET)
    await access.open()
    assert access.is_ready
    await access.close()


async def test_one_set_for_both_is_read_once(tmp_path, caplog):
    file = tmp_path / "keys.json"
    write_set(file, SECRET)
    access = access_of(publisher_jwks=f"file://{file}", subscriber_jwks=f"file://{file}")
    with caplog.at_level(logging.INFO, "longwave.auth"):
        await access.open()
    await access.close()

    assert len([record for record in caplog.records if "keys for signatures" in record.getMessage()]) == 1
    assert access.publisher(request()).subject == access.subscriber(request()).subject == "me"


async def test_weak_keys_are_warned_of_by_the_names_of_their_options(caplog):
    access = access_of(publisher_key="short", subscriber_key="tiny")
    await access.open()

    options = [record.getMessage().partition(" ")[0] for record in caplog.records]
    assert options == ["--publisher-key", "--subscriber-key"]
    assert "short" not in caplog.text
