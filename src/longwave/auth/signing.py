"""Keys that sign, and the tokens that they make: for whoever issues tokens, never for a hub that only reads them.

Not here: how a key is written as text (keys.py), what the claims mean (claims.py).
Standards: RFC 7515, 7519.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.warnings import InsecureKeyLengthWarning

from longwave.auth.keys import Key, KeyText, parse_key_text, pinned, read_key, read_secret
from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from longwave.auth.algorithms import Material


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A secret or private key, and the key that verifies what it signs."""

    material: Material = field(repr=False)
    verifier: Key

    @property
    def algorithm(self) -> str:
        """The one algorithm that it signs with."""
        return self.verifier.algorithms[0]


def read_signing_key(option: str, text: str) -> SigningKey:
    """Return the secret or PEM private key that a text stands for. Raises InvalidConfiguration, never with the key."""
    written = parse_key_text(option, text)
    if not written.is_pem:
        secret = read_secret(option, written)
        return SigningKey(secret.material, secret)
    if not written.is_private:
        raise InvalidConfiguration(option, "expected a private key or a secret to sign with, got a public key")
    return _read_private_key(option, written)


def read_verifying_key(option: str, text: str) -> Key:
    """Return the key that verifies, also where a text stands for a private one. Raises InvalidConfiguration."""
    if parse_key_text(option, text).is_private:
        return read_signing_key(option, text).verifier
    return read_key(option, text)


def sign(claims: Mapping[str, Any], key: SigningKey) -> str:
    """Return a token with these claims."""
    with warnings.catch_warnings():  # of a short key; `is_weak` tells
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.encode(dict(claims), key.material, key.algorithm)


def _read_private_key(option: str, written: KeyText) -> SigningKey:
    try:
        private = load_pem_private_key(written.content.encode(), None)
    except TypeError:
        raise InvalidConfiguration(option, "expected a private key without a password, got an encrypted one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidConfiguration(option, "expected a PEM private key, got one that cannot be read") from None
    public = cast("RSAPrivateKey", private).public_key()  # every kind of private key has one
    return SigningKey(private, pinned(option, public, written.algorithm))
