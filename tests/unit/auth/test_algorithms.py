"""Which algorithms a key is for, and what can be a secret."""

from __future__ import annotations

import pytest

from longwave.auth.algorithms import ALGORITHMS, RSA, SYMMETRIC, algorithms_for, is_guessable, is_secret
from unit.auth.signed_tokens import pair


@pytest.mark.parametrize(
    ("kind", "algorithms"),
    [
        ("RSA", RSA),
        ("P-256", ("ES256",)),
        ("P-384", ("ES384",)),
        ("P-521", ("ES512",)),
        ("Ed25519", ("EdDSA",)),
        ("Ed448", ("EdDSA",)),
        ("secp256k1", ()),
    ],
)
def test_a_public_key_is_for_the_algorithms_of_its_kind(kind, algorithms):
    assert algorithms_for(pair(kind).private.public_key()) == algorithms


def test_a_secret_is_for_hmac_and_nothing_else_is():
    assert algorithms_for(b"secret") == SYMMETRIC
    assert algorithms_for("text") == algorithms_for(None) == algorithms_for(pair("RSA").private) == ()


def test_none_is_no_algorithm():
    assert "none" not in {algorithm.lower() for algorithm in ALGORITHMS}


def test_short_secrets_and_moduli_can_be_found_out():
    assert is_guessable(b"x" * 31)
    assert not is_guessable(b"x" * 32)
    assert is_guessable(pair("short RSA").private.public_key())
    for kind in ("RSA", "P-256", "Ed25519"):
        assert not is_guessable(pair(kind).private.public_key())


def test_a_public_key_in_any_form_is_no_secret():
    """Who has the public key could sign with it, if it were taken for a secret."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = pair("RSA").private.public_key()
    forms = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        b"  " + public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        b'{"kty": "RSA", "n": "x"}',
        b"",
    ]
    assert [is_secret(form) for form in forms] == [False] * len(forms)
    assert is_secret(b"!ChangeThisMercureHubJWTSecretKey!")
