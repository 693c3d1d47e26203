"""The keys of a JWK set that verify tokens.

Not here: fetching a set (key_document.py), keeping it up to date (key_set.py).
Rules that always hold: what is not for signatures, of an unknown kind or broken is left out, and the rest counts; a
private key is left out, as who publishes it has lost it.
Standards: RFC 7517, 7518 section 6, 8037.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm

from longwave.auth.algorithms import SYMMETRIC, Material, algorithms_for
from longwave.auth.keys import Key
from longwave.auth.secret import is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_KEYS = 100  # of one set

_KINDS = {"oct": "HS256", "RSA": "RS256", "EC": None, "OKP": "EdDSA"}  # kty -> what PyJWT reads it as; EC: by its curve


def read_key_set(document: object, *, symmetric: bool) -> list[Key]:
    """Return the keys of a JWK set, in its order. Raises ValueError if it is no set.

    symmetric: whether secrets count, which they never should where a set is read over a network.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise ValueError(f'expected an object with a list "keys" of at most {MAX_KEYS}, got something else')
    keys = (_read_entry(entry, symmetric=symmetric) for entry in entries if isinstance(entry, dict))
    return [key for key in keys if key is not None]


def _read_entry(entry: Mapping[str, Any], *, symmetric: bool) -> Key | None:
    key_id = entry.get("kid", "")
    if not isinstance(key_id, str) or not _is_for_verifying(entry):
        return None
    material = _material(entry)
    if isinstance(material, bytes) and not (symmetric and is_secret(material)):
        return None
    algorithms = _algorithms(entry, material)
    return Key(algorithms, material, key_id) if algorithms else None


def _is_for_verifying(entry: Mapping[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _material(entry: Mapping[str, Any]) -> Material | None:
    kind = entry.get("kty")
    if not isinstance(kind, str) or kind not in _KINDS or "d" in entry:
        return None
    try:
        return jwt.PyJWK({**entry, "alg": None}, algorithm=_KINDS[kind]).key
    except (jwt.PyJWTError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None


def _algorithms(entry: Mapping[str, Any], material: Material | None) -> tuple[str, ...]:
    """Return what the entry names, if its key suits that; without a name, HS256 for a secret, else all of its kind."""
    possible = algorithms_for(material)
    named = entry.get("alg")
    if named is None:
        return possible[:1] if possible == SYMMETRIC else possible
    return (named,) if named in possible else ()
