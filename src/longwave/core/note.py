"""A note: what hubs over one log tell each other, as an update that no subscriber ever gets.

Not here: what notes say (core/node_note.py, auth/revocation_note.py), who hears them (notes.py).
Rules that always hold: a note is private and has one topic, below `NOTES`, where no publisher may publish: it is part
of what the Mercure protocol reserves for hubs; whatever a subscriber asks for and is granted, `*` too, it gets none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from longwave.core.update import Update, text_of
from longwave.eventstream.event import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTES = "/.well-known/mercure/longwave/"


@dataclass(frozen=True, slots=True)
class Note:
    """What was noted: `name` is the rest of the topic, `content` a JSON object."""

    name: str
    content: Mapping[str, Any]

    def update(self, event_id: str = "") -> Update:
        """Return it as an update; an id that is on the log already makes it a DuplicateId."""
        return Update((NOTES + self.name,), Event(text_of(self.content), id=event_id), private=True)


def is_note(update: Update) -> bool:
    """Tell whether an update is for hubs only."""
    return update.private and names_note(update.topics)


def names_note(topics: tuple[str, ...]) -> bool:
    """Tell whether a private update about these topics is a note."""
    return topics[0].startswith(NOTES)


def read_note(update: Update) -> Note | None:
    """Return the note that an update is; None if its data is no JSON object, as another version's may be."""
    try:
        content = json.loads(update.event.data)
    except (ValueError, RecursionError):
        return None
    return Note(update.topics[0].removeprefix(NOTES), content) if isinstance(content, dict) else None
