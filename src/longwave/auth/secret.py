"""What can be a secret, and what somebody only took for one: a public key in some form, the address of one.

Whoever knows the secret of a hub can sign any token, so nothing that is public may ever be taken for it.
Not here: reading keys (keys.py), how long a secret should be (algorithms.py).
Rules that always hold: nothing is refused that random bytes are, in whatever encoding; no answer shows what was asked.
Standards: RFC 5280, 7468, 7517, 8410.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS = re.compile(rb"\s*(?:https?|file)://", re.IGNORECASE)
# Of a PEM text the first line may be damaged, or be missing: then the last one is there.
_PEM = re.compile(rb"BEGIN |END (?:[A-Z0-9]+ )*(?:KEY|CERTIFICATE)")
_SPACE = re.compile(rb"(?:\s|\\[rn])+")  # in an environment a written `\n` may stand for a line end
# The kinds of keys as DER names them in a public or private key or certificate, whole or not: RSA, curves, Ed25519/448.
_KINDS = re.compile(
    rb"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01|\x06\x07\x2a\x86\x48\xce\x3d\x02\x01|\x30\x05\x06\x03\x2b\x65[\x70\x71]",
    re.DOTALL,
)


def is_secret(material: bytes) -> bool:
    """Tell whether bytes can be a secret; see `mistaken_for_secret`."""
    return mistaken_for_secret(material) is None


def mistaken_for_secret(material: bytes) -> str | None:
    """Return what bytes are that cannot be a secret, as the end of a sentence: "got ..."; None if they can."""
    if not material.strip():
        return "got only space" if material else "got none"
    if _ADDRESS.match(material):
        return "got an address, which is no secret: use --jwks for the address of a JWK set"
    if _PEM.search(material):
        return "got a PEM text that is damaged, or has other text before it"
    if _is_key(material):
        return "got a public key in another form"
    if any(map(_is_key_or_text_of_one, filter(None, _decoded(material)))):
        return "got a key in base64 or hex without its PEM lines"
    return None


def _is_key_or_text_of_one(material: bytes) -> bool:
    return bool(_PEM.search(material)) or _is_key(material)


def _is_key(material: bytes) -> bool:
    """Tell whether bytes are a key that is public or has a public part: PEM, OpenSSH, JWK, a set of these, DER."""
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(material)
    except InvalidKeyError:
        return True
    return bool(_KINDS.search(material)) or _is_der(material) or _is_key_set(material)


def _is_der(material: bytes) -> bool:
    """Tell whether bytes are a public key whose form names no kind: PKCS #1."""
    try:
        load_der_public_key(material)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _is_key_set(material: bytes) -> bool:
    """Tell whether bytes are a JWK set, also one without any key."""
    try:
        document = json.loads(material)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and isinstance(document.get("keys"), list)


def _decoded(material: bytes) -> Iterator[bytes]:
    """Yield what bytes stand for in base64, base64url or hex, whatever space is between; nothing if in none of them."""
    text = _SPACE.sub(b"", material).rstrip(b"=")
    padded = text + b"=" * (-len(text) % 4)
    for altchars in (b"+/", b"-_"):
        try:
            yield base64.b64decode(padded, altchars, validate=True)
        except binascii.Error:
            continue
    try:
        yield bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return
