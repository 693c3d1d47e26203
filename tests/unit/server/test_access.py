"""Who may do what by configuration; what comes of it on the wire is in integration/test_mercure_authorization.py."""

from __future__ import annotations

import pytest

from longwave.auth.grants import NOTHING
from longwave.auth.revocations import Aspect, Revocation
from longwave.errors import InvalidConfiguration, TokenRefused
from longwave.server.access import Access
from longwave.server.config import AccessConfig
from longwave.transports.exchange import Request
from unit.auth.signed_tokens import NOW, SECRET, token_of

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
