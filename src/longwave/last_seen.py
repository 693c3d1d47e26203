"""The last update on the log that a client may see, whatever its token grants.

Not here: what a client is told of it (known_ids.py), finding outlines on the log (logs/).

Everybody may see a public update, so nothing older than the newest public one is the last for anybody. What was found
is kept, of public updates for all, of private ones for each set of grants: whoever asks again makes the hub look at
what came since, and whoever has no token makes it look at nothing twice.

Rules that always hold: a note is never found; the scans read in turn, one page at a time; all of them together match no
more than `STEP` before a `REST`; no more grants are kept than `KEPT`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from longwave.core.note import names_note
from longwave.core.selector import EVERY_TOPIC, Kind
from longwave.logs.shared_look import SharedLook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from longwave.core.outline import Outline
    from longwave.core.selector import Selector
    from longwave.logs.base import Log, Page

PAGE = 256  # outlines of one read, at most
STEP = 1000  # of matching templates, about microseconds, before others get their turn
REST = 0.002  # seconds between two such steps, whosever they are
KEPT = 16_384  # selectors of all grants that are kept together

Grants = tuple["Selector", ...]


class Seen(NamedTuple):
    """What was found: the last update up to the position `until`, None if there is none."""

    until: int
    found: Outline | None


class Public(NamedTuple):
    """The newest public update on a log that has positions `first` to `last`, None if there is none."""

    first: int
    last: int
    found: Outline | None

    @property
    def floor(self) -> int:
        """The position up to which no private update is the last one that anybody may see."""
        return self.found.position if self.found is not None else self.first - 1


class LastSeen:
    """Finds it for any grants. extent: looks at the log's `first` and `last`."""

    def __init__(self, log: Log, extent: Callable[[], Awaitable[Page]]) -> None:
        self._log = log
        self._extent = extent
        self._public = Public(1, 0, None)
        self._publics = SharedLook(self._look_for_public)
        self._scans: dict[Grants, Scan] = {}  # whoever was asked for last stands last
        self._size = 0
        self._pages = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._left = STEP

    async def find(self, grants: Grants) -> Seen | None:
        """Return the last one for these grants; None if too many others are being looked for. Raises LogUnavailable.

        What is under way goes on when the caller leaves.
        """
        if not grants:
            public = await self._publics.take()
            return Seen(public.last, public.found)
        scan = self._scan_for(grants)
        return None if scan is None else await scan.look.take()

    async def newest_public(self) -> Public:
        """Return it. Raises LogUnavailable."""
        return await self._publics.take()

    async def page(self, after: int, before: int) -> tuple[Outline, ...]:
        """Return private outlines, the newest first, when it is the caller's turn. Raises LogUnavailable."""
        async with self._pages:
            return await self._log.outlines(after, before, PAGE, private=True)

    async def spend(self, cost: int) -> None:
        """Return when matching that costs so much may be done; whoever must wait for that waits for a turn."""
        self._left -= cost
        if self._left < 0:
            async with self._turn:
                await asyncio.sleep(REST)
                self._left = STEP

    async def _look_for_public(self) -> Public:
        extent = await self._extent()
        known = self._public
        new = await self._log.outlines(known.last, extent.last + 1, 1, private=False)
        found = new[0] if new else known.found
        if found is not None and found.position < extent.first:
            found = None
        self._public = Public(extent.first, extent.last, found)
        return self._public

    def _scan_for(self, grants: Grants) -> Scan | None:
        scan = self._scans.pop(grants, None)
        if scan is None:
            if not self._make_room(len(grants)):
                return None
            scan = Scan(self, grants)
            self._size += len(grants)
        self._scans[grants] = scan
        return scan

    def _make_room(self, size: int) -> bool:
        """Forget those that were not asked for lately; return whether that is enough for so many selectors."""
        idle = []
        for grants, scan in self._scans.items():
            if self._size + size <= KEPT:
                break
            if not scan.look.running:
                idle.append(grants)
                self._size -= len(grants)
        for grants in idle:
            del self._scans[grants]
        return self._size + size <= KEPT


class Scan:
    """The search for one set of grants, which goes on where it stopped whenever `look` is taken."""

    __slots__ = ("_everything", "_place", "_seen", "_templates", "_texts", "look")

    def __init__(self, place: LastSeen, grants: Grants) -> None:
        self._place = place
        self._texts = frozenset(selector.text for selector in grants)
        self._templates = tuple(selector for selector in grants if selector.kind is Kind.TEMPLATE)
        self._everything = EVERY_TOPIC in self._texts
        self._seen = Seen(0, None)
        self.look = SharedLook(self._look)

    async def _look(self) -> Seen:
        public = await self._place.newest_public()
        seen = self._seen
        found = await self._search(max(public.floor, seen.until), public.last)
        if found is None and seen.found is not None and seen.found.position > public.floor:
            found = seen.found
        self._seen = Seen(public.last, found)
        return Seen(public.last, found or public.found)

    async def _search(self, after: int, until: int) -> Outline | None:
        """Return the newest private update above `after`, and not above `until`, that these grants cover."""
        while until > after:
            page = await self._place.page(after, until + 1)
            if not page:
                return None
            found = await self._first(page)
            if found is not None:
                return found
            until = page[-1].position - 1
            await asyncio.sleep(0)
        return None

    async def _first(self, outlines: Iterable[Outline]) -> Outline | None:
        for outline in outlines:
            if names_note(outline.topics):
                continue
            if self._everything or not self._texts.isdisjoint(outline.topics):
                return outline
            if self._templates and await self._matches(outline.topics):
                return outline
        return None

    async def _matches(self, topics: tuple[str, ...]) -> bool:
        for topic in topics:
            length = 1 + len(topic) // 100
            for template in self._templates:
                await self._place.spend(template.cost * length)
                if template.matches(topic):
                    return True
        return False
