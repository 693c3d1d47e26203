"""A publisher: one kept connection over which updates are posted, one at a time.

Not here: who receives them (arrivals.py).
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0  # seconds for an answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how updates are posted to a server.

    path: the request's target. body: makes a request body of an event's data. headers: of the request.
    """

    path: str
    body: Callable[[str], str]
    headers: dict[str, str]


class Publisher:
    """Posts to one endpoint of a server at a port of this machine."""

    def __init__(self, port: int, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def publish(self, data: str) -> None:
        """Publish one update; returns when the server has acknowledged it. Raises OSError if it refuses."""
        self._connection.request("POST", self._endpoint.path, self._endpoint.body(data), self._endpoint.headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status // 100 != 2:
            raise OSError(f"expected the update to be taken, got status {response.status}: {answer!r}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
