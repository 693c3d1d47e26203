"""When a JWK set is read, what counts in between, and how keys are rotated. Time is virtual."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from longwave.auth.key_set import EVERY, LEAST, KeySet, read_keys_once
from longwave.auth.tokens import TokenReader
from longwave.errors import InvalidConfiguration, TokenRefused
from unit.auth.signed_tokens import NOW, pair, secret_jwk, token_of
from virtual_time import START, in_virtual_time

ADDRESS = "https://id.test/keys?secret=s3cret"
FILE = "file:///keys.json"


class Issuer:
    """Publishes a set; `entries` may be an error instead. `read_at` has the time of each reading."""

    def __init__(self, *entries):
        self.entries = list(entries)
        self.read_at = []

    async def read(self, address):
        self.read_at.append(asyncio.get_running_loop().time() - START)
        await asyncio.sleep(0)
        if isinstance(self.entries, Exception):
            raise self.entries
        return self.entries if isinstance(self.entries, bytes) else json.dumps({"keys": self.entries}).encode()


FIRST = pair("P-256").jwk(kid="first")
SECOND = pair("Ed25519").jwk(kid="second")
BAD = [
    OSError("no route"),
    TimeoutError("late"),
    ValueError("expected status 200, got 500"),
    b"",
    b"<html>",
    b"[]",
    b'{"keys": 5}',
    b"\xff\xfe\xff",
    b"[" * 100_000,
]


class opened:
    """The set of an issuer, open."""

    def __init__(self, issuer, address=ADDRESS):
        self.keys = KeySet(address, read=issuer.read)

    async def __aenter__(self):
        await self.keys.open()
        return self.keys

    async def __aexit__(self, *error):
        await self.keys.close()


@in_virtual_time
async def test_keys_are_found_by_their_id_or_all_of_them():
    async with opened(Issuer(FIRST, SECOND)) as keys:
        assert keys.ready
        assert [key.id for key in keys.find("first")] == ["first"]
        assert [key.id for key in keys.find("")] == ["first", "second"]
        assert keys.find("third") == ()


@in_virtual_time
async def test_keys_of_one_id_are_all_found():
    async with opened(Issuer(FIRST, {**SECOND, "kid": "first"})) as keys:
        assert [key.algorithms for key in keys.find("first")] == [("ES256",), ("EdDSA",)]


@in_virtual_time
async def test_before_the_first_reading_there_are_no_keys():
    keys = KeySet(ADDRESS, read=Issuer(FIRST).read)
    assert not keys.ready
    assert list(keys.find("")) == list(keys.find("first")) == []


@in_virtual_time
async def test_a_server_is_read_again_so_often():
    issuer = Issuer(FIRST)
    async with opened(issuer):
        await asyncio.sleep(2 * EVERY + 1)
    assert issuer.read_at == [0, EVERY, 2 * EVERY]


@in_virtual_time
async def test_a_file_is_read_again_all_the_time():
    issuer = Issuer(FIRST)
    async with opened(issuer, FILE):
        await asyncio.sleep(2 * LEAST + 1)
    assert issuer.read_at == [0, LEAST, 2 * LEAST]


@in_virtual_time
async def test_an_unknown_id_makes_it_be_read_once_in_so_many_seconds_however_many_ask():
    issuer = Issuer(FIRST)
    async with opened(issuer) as keys:
        for _ in range(95):
            keys.find("unknown")
            await asyncio.sleep(1)
    assert issuer.read_at == [number * LEAST for number in range(10)]


@in_virtual_time
async def test_an_unknown_id_after_a_while_makes_it_be_read_at_once():
    issuer = Issuer(FIRST)
    async with opened(issuer) as keys:
        await asyncio.sleep(50)
        keys.find("second")
        issuer.entries = [FIRST, SECOND]
        await asyncio.sleep(1)
        assert keys.find("second")
    assert issuer.read_at == [0, 50]


@in_virtual_time
async def test_known_ids_and_tokens_without_one_cause_no_reading():
    issuer = Issuer(FIRST)
    async with opened(issuer) as keys:
        for _ in range(100):
            keys.find("first")
            keys.find("")
            await asyncio.sleep(1)
    assert issuer.read_at == [0]


@in_virtual_time
async def test_rotation_takes_the_old_key_away():
    issuer = Issuer(FIRST)
    async with opened(issuer) as keys:
        issuer.entries = [SECOND]
        await asyncio.sleep(EVERY + 1)
        assert keys.find("second")
        assert not keys.find("first")


@in_virtual_time
async def test_the_version_changes_with_the_document_only():
    issuer = Issuer(FIRST)
    async with opened(issuer) as keys:
        version = keys.version
        await asyncio.sleep(EVERY + 1)
        assert keys.version == version
        issuer.entries = [FIRST, SECOND]
        await asyncio.sleep(EVERY + 1)
        assert keys.version != version


@in_virtual_time
async def test_a_reader_forgets_a_token_whose_key_was_taken_away():
    issuer = Issuer(secret_jwk(kid="first"))
    async with opened(issuer, FILE) as keys:
        reader = TokenReader(keys)
        token = token_of(kid="first")
        assert reader.read(token, NOW)
        issuer.entries = [SECOND]
        await asyncio.sleep(LEAST + 1)
        with pytest.raises(TokenRefused, match="unknown_key"):
            reader.read(token, NOW)


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_set_that_turns_bad_keeps_the_last_good_one_and_is_tried_again(bad, caplog):
    @in_virtual_time
    async def run():
        issuer = Issuer(FIRST)
        async with opened(issuer) as keys:
            issuer.entries = bad
            await asyncio.sleep(EVERY + 1)
            assert keys.ready
            assert keys.find("first")
            issuer.entries = [SECOND]
            await asyncio.sleep(EVERY)
            assert keys.find("second")
            assert not keys.find("first")

    run()
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "its 1 keys of before count on" in error.getMessage()
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_set_that_is_bad_at_the_start_is_tried_again_soon(bad, caplog):
    @in_virtual_time
    async def run():
        issuer = Issuer()
        issuer.entries = bad
        async with opened(issuer) as keys:
            assert not keys.ready
            issuer.entries = [FIRST]
            await asyncio.sleep(LEAST + 1)
            assert keys.ready
            assert keys.find("first")

    run()
    assert "every token is refused" in caplog.text


def test_a_set_that_lists_no_keys_any_more_takes_them_all_away(caplog):
    """It was read, and this is what it says: whoever lost his keys does just that."""

    @in_virtual_time
    async def run():
        issuer = Issuer(FIRST)
        async with opened(issuer) as keys:
            issuer.entries = []
            await asyncio.sleep(EVERY + 1)
            assert keys.ready
            assert not keys.find("first")

    run()
    assert "has 0 keys" in caplog.text


@in_virtual_time
async def test_secrets_count_in_a_file_only():
    async with opened(Issuer(secret_jwk(kid="a")), FILE) as keys:
        assert keys.find("a")
    async with opened(Issuer(secret_jwk(kid="a"))) as keys:
        assert not keys.find("a")


def test_http_without_tls_is_warned_of(caplog):
    @in_virtual_time
    async def run():
        async with opened(Issuer(FIRST), "http://id.test/keys"):
            pass

    run()
    assert "read without TLS" in caplog.text


@in_virtual_time
async def test_a_set_that_was_never_opened_can_be_closed():
    await KeySet(ADDRESS, read=Issuer().read).close()


def test_another_address_is_refused():
    with pytest.raises(InvalidConfiguration, match="jwks: expected"):
        KeySet("ftp://id.test/keys")


async def test_a_real_file_is_watched(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [FIRST]}))
    keys = await read_keys_once("jwks", f"file://{path}")
    assert [key.id for key in keys.find("")] == ["first"]
    keys = KeySet(f"file://{path}")
    await keys.open()
    assert keys.ready
    await keys.close()


# Many keys.


def secrets_of(number, **more):
    return [secret_jwk(f"the secret with the number {index} of many".encode(), **more) for index in range(number)]


@pytest.mark.parametrize(
    ("entries", "alike"),
    [
        (secrets_of(11), 11),
        (secrets_of(12, kid="same"), 12),
        (secrets_of(10), None),
        (secrets_of(10) + secrets_of(10, kid="same"), None),
        ([secret_jwk(kid=str(index)) for index in range(30)], None),
        ([*secrets_of(10), FIRST], None),
    ],
)
def test_a_set_with_more_keys_alike_than_are_tried_is_warned_of(entries, alike, caplog):
    """A good token that is signed by one of the last is refused."""

    @in_virtual_time
    async def run():
        async with opened(Issuer(*entries), FILE) as keys:
            assert len(keys.keys) == len(entries)

    run()
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [f"has {alike} keys that only trying tells apart, and at most 10 are tried" in text for text in warned] == (
        [True] if alike else []
    )


@in_virtual_time
async def test_a_token_that_names_no_key_is_tried_with_those_that_have_no_id_first():
    async with opened(Issuer(*secrets_of(12, kid="named"), secret_jwk()), FILE) as keys:
        assert TokenReader(keys).read(token_of(), NOW)


@in_virtual_time
async def test_a_refusal_says_that_not_all_keys_were_tried():
    async with opened(Issuer(*secrets_of(12), secret_jwk()), FILE) as keys:
        with pytest.raises(TokenRefused, match="as far as was tried: 10 of the 13 keys that may have signed it"):
            TokenReader(keys).read(token_of(), NOW)
    async with opened(Issuer(*secrets_of(10)), FILE) as keys:
        with pytest.raises(TokenRefused, match=r"got one of another$"):
            TokenReader(keys).read(token_of(), NOW)


@pytest.mark.parametrize("option", ["jwks", "publisher_jwks"])
def test_another_address_is_refused_by_the_name_of_its_option(option):
    with pytest.raises(InvalidConfiguration, match=f"^{option}: expected"):
        KeySet("ftp://id.test/keys", option=option)
