"""The payload of a token as subscriptions tell of it: laid out on lines of its own, and not larger than it may be.

Not here: the documents that it stands in (subscription_document.py), what a token may hold (auth/claims.py).
Rule that always holds: what is kept of layouts is bounded, whatever payloads tokens have.
"""

from __future__ import annotations

import json
from functools import lru_cache

MAX_PAYLOAD = 16_384  # characters as it is laid out; indenting makes up to 30 times as many of what stands in a token
NO_PAYLOAD = ""
KEPT = 1024  # layouts, of which each costs some 20 µs to make


def compact(payload: object) -> str:
    """Return a payload as JSON text, `NO_PAYLOAD` for None."""
    return NO_PAYLOAD if payload is None else json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


@lru_cache(KEPT)
def layout(payload: str) -> str:
    """Return a payload as the value of a field: each line but the first begins below the field's name.

    `NO_PAYLOAD` for none, and for one that would be above `MAX_PAYLOAD`.
    """
    if not payload or len(payload) > MAX_PAYLOAD:
        return NO_PAYLOAD
    text = json.dumps(json.loads(payload), ensure_ascii=False, indent=2).replace("\n", "\n  ")
    return text if len(text) <= MAX_PAYLOAD else NO_PAYLOAD
