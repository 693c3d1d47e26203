"""When the oldest entry of a log has to go, and how many bytes an update counts for.

Not here: the limits themselves (retention.py), the deleting (memory.py, sqlite_transaction.py).

Rule: entries go oldest first, and the size limit never takes the newest one, so that an update larger than
the limit still reaches those who follow the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.logs.retention import Retention

if TYPE_CHECKING:
    from longwave.core.update import Update

DEFAULT_RETENTION = Retention()


def is_expired(retention: Retention, *, count: int, size: int, written: float, now: float) -> bool:
    """Return whether the oldest of `count` entries, with `size` bytes in all, is past a limit.

    written, now: seconds since the epoch, when the oldest one was written and at present.
    """
    if count < 1:
        return False
    if count > retention.events:
        return True
    if size > retention.size and count > 1:
        return True
    return now - written > retention.age


def size_of(update: Update) -> int:
    """Return the bytes of topics, given id, type and data in UTF-8; an id that the log gives costs nothing."""
    event = update.event
    size = _bytes(event.data) + _bytes(event.type) + _bytes(event.id)
    for topic in update.topics:
        size += _bytes(topic)
    return size


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
