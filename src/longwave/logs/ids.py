"""The ids of updates on a log: which ones a publisher may give, and the default one for all others.

Not here: the form of a default id (core/cursor.py), whether an id is on the log already (memory.py and
sqlite_transaction.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.core.cursor import parse_id
from longwave.core.entry import Entry
from longwave.core.update import Update
from longwave.errors import DuplicateId
from longwave.eventstream.event import Event

if TYPE_CHECKING:
    from collections.abc import Sequence


def given_ids(updates: Sequence[Update], epoch: str) -> dict[str, int]:
    """Return the ids that the publisher gave, each with its place in `updates`.

    Raises DuplicateId for an id that stands twice, or that only the log of this epoch gives out.
    """
    ids: dict[str, int] = {}
    for place, update in enumerate(updates):
        event_id = update.event.id
        if not event_id:
            continue
        if event_id in ids or own_position(event_id, epoch) is not None:
            raise DuplicateId(event_id)
        ids[event_id] = place
    return ids


def own_position(event_id: str, epoch: str) -> int | None:
    """Return the position that a default id of `epoch` names, or None for any other id."""
    cursor = parse_id(event_id)
    return cursor.position if cursor is not None and cursor.epoch == epoch else None


def entry_at(position: int, update: Update, epoch: str) -> Entry:
    """Return `update` at `position`, with the default id if it has none."""
    event = update.event
    if event.id:
        return Entry(position, update)
    named = Event(event.data, event.type, f"{epoch}-{position}", event.retry)
    return Entry(position, Update(update.topics, named, update.private))
