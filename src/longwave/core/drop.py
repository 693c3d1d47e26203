"""Why a subscriber was closed.

Not here: closing it (delivery.py), counting it (counters.py).
"""

from __future__ import annotations

from enum import Enum


class Drop(Enum):
    """The reason; the value is what metrics call it."""

    GONE = "gone"  # its client left
    STALLED = "stalled"  # it took too little of what it was sent in the send timeout, or at the end of its token
    FAILED = "failed"  # its sink broke the contract, or reading the log for it failed
    ENDED = "ended"  # it was told to end, as the hub stops or its token ceased to count, and took what it still was to
    CLOSED = "closed"  # by the application or the hub itself, without waiting for it

    __hash__ = object.__hash__  # a member equals only itself; Enum's own is a call in Python for each look-up
