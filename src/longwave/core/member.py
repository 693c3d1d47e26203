"""A member: a subscriber as others are told of it.

Not here: its place in a feed (subscriber.py), who is told (presence.py, subscription_document.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from longwave.core.update import OWN_IDS


@dataclass(frozen=True, slots=True)
class Member:
    """One subscriber.

    id: an IRI that the hub chose, its own for each subscriber that ever was. selectors: what it asks for, each once;
    each is one subscription. payload: JSON text from its token, "" for none.
    """

    id: str
    selectors: tuple[str, ...]
    payload: str = ""

    def end_id(self, place: int) -> str:
        """Return the event id of the end of its subscription to `selectors[place]`, the same whoever tells of it."""
        return f"{OWN_IDS}end:{self.id}#{place}"
