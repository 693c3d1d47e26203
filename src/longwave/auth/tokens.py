"""Tokens to grants: the signature, then the claims, then the times.

Not here: where a request carries its token (credentials.py), keys (keys.py), claims (claims.py).
Rules that always hold: the algorithm is one of the key's, whatever the token says; `none` is no algorithm; the keys are
ours, whatever key or address a token carries; nothing in a token is believed before its signature is verified; a
token with an extension that must be understood (`crit`) is refused, as none is.
Standards: RFC 7515, 7519, 8725.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import jwt
from jwt.utils import base64url_decode

from longwave.auth.claims import check_times, read_grants
from longwave.auth.keys import MAX_KEYS_TRIED
from longwave.auth.refusal import Reason
from longwave.errors import TokenRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longwave.auth.grants import Grants
    from longwave.auth.keys import Key, Keys
    from longwave.auth.revocations import Revocations

MAX_TOKEN = 65_536  # characters; reading takes about 30 ns for each. A request's head is mostly limited to less
MAX_ERROR = 100  # characters of what a library says is wrong with one

REMEMBERED = 1024  # tokens; those used least recently go first
MAX_REMEMBERED_TOKEN = 4096  # characters
MAX_REMEMBERED_SELECTORS = 32  # of one kind in one token, as a template in use may take 100 KB

_JWS = jwt.PyJWS()
_WITHOUT_KEY: Any = {"verify_signature": False}


class TokenReader:
    """Reads tokens, and remembers those that it has verified, as most requests bring a token that was seen before.

    The times count at every use. All is forgotten once other keys count than before, or another token is revoked.
    """

    def __init__(self, keys: Keys, revocations: Revocations | None = None) -> None:
        self._keys = keys
        self._revocations = revocations
        self._known: OrderedDict[str, Grants] = OrderedDict()
        self._stamp = self._current_stamp()

    def read(self, token: str, now: float) -> Grants:
        """Return what a token grants at Unix time `now`. Raises TokenRefused."""
        grants = self._recall(token) or self._learn(token, now)
        check_times(grants, now)
        return grants

    def _recall(self, token: str) -> Grants | None:
        stamp = self._current_stamp()
        if stamp != self._stamp:
            self._known.clear()
            self._stamp = stamp
        grants = self._known.get(token)
        if grants is not None:
            self._known.move_to_end(token)
        return grants

    def _learn(self, token: str, now: float) -> Grants:
        grants = read_grants(verify(token, self._keys), now)
        revoked = self._revocations.covering(grants) if self._revocations is not None else None
        if revoked is not None:
            aspect = revoked.aspect.value
            raise TokenRefused(Reason.REVOKED, f"it was revoked by its {aspect}", aspect=aspect, **grants.bearer)
        if _is_worth_remembering(token, grants):
            self._known[token] = grants
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return grants

    def _current_stamp(self) -> tuple[int, int]:
        return self._keys.version, self._revocations.version if self._revocations is not None else 0


def _is_worth_remembering(token: str, grants: Grants) -> bool:
    selectors = max(map(len, (grants.publish or (), grants.subscribe, grants.revoke)))
    return len(token) <= MAX_REMEMBERED_TOKEN and selectors <= MAX_REMEMBERED_SELECTORS


def read_token(token: str, keys: Keys, now: float) -> Grants:
    """Return what a token grants at Unix time `now`. Raises TokenRefused."""
    grants = read_grants(verify(token, keys), now)
    check_times(grants, now)
    return grants


def verify(token: str, keys: Keys) -> dict[str, Any]:
    """Return the claims of a token that one of the keys signed. Raises TokenRefused."""
    signed = parse_token(token)
    fitting = _fitting(signed, keys)
    for key in fitting[:MAX_KEYS_TRIED]:
        if _is_signed_by(signed, key):
            return signed.claims()
    problem = "expected a signature of a configured key, got one of another"
    if len(fitting) > MAX_KEYS_TRIED:
        problem += f", as far as was tried: {MAX_KEYS_TRIED} of the {len(fitting)} keys that may have signed it"
    raise TokenRefused(Reason.SIGNATURE, problem)


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The parts of a token, of which nothing is verified."""

    algorithm: str
    key_id: str
    payload: bytes
    signed: bytes
    signature: bytes

    def claims(self) -> dict[str, Any]:
        """Return the claims. Raises TokenRefused if they are no JSON object."""
        try:
            claims = _decode_json(self.payload.decode())
        except (ValueError, RecursionError):
            raise TokenRefused(Reason.MALFORMED, "expected claims in JSON, got something else") from None
        if not isinstance(claims, dict):
            raise TokenRefused(Reason.MALFORMED, "expected a JSON object of claims, got another value")
        return claims


def parse_token(token: str) -> SignedToken:
    """Take a token apart. Raises TokenRefused if it is no JSON web token in the compact form with a signature."""
    if len(token) > MAX_TOKEN:
        raise TokenRefused(Reason.MALFORMED, f"expected at most {MAX_TOKEN} characters, got {len(token)}")
    try:
        parts = _JWS.decode_complete(token, options=_WITHOUT_KEY)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        _check_extensions(_peek(token))
        raise TokenRefused(Reason.MALFORMED, f"expected a JSON web token, got none: {_brief(error)}") from None
    header = parts["header"]
    _check_extensions(header)
    return SignedToken(
        algorithm=str(header.get("alg")),
        key_id=header.get("kid", ""),
        payload=parts["payload"],
        signed=token.rpartition(".")[0].encode(),
        signature=parts["signature"],
    )


def _fitting(signed: SignedToken, keys: Keys) -> list[Key]:
    found = keys.find(signed.key_id)
    if not found and not signed.key_id:
        raise TokenRefused(
            Reason.UNKNOWN_KEY, "expected a key to verify it with, got none: the set has none, or none yet"
        )
    if not found:
        raise TokenRefused(Reason.UNKNOWN_KEY, f"expected the id of a known key, got {signed.key_id[:100]!a}")
    fitting = [key for key in found if signed.algorithm in key.algorithms]
    if not fitting:
        allowed = " or ".join(sorted({name for key in found for name in key.algorithms}))
        raise TokenRefused(Reason.ALGORITHM, f"expected {allowed}, got {signed.algorithm[:20]!a}")
    return fitting


def _is_signed_by(signed: SignedToken, key: Key) -> bool:
    """Tell whether the key signed; the caller has seen that the algorithm is one of the key's."""
    algorithm = jwt.get_algorithm_by_name(signed.algorithm)
    try:
        return algorithm.verify(signed.signed, key.material, signed.signature)
    except ValueError:  # an RSA key too short for the digest, for example
        return False


def _peek(token: str) -> Mapping[str, object]:
    """Return the head of what may be no token; nothing if it cannot be read."""
    try:
        head = json.loads(base64url_decode(token.partition(".")[0]))
    except (ValueError, RecursionError):
        return {}
    return head if isinstance(head, dict) else {}


def _check_extensions(head: Mapping[str, object]) -> None:
    """Raise TokenRefused for a head with an extension that must be understood, or is one without saying so."""
    if "crit" in head:
        raise TokenRefused(Reason.MALFORMED, "expected a head without critical extensions, got one with 'crit'")
    if head.get("b64", True) is False:
        raise TokenRefused(Reason.MALFORMED, "expected a payload in base64, got a head with 'b64' that is false")


def _brief(error: Exception) -> str:
    """Return what an error says, in whole words, without what a token could smuggle into a log."""
    return ascii(shorten(str(error)[:1000], MAX_ERROR, placeholder=" ..."))[1:-1]


def _refuse_constant(name: str) -> object:
    raise ValueError(f"expected JSON, got {name}")


_decode_json = json.JSONDecoder(parse_constant=_refuse_constant).decode
