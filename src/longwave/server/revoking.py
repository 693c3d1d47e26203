"""Revoking: tokens that do not count from now on, at all hubs over this log, and the streams that they opened.

Not here: which tokens a revocation covers (auth/revocations.py), requests (revoke_api.py).
Rules that always hold: a revocation is on the log before anybody is told that it counts; what was read from the log
counts before a connection is accepted; what follows a revocation on the log reaches no stream that it ends; a
revocation that matters is stated anew before it is too old to be read.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from typing import TYPE_CHECKING

from longwave.auth.revocation_note import read_revocations, revocation_note
from longwave.core.statements import Statements
from longwave.core.update import OWN_IDS
from longwave.errors import DuplicateId, HubClosed, LogUnavailable
from longwave.logs.memory import MemoryLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.auth.revocations import Aspect, Revocation, Revocations
    from longwave.core.note import Note
    from longwave.hub import Hub
    from longwave.server.subscriptions import Subscriptions

logger = logging.getLogger("longwave.server")

LOOK_EVERY = 10.0  # seconds between two looks at how far the log goes back
RESTATED = 500  # revocations of one note


class Revoking:
    """Carries out revocations of all hubs over the log; make it before the hub is opened, and `open` it after.

    now: Unix time in seconds.
    """

    def __init__(
        self, hub: Hub, revocations: Revocations, subscriptions: Subscriptions, now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self._hub = hub
        self._revocations = revocations
        self._subscriptions = subscriptions
        self._statements: Statements[tuple[Aspect, str], Revocation] = Statements()
        self._ended: dict[Revocation, int] = {}  # streams that were ended, for those that wait to be told
        self._ending: dict[Revocation, asyncio.Task[None]] = {}
        hub.notes.listen(self._take)

    def open(self) -> None:
        """Start to state anew what gets old."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="longwave-revocations")

    async def close(self) -> None:
        """Stop, once all streams that are to be ended have; what is on the log stays there."""
        self._task.cancel()
        await asyncio.wait([self._task, *self._ending.values()])

    async def revoke(self, revocation: Revocation) -> int:
        """Make it count everywhere, and return how many streams of this hub were ended for it.

        Raises LogUnavailable; it does not count then.
        """
        self._ended[revocation] = 0
        try:
            await self._hub.append([revocation_note([revocation]).update()])
            self._apply(revocation)  # unless it came from the log already
            if revocation in self._ending:
                await asyncio.wait([self._ending[revocation]])
            return self._ended[revocation]
        finally:
            self._ended.pop(revocation, None)

    def _take(self, position: int, note: Note) -> Awaitable[object] | None:
        """Let the hub go no further on the log before the streams are ended, as what follows is not for them."""
        for revocation in read_revocations(note):
            key = revocation.aspect, revocation.value
            known = self._statements.find(key)
            if known is None or known.before <= revocation.before:
                self._statements.state(key, revocation, position, time.monotonic())
            self._apply(revocation)
        return asyncio.wait(self._ending.values()) if self._ending else None

    def _apply(self, revocation: Revocation) -> None:
        version = self._revocations.version
        forgotten = self._revocations.add(revocation, self.now())
        if forgotten is not None:
            self._statements.forget((forgotten.aspect, forgotten.value))
            logger.warning("there are too many revocations, so that of a %s is forgotten", forgotten.aspect.value)
        if self._revocations.version == version or not len(self._subscriptions):
            return
        task = asyncio.get_running_loop().create_task(self._end(revocation))
        self._ending[revocation] = task
        task.add_done_callback(lambda _: self._ending.pop(revocation))

    async def _end(self, revocation: Revocation) -> None:
        ended = await self._subscriptions.end(revocation)
        if revocation in self._ended:
            self._ended[revocation] += ended
        if ended:
            logger.info("streams that ended, as their %s was revoked: %d", revocation.aspect.value, ended)

    # Keeping them on the log.

    async def _keep(self) -> None:
        while not isinstance(self._hub.log, MemoryLog):  # nobody reads that one later
            await asyncio.sleep(LOOK_EVERY)
            try:
                while len(self._statements) and await self._restate():
                    pass
            except (LogUnavailable, HubClosed) as error:
                logger.warning("cannot state revocations anew, trying again in %g s: %s", LOOK_EVERY, error)

    async def _restate(self) -> bool:
        """State anew what gets old; return whether there may be more."""
        page = await self._hub.log.read(0, 0)
        due = self._statements.due(first=page.first, last=page.last, now=time.monotonic(), limit=RESTATED)
        if not due:
            return False
        position, oldest = due[0]
        note = revocation_note(revocation for _, revocation in due)
        try:
            await self._hub.append([note.update(_restatement_id(position, oldest))])
        except DuplicateId:  # another hub did it, or does so this moment
            return False
        return len(due) == RESTATED


def _restatement_id(position: int, revocation: Revocation) -> str:
    """Return an id that is the same at all hubs that read the same log, so that one of them is enough."""
    text = f"{position} {revocation.aspect.value} {revocation.value}"
    return f"{OWN_IDS}revocation:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
