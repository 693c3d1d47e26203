"""The algorithms of signatures, and which of them suit a key.

Not here: what can be a secret (secret.py), reading keys (keys.py), verifying (tokens.py), signing (signing.py).
Rule that always holds: an algorithm is for one kind of key, so no key can be used as if it were of another kind.
Neither `none` nor an algorithm of encryption is among them.
Standards: RFC 7518 section 3.1, RFC 8037 section 3.1.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

SYMMETRIC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
EDDSA = "EdDSA"
ALGORITHMS = (*SYMMETRIC, *RSA, *CURVES.values(), EDDSA)

ADVISED_SECRET = 32  # bytes: RFC 7518 section 3.2 demands as many as HS256 has; shorter ones can be guessed
ADVISED_MODULUS = 2048  # bits: RFC 7518 section 3.3

Material: TypeAlias = Any  # a secret as bytes, or a public key of `cryptography`; they have no common type


def algorithms_for(material: Material) -> tuple[str, ...]:
    """Return all algorithms that a secret or public key suits, the usual one first; none for a key of another kind."""
    if isinstance(material, bytes):
        return SYMMETRIC
    if isinstance(material, RSAPublicKey):
        return RSA
    if isinstance(material, EllipticCurvePublicKey):
        algorithm = CURVES.get(material.curve.name)
        return (algorithm,) if algorithm else ()
    return (EDDSA,) if isinstance(material, Ed25519PublicKey | Ed448PublicKey) else ()


def is_guessable(material: Material) -> bool:
    """Tell whether a secret is so short that it can be guessed from one token, or a modulus that it can be factored."""
    if isinstance(material, bytes):
        return len(material) < ADVISED_SECRET
    return isinstance(material, RSAPublicKey) and material.key_size < ADVISED_MODULUS
