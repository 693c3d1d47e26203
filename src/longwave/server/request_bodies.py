"""How many bytes of request bodies all connections hold together, and whether there is room for more."""

from __future__ import annotations


class RequestBodies:
    """Counts the bytes of bodies that are received or wait for their answer; `limit` is how many there may be."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """Count bytes more, if there is room for them."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def free(self, size: int) -> None:
        """Count bytes no more."""
        self.held -= size
