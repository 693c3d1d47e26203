"""How many requests were answered, by method, kind of path and status.

Not here: answering (routes.py), how counts are shown (metrics.py).

Rule that always holds: clients cannot make more kinds than there are, whatever they ask for.
"""

from __future__ import annotations

METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
PATHS = {
    "/events": "events",
    "/.well-known/mercure": "events",
    "/events/revoke": "revoke",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "metrics",
    "/": "console",
}
FOLDERS = {"/.well-known/mercure/": "subscriptions", "/console": "console"}  # beginnings of paths
OTHER = "other"
UNREAD = "unread"  # method and path of what was refused before there was a request


class RequestCounts:
    """Counts answers."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many there were by (method, path, status), each in the form that a label has."""
        return {(method, path, str(int(status))): count for (method, path, status), count in self._counts.items()}

    def answered(self, method: str, path: str, status: int) -> None:
        """Count one answer; a stream counts when it begins, with 200."""
        self._add(method if method in METHODS else OTHER, kind_of(path), status)

    def unread(self, status: int) -> None:
        """Count one answer to what is no request."""
        self._add(UNREAD, UNREAD, status)

    def _add(self, method: str, path: str, status: int) -> None:
        key = (method, path, status)
        self._counts[key] = self._counts.get(key, 0) + 1


def kind_of(path: str) -> str:
    """Return what is at a path, in one word."""
    kind = PATHS.get(path)
    if kind is not None:
        return kind
    return next((kind for start, kind in FOLDERS.items() if path.startswith(start)), OTHER)
