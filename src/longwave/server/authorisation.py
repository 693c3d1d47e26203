"""What one request may publish: each of its topics is authorised once, and costly grants never hold up the others.

Not here: what a token allows (auth/grants.py), reading updates (publish_api.py).
Rule that always holds: a topic that is not covered is refused before anything is judged that came after it; what took
too long for now is made up for by `finish`, which must be awaited before anything is published or refused otherwise.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longwave.auth.grants import some_of
from longwave.auth.refusal import Reason
from longwave.errors import TokenRefused
from longwave.server.publish_api import check_not_reserved

if TYPE_CHECKING:
    from longwave.auth.grants import Grants

SLICE = 1000  # of the cost of matching, in about microseconds: done without a break
LENGTH = 100  # characters of a topic that the cost of a selector is for


class Authorisation:
    """Authorises the updates of one request; call it with the topics of each, in order."""

    __slots__ = ("_cost", "_grants", "_left", "_looked_at", "_postponed")

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._cost = grants.publish_cost
        self._left = SLICE
        self._looked_at: set[str] = set()
        self._postponed: list[str] = []

    def __call__(self, topics: tuple[str, ...]) -> None:
        """Raise TokenRefused if a topic is not covered by the grants, ReservedTopic if it is the hub's own."""
        for topic in topics:
            if topic not in self._looked_at:
                self._looked_at.add(topic)
                self._look_at(topic)
        check_not_reserved(topics)

    async def finish(self) -> None:
        """Look at the topics that were postponed, slice by slice. Raises TokenRefused."""
        for topic in self._postponed:
            if self._left <= 0:
                await asyncio.sleep(0)
                self._left = SLICE
            self._check(topic)
        self._postponed = []

    def _look_at(self, topic: str) -> None:
        if self._left <= 0:
            self._postponed.append(topic)
        else:
            self._check(topic)

    def _check(self, topic: str) -> None:
        self._left -= self._cost * (1 + len(topic) // LENGTH)
        if self._grants.uncovered((topic,)) is not None:
            detail = f"expected mercure.publish to cover {topic[:200]!r}, got {some_of(self._grants.publish)}"
            raise TokenRefused(Reason.UNCOVERED, detail, topic=topic, **self._grants.bearer)
