"""Revocations as hubs over one log tell each other of them, and find them again when they start.

Not here: how a note travels (core/note.py), what a revocation does (revocations.py, server/revoking.py).
Rule that always holds: whatever JSON a note holds, reading it gives the revocations in it that can be, and no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.auth.revocations import Aspect, Revocation
from longwave.core.note import Note
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "revocations"
_KEY = "revoked"


def revocation_note(revocations: Iterable[Revocation]) -> Note:
    """Return the note that says that these hold."""
    return Note(NAME, {_KEY: [(one.aspect.value, one.value, one.before) for one in revocations]})


def read_revocations(note: Note) -> list[Revocation]:
    """Return the revocations that a note says; none for a note about something else."""
    items = note.content.get(_KEY) if note.name == NAME else None
    read = [_read(item) for item in items] if isinstance(items, list) else []
    return [revocation for revocation in read if revocation is not None]


def _read(item: object) -> Revocation | None:
    match item:
        case [str(aspect), str(value), int(before) | float(before)]:
            try:
                return Revocation(Aspect(aspect), value, before)
            except (InvalidValue, ValueError):
                return None
    return None
