"""Lists of subscriptions as JSON: made in short steps, and kept for who asks for the same again.

Not here: the paths and tokens of requests (subscriptions_api.py), one item (core/subscription_document.py).
Rules that always hold: no step takes long, however long a list is, so that streams go on meanwhile; one list is made
at a time; whoever asks gets a list that was begun after it asked, or that is the same as one begun now would be; what
is kept is bounded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from longwave.core.subscription_document import describe_item, join_items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from longwave.core.member import Member
    from longwave.core.presence import Presence

STEP = 0.002  # seconds for which items are described without a break; one takes 5 to 30 µs
KEPT = 16  # lists
KEPT_SIZE = 16 * 2**20  # bytes of these; of longer ones only the latest is kept


@dataclass(frozen=True, slots=True)
class SubscriptionList:
    """One list.

    number: which one it was since the start. version: of the picture. last_event_id: when it was begun.
    parts: of the document.
    """

    number: int
    version: int
    last_event_id: str
    parts: tuple[bytes, ...]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(map(len, self.parts))


class SubscriptionLists:
    """last_event_id: tells an id that nothing which is listed from now on is older than."""

    def __init__(self, picture: Presence, last_event_id: Callable[[], str]) -> None:
        self._picture = picture
        self._last_event_id = last_event_id
        self._turn = asyncio.Lock()
        self._begun = 0
        self._kept: OrderedDict[str | None, SubscriptionList] = OrderedDict()

    def at_hand(self, selector: str | None) -> SubscriptionList | None:
        """Return the list of a selector's subscriptions, None for all, if nobody came or left since it was begun."""
        kept = self._kept.get(selector)
        return kept if kept is not None and kept.version == self._picture.version else None

    async def make(self, selector: str | None) -> SubscriptionList:
        """Return the list once it is made; with all who wait for the same one."""
        asked = self._begun
        async with self._turn:
            kept = self._kept.get(selector)
            if kept is None or (kept.number <= asked and kept.version != self._picture.version):
                kept = await self._make(selector)
                self._keep(selector, kept)
            return kept

    async def _make(self, selector: str | None) -> SubscriptionList:
        self._begun += 1
        number, version, last_event_id = self._begun, self._picture.version, self._last_event_id()
        parts: list[bytes] = []
        for members in self._groups(selector):
            items = _items(members, selector)
            while part := _describe(items):
                parts.append(part)
                await asyncio.sleep(0)
        return SubscriptionList(number, version, last_event_id, tuple(parts))

    def _groups(self, selector: str | None) -> Iterator[list[Member]]:
        """Yield all members, by hub; events tell of who comes or leaves meanwhile, listed or not."""
        if selector is not None:
            yield self._picture.subscribed_to(selector)
            return
        for node in list(self._picture.nodes):
            yield self._picture.members_of(node)

    def _keep(self, selector: str | None, made: SubscriptionList) -> None:
        self._kept[selector] = made
        self._kept.move_to_end(selector)
        size = sum(each.size for each in self._kept.values())
        while len(self._kept) > 1 and (len(self._kept) > KEPT or size > KEPT_SIZE):
            _, oldest = self._kept.popitem(last=False)
            size -= oldest.size


def _items(members: list[Member], selector: str | None) -> Iterator[str]:
    """Yield the descriptions of these members' subscriptions: to the selector, or to whatever they have."""
    for member in members:
        for each in member.selectors if selector is None else (selector,):
            yield describe_item(member, each)


def _describe(items: Iterator[str]) -> bytes:
    """Return the next items, as many as can be described in one step; nothing if there are none left."""
    until = perf_counter() + STEP
    described: list[str] = []
    for item in items:
        described.append(item)
        if perf_counter() >= until:
            break
    return join_items(described)
