"""Which algorithms a key is for, and which keys are short."""

from __future__ import annotations

import pytest

from longwave.auth.algorithms import ALGORITHMS, SYMMETRIC, algorithms_for, is_guessable
from unit.auth.signed_tokens import KINDS_AND_ALGORITHMS, pair


@pytest.mark.parametrize(("kind", "algorithms"), [*KINDS_AND_ALGORITHMS, ("secp256k1", ())])
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
