"""Room: how many subscriptions may be told of, and how much that may be, of all clients and of each.

Not here: what is told (announcements.py), who a client is (server/presence/presence_node.py).
Rules that always hold: what was taken is given back under the same names; no client takes more than its share, so it
takes ten of them to leave nothing for others; nothing is kept about a client that takes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SHARES = 10  # in which the room is parted; a client may have one


@dataclass(slots=True)
class _Use:
    subscriptions: int = 0
    size: int = 0


class Room:
    """The room for so many subscriptions, and so many characters that tell of them."""

    def __init__(self, subscriptions: int, size: int) -> None:
        self._most = _Use(subscriptions, size)
        self._share = _Use(subscriptions // SHARES, size // SHARES)
        self._all = _Use()
        self._by_client: dict[str, _Use] = {}

    def take(self, clients: Iterable[str], subscriptions: int, size: int) -> bool:
        """Take some if there is as much, for all and for each name of the client; return whether there is."""
        clients = tuple(clients)
        if not _fits(self._all, self._most, subscriptions, size):
            return False
        if not all(_fits(self._by_client.get(name, _NOTHING), self._share, subscriptions, size) for name in clients):
            return False
        for use in (self._all, *(self._by_client.setdefault(name, _Use()) for name in clients)):
            use.subscriptions += subscriptions
            use.size += size
        return True

    def free(self, clients: Iterable[str], subscriptions: int, size: int) -> None:
        """Give back what was taken."""
        clients = tuple(clients)
        for use in (self._all, *(self._by_client[name] for name in clients)):
            use.subscriptions -= subscriptions
            use.size -= size
        for name in clients:
            if not self._by_client[name].subscriptions:
                del self._by_client[name]


_NOTHING = _Use()


def _fits(use: _Use, most: _Use, subscriptions: int, size: int) -> bool:
    return use.subscriptions + subscriptions <= most.subscriptions and use.size + size <= most.size
