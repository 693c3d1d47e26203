"""Keys and tokens for the tests of this folder, also tokens that no library would make.

Not here: what becomes of them (the tests).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from longwave.auth.algorithms import RSA
from longwave.auth.keys import Key, OneKey

SECRET = "a secret of more than thirty-two bytes"
NOW = 1_800_000_000.0
CLAIMS = {"mercure": {"publish": ["*"]}}
SECRET_KEY = OneKey(Key(("HS256",), SECRET.encode()))

MAKERS = {
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "short RSA": lambda: rsa.generate_private_key(65537, 1024),
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}
KIND_OF = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    "ES256": "P-256",
    "ES384": "P-384",
    "ES512": "P-521",
    "EdDSA": "Ed25519",
}
KINDS_AND_ALGORITHMS = [
    ("RSA", RSA),
    ("P-256", ("ES256",)),
    ("P-384", ("ES384",)),
    ("P-521", ("ES512",)),
    ("Ed25519", ("EdDSA",)),
    ("Ed448", ("EdDSA",)),
]


@dataclass(frozen=True)
class Pair:
    """A private key and its public one, as PEM texts and as a JWK."""

    kind: str
    private: Any

    @property
    def private_pem(self) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def public_pem(self) -> str:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self, **more: object) -> dict[str, Any]:
        """The public key as an entry of a set; `more` replaces, and None removes, members."""
        algorithm = {"RSA": "RS256", "short RSA": "RS256", "Ed25519": "EdDSA", "Ed448": "EdDSA"}.get(self.kind, "ES256")
        entry = jwt.get_algorithm_by_name(algorithm).to_jwk(self.private.public_key(), as_dict=True)
        entry.pop("key_ops", None)
        return {name: value for name, value in {**entry, **more}.items() if value is not None}


@cache
def pair(kind: str) -> Pair:
    """The pair of this kind; made once, as RSA takes its time."""
    return Pair(kind, MAKERS[kind]())


@cache
def other_pair(kind: str) -> Pair:
    """Another pair of this kind."""
    return Pair(kind, MAKERS[kind]())


def certificate(of: Pair) -> str:
    """A certificate of the pair's public key, signed by itself, as PEM text."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder(name, name, of.private.public_key(), 1, begin, begin + datetime.timedelta(days=1))
    return builder.sign(of.private, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def secret_jwk(secret: bytes = SECRET.encode(), **more: object) -> dict[str, Any]:
    """A secret as an entry of a set."""
    return {"kty": "oct", "k": segment(secret), **more}


def segment(content: bytes | str | dict[str, Any]) -> str:
    """A part of a token."""
    content = json.dumps(content) if isinstance(content, dict) else content
    content = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def hs256(header: dict[str, Any] | str, payload: bytes | str | dict[str, Any], secret: bytes = SECRET.encode()) -> str:
    """A token with any head and payload, signed as HS256 whatever its head says."""
    signed = f"{segment(header)}.{segment(payload)}"
    return f"{signed}.{segment(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def token_of(claims: dict[str, Any] | None = None, **header: object) -> str:
    """A good token of the secret; `header` adds to its head."""
    return hs256({"typ": "JWT", "alg": "HS256", **header}, CLAIMS if claims is None else claims)
