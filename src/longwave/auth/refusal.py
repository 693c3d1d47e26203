"""The kinds of reasons for which a token, or a request's way to present one, is refused.

Not here: the error itself (errors.TokenRefused), what the client is told (server/).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The kind of refusal: what `TokenRefused.reason` holds; each is a word of core.refusal.Refusal."""

    MISSING = "missing"  # there is no token, and there must be one
    MALFORMED = "malformed"  # it is no token, or not presented as one
    ORIGIN = "origin"  # a cookie on a request of a page that may not publish
    ALGORITHM = "algorithm"  # signed with another algorithm than the key's
    UNKNOWN_KEY = "unknown_key"  # its `kid` names none of the keys
    SIGNATURE = "signature"  # signed with another key
    EXPIRED = "expired"
    TOO_EARLY = "too_early"  # `nbf` is to come
    CLAIM = "claim"  # a claim has another shape
    UNCOVERED = "uncovered"  # a topic that none of its selectors covers
    REVOKED = "revoked"
