"""A record: an update as a plain tuple of plain values, for a history that stays in memory for long.

Not here: the entry that readers get (core/entry.py).

Rule: holds nothing that refers to anything, so Python's cyclic garbage collector stops looking at it. With a million
updates kept as objects, one full collection stops the process for 380 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.core.entry import Entry
from longwave.core.outline import Outline
from longwave.core.update import Update
from longwave.eventstream.event import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

# topics, data, type, given id or "", retry, private
Record = tuple[tuple[str, ...], str, str, str, int | None, bool]


def record_of(update: Update) -> Record:
    """Return the record of an update."""
    event = update.event
    return update.topics, event.data, event.type, event.id, event.retry, update.private


def given_id_of(record: Record) -> str:
    """Return the id that the publisher gave, or ""."""
    return record[3]


def is_private(record: Record) -> bool:
    """Return whether a grant is needed."""
    return record[5]


def topics_size_of(record: Record) -> int:
    """Return the characters of all topics."""
    return sum(map(len, record[0]))


def outline_of(record: Record, position: int, epoch: str) -> Outline:
    """Return the outline of a record at `position`."""
    return Outline(position, record[3] or f"{epoch}-{position}", record[0])


def entries_of(records: Sequence[Record], first: int, epoch: str) -> tuple[Entry, ...]:
    """Return the entries of records at positions from `first` on, with default ids where none was given."""
    return tuple([_entry(record, position, epoch) for position, record in enumerate(records, first)])


def _entry(record: Record, position: int, epoch: str) -> Entry:
    topics, data, kind, given, retry, private = record
    return Entry(position, Update(topics, Event(data, kind, given or f"{epoch}-{position}", retry), private))
