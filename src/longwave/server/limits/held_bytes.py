"""How many bytes clients make the server hold, all together and each for itself, and whether there is room for more.

Not here: what is held: requests that are not answered yet (request_reader.py, http1.py), answers that are not read yet
(http1.py); who a client is (client_address.py).
Rules that always hold: nobody who holds something is asked to give it back; one client never has more than its share,
so it takes no room from others; nothing is kept about clients that hold nothing.
"""

from __future__ import annotations

from enum import Enum


class Vacancy(Enum):
    """Whether there is room."""

    ENOUGH = "enough"
    ALL_TAKEN = "all taken"
    SHARE_TAKEN = "share taken"  # of this client


class HeldBytes:
    """Counts bytes. limit: how many there may be. share: of these for one client; "" is nobody, who has no share.

    held: how many there are.
    """

    __slots__ = ("_by_client", "held", "limit", "share")

    def __init__(self, limit: int, share: int) -> None:
        self.limit = limit
        self.share = share
        self.held = 0
        self._by_client: dict[str, int] = {}

    def room(self, size: int, client: str) -> Vacancy:
        """Tell whether there is room for bytes more."""
        if self.held + size > self.limit:
            return Vacancy.ALL_TAKEN
        if client and self._by_client.get(client, 0) + size > self.share:
            return Vacancy.SHARE_TAKEN
        return Vacancy.ENOUGH

    def take(self, size: int, client: str) -> Vacancy:
        """Count bytes more, if there is room for them."""
        room = self.room(size, client)
        if room is Vacancy.ENOUGH:
            self.hold(size, client)
        return room

    def hold(self, size: int, client: str) -> None:
        """Count bytes more that are held already."""
        self.held += size
        if client and size:
            self._by_client[client] = self._by_client.get(client, 0) + size

    def free(self, size: int, client: str) -> None:
        """Count bytes no more."""
        self.held -= size
        if not (client and size):
            return
        left = self._by_client[client] - size
        if left:
            self._by_client[client] = left
        else:
            del self._by_client[client]
