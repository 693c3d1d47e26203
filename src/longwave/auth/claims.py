"""A token's claims to grants: which shapes are allowed, and what is wrong with others.

Not here: signatures (tokens.py), keys (keys.py).
Rules that always hold: whatever JSON the claims are, they give grants or TokenRefused; what is granted can be written
as JSON in UTF-8 again. A token without Mercure's claim is a token: with it one is somebody, and may see what is public.
Protocol: https://mercure.rocks/spec#authorization (draft 07), claims of JWT: RFC 7519 section 4.1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from longwave.auth.grants import Grants
from longwave.auth.refusal import Reason
from longwave.auth.span import format_span
from longwave.core.audience import check_cost
from longwave.core.selector import Selector
from longwave.errors import InvalidValue, TokenRefused
from longwave.eventstream.event import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIM = "mercure"
NAMESPACED_CLAIM = "https://mercure.rocks/"  # counts instead of the other, where a token has both
MAX_SELECTORS = 1000  # of each kind in one token
MAX_COST = 1000  # of matching those of one kind; see `Selector.cost`
MAX_NAME = 1024  # characters of `sub` and `jti`
MAX_DEPTH = 32  # levels of the payload, so that writing it never meets the interpreter's own limit
LATEST = 2**53  # seconds since 1970

_KINDS: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "none"}


def read_grants(claims: Mapping[str, Any], now: float) -> Grants:
    """Return what the claims grant, whether or not it is their time. Raises TokenRefused.

    now: Unix time. A token that is here now was not issued later, whatever the clock of its issuer said; or else
    revoking all that were issued until now would miss it.
    """
    try:
        return _read_grants(claims, now)
    except TokenRefused as error:
        named = {"subject": claims.get("sub"), "token_id": claims.get("jti")}
        bearer = {name: value[:MAX_NAME] for name, value in named.items() if isinstance(value, str) and value}
        raise TokenRefused(error.reason, error.detail, **bearer) from None


def _read_grants(claims: Mapping[str, Any], now: float) -> Grants:
    content = _content(claims)
    issued = _time(claims, "iat")
    return Grants(
        publish=_selectors(content, "publish"),
        subscribe=_selectors(content, "subscribe") or (),
        revoke=_selectors(content, "revoke") or (),
        payload=_payload(content),
        subject=_name(claims, "sub"),
        token_id=_name(claims, "jti"),
        issued=None if issued is None else min(issued, now),
        begins=_time(claims, "nbf"),
        expires=_time(claims, "exp"),
    )


def check_times(grants: Grants, now: float) -> None:
    """Raise TokenRefused unless the grants count at Unix time `now`: from `nbf` on, and before `exp`."""
    if grants.expires is not None and now >= grants.expires:
        late = now - grants.expires
        raise TokenRefused(
            Reason.EXPIRED, f"it expired {format_span(late)} ago", expired_for=round(late, 3), **grants.bearer
        )
    if grants.begins is not None and now < grants.begins:
        early = grants.begins - now
        raise TokenRefused(
            Reason.TOO_EARLY, f"it begins to count in {format_span(early)}", begins_in=round(early, 3), **grants.bearer
        )


def _content(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in (NAMESPACED_CLAIM, CLAIM):
        content = claims.get(name)
        if isinstance(content, dict):
            return content
        if content is not None:
            raise TokenRefused(Reason.CLAIM, f"expected an object as the claim {name!r}, got {_kind(content)}")
    return {}


def _selectors(content: Mapping[str, Any], name: str) -> tuple[Selector, ...] | None:
    """Return the selectors in order of their texts, each once, so that equal grants compare equal."""
    value = content.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise TokenRefused(Reason.CLAIM, f"expected a list as {CLAIM}.{name}, got {_kind(value)}")
    if len(value) > MAX_SELECTORS:
        raise TokenRefused(
            Reason.CLAIM, f"expected at most {MAX_SELECTORS} selectors in {CLAIM}.{name}, got {len(value)}"
        )
    others = [item for item in value if not isinstance(item, str)]
    if others:
        raise TokenRefused(Reason.CLAIM, f"expected only text in the list {CLAIM}.{name}, got {_kind(others[0])}")
    try:
        found = tuple(sorted(set(map(Selector, value)), key=lambda selector: selector.text))
        check_cost(found, MAX_COST, name)
    except InvalidValue as error:
        raise TokenRefused(Reason.CLAIM, f"{CLAIM}.{name}: {error.problem}") from None
    return found


def _payload(content: Mapping[str, Any]) -> object:
    value = content.get("payload")
    if _is_deep(value, MAX_DEPTH):
        raise TokenRefused(Reason.CLAIM, f"expected at most {MAX_DEPTH} levels in {CLAIM}.payload, got more")
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:  # 1e999 is infinite, "\ud800" is no text
        raise TokenRefused(
            Reason.CLAIM, f"expected numbers and text as {CLAIM}.payload that JSON in UTF-8 can carry, got others"
        ) from None
    return value


def _is_deep(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    items = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deep(item, levels - 1) for item in items)


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate, which may have a fraction."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(Reason.CLAIM, f"expected seconds since 1970 as the claim {name!r}, got {_kind(value)}")
    if not -LATEST <= value <= LATEST:
        raise TokenRefused(Reason.CLAIM, f"expected at most 2^53 seconds as the claim {name!r}, got more")
    return float(value)


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        came = f"{len(value)} characters" if isinstance(value, str) else _kind(value)
        raise TokenRefused(
            Reason.CLAIM, f"expected text of at most {MAX_NAME} characters as the claim {name!r}, got {came}"
        )
    try:
        check_text(name, value)
    except InvalidValue as error:
        raise TokenRefused(Reason.CLAIM, f"the claim {name!r}: {error.problem}") from None
    return value


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
