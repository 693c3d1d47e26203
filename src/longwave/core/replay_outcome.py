"""What became of a client that came back with a last event id.

Not here: deciding where it goes on (resume.py), sending (replay.py), counting (counters.py).
"""

from __future__ import annotations

from enum import Enum


class ReplayOutcome(Enum):
    """The outcome; the value is what metrics call it."""

    HIT = "hit"  # the log has everything after the id
    EARLIEST = "earliest"  # it asked for all that the log keeps, not for what follows an id
    EXPIRED = "expired"  # the id is known, but some of what followed it was trimmed
    RESTARTED = "restarted"  # the id is of another life of the log
    UNKNOWN = "unknown"  # the log has no such id (any more)

    __hash__ = object.__hash__  # a member equals only itself; Enum's own is a call in Python for each look-up
