"""Keys that sign, and the tokens that they make."""

from __future__ import annotations

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from longwave.auth.keys import OneKey, read_key
from longwave.auth.signing import read_signing_key, read_verifying_key, sign
from longwave.auth.tokens import verify
from longwave.errors import InvalidConfiguration
from unit.auth.signed_tokens import CLAIMS, KIND_OF, SECRET, pair


def problem(text):
    with pytest.raises(InvalidConfiguration) as caught:
        read_signing_key("--key", text)
    assert caught.value.field == "--key"
    return caught.value.problem


@pytest.mark.parametrize(("algorithm", "kind"), KIND_OF.items())
def test_what_a_private_key_signs_its_public_key_verifies(algorithm, kind):
    key = read_signing_key("--key", f"{algorithm}:{pair(kind).private_pem}")
    assert key.algorithm == algorithm
    token = sign(CLAIMS, key)
    assert verify(token, OneKey(read_key("key", f"{algorithm}:{pair(kind).public_pem}"))) == CLAIMS
    assert verify(token, OneKey(key.verifier)) == CLAIMS


@pytest.mark.parametrize("prefix", ["", "HS384:", "HS512:"])
def test_what_a_secret_signs_it_verifies(prefix):
    token = sign(CLAIMS, read_signing_key("--key", prefix + SECRET))
    assert verify(token, OneKey(read_key("key", prefix + SECRET))) == CLAIMS
    assert jwt.get_unverified_header(token)["alg"] == (prefix.rstrip(":") or "HS256")


def test_a_private_key_without_an_algorithm_signs_with_the_usual_one():
    assert [read_signing_key("k", pair(kind).private_pem).algorithm for kind in ("RSA", "P-384", "Ed448")] == [
        "RS256",
        "ES384",
        "EdDSA",
    ]


def test_short_keys_sign_without_a_warning():
    for text in ("!ChangeMe!", pair("short RSA").private_pem):
        assert sign(CLAIMS, read_signing_key("--key", text))


@pytest.mark.parametrize("kind", ["RSA", "P-256", "Ed25519"])
def test_a_public_key_does_not_sign(kind):
    assert "got a public key" in problem(pair(kind).public_pem)


def test_an_encrypted_private_key_is_refused():
    encrypted = pair("P-256").private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert "got an encrypted one" in problem(encrypted.decode())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read"),
        ("ES256:secret", "expected a PEM key for ES256"),
        ("", "got none"),
    ],
)
def test_what_cannot_sign_is_refused(text, words):
    assert words in problem(text)


def test_a_private_key_of_another_kind_than_the_algorithm_in_front_is_refused():
    assert "expected a key for HS256" in problem(f"HS256:{pair('RSA').private_pem}")
    assert "got another kind" in problem(pair("secp256k1").private_pem)


def test_a_private_key_stands_for_its_public_one_where_tokens_are_only_verified():
    for text in (pair("RSA").private_pem, pair("RSA").public_pem):
        assert read_verifying_key("--key", text).material == pair("RSA").private.public_key()
    assert read_verifying_key("--key", SECRET).material == SECRET.encode()


def test_no_repr_and_no_message_shows_the_key():
    assert SECRET not in repr(read_signing_key("--key", SECRET))
    body = pair("P-256").private_pem.splitlines()[1]
    assert body not in repr(read_signing_key("--key", pair("P-256").private_pem))
    assert body not in problem(f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----")
