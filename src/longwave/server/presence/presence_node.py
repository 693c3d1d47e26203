"""Presence: this hub's own subscribers told to everybody, and the picture of all, as one hub among those over its log.

Not here: what is decided (core/presence.py, core/announcements.py, core/statements.py), what clients ask
(subscriptions_api.py). Why it is done so: docs/decisions/0011-presence.md.
Protocol: https://mercure.rocks/spec#active-subscriptions (draft 07).

Rules that always hold: one append is under way at a time, so what this hub says stands on the log in the order it says
it; whoever waits for its subscription to be told waits for `JOIN_PATIENCE` at most; a log that no other process can see
gets no notes; whatever clients do, no more is written about them than `TOLD_RATE` in the long run, but at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from longwave.core.allowance import Allowance
from longwave.core.announcements import BATCH, Announcements, Attendance
from longwave.core.member import Member
from longwave.core.node_note import NodeNote, read_node_note
from longwave.core.payload import NO_PAYLOAD, compact, layout
from longwave.core.presence import Patience, Presence
from longwave.core.statements import Statements
from longwave.core.subscription_document import end_updates, is_tellable
from longwave.errors import DuplicateId, HubClosed, LogUnavailable
from longwave.logs.memory import MemoryLog
from longwave.server.limits.client_address import remote_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from longwave.auth.grants import Grants
    from longwave.core.announcements import Batch
    from longwave.core.note import Note
    from longwave.core.presence import Duty
    from longwave.core.update import Update
    from longwave.hub import Hub

logger = logging.getLogger("longwave.server")

TICK = 1.0  # seconds between two looks at what is to be done
JOIN_PATIENCE = 2.0  # seconds that a stream waits for the log to take that it is there; then it begins all the same
LOOK_EVERY = 5.0  # seconds between two looks at how far the log goes back
AGAIN_AFTER = 1.0  # seconds, when the log does not take updates
CLOSE_PATIENCE = 5.0  # seconds to tell of the last ones that leave; if that fails other hubs do it
RESTATED = 500  # members of one note
TOLD_RATE = 1000  # updates a second that a hub writes about its subscribers; a log keeps a million by default
TOLD_AT_ONCE = 20_000  # after a rest, as when all clients of a hub come back


class PresenceNode:
    """Tells of subscribers, and knows all; make it before its hub is opened, and `open` it after.

    place: what no two hubs that run at the same time have, and a hub has that replaces a dead one; "" for none.
    changed_at: position on the log of what changed the picture last, for all hubs the same one. On a log that nobody
        else sees it is the next one after the last that subscribers were handed before the change.
    """

    def __init__(self, hub: Hub, *, place: str = "", patience: Patience | None = None) -> None:
        self.picture = Presence(uuid.uuid4().hex[:16], patience or Patience())
        self._hub = hub
        self._place = place
        self._alone = isinstance(hub.log, MemoryLog)
        self._announcements = Announcements()
        self._statements: Statements[str, str] = Statements()
        self._allowance = Allowance(TOLD_RATE, TOLD_AT_ONCE)
        self._waiting: dict[str, tuple[asyncio.Future[None], float]] = {}  # with the time when it began, in order
        self._owed = NodeNote(node=self.picture.own, by=self.picture.own)
        self._speaks = False
        self._to_restate: list[str] = []
        self._ghosts: dict[str, None] = {}  # the dead hubs whose members are to be ended
        self._looks_at = 0.0
        self._wake = asyncio.Event()
        self._closing = False
        self._warned: set[str] = set()
        self.changed_at = 0
        if not self._alone:
            hub.notes.listen(self._take)

    # Life.

    def open(self) -> None:
        """Start to tell; the hub is open."""
        self._loop = asyncio.get_running_loop()
        if not self._alone:
            self._owe(asks=True)
        self._task = self._loop.create_task(self._run(), name="longwave-presence")
        self._timer = self._loop.call_later(TICK, self._tick)

    async def close(self) -> None:
        """Tell of those who left, and of the end of this hub; before the hub is closed."""
        self._timer.cancel()
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._task], timeout=CLOSE_PATIENCE)
        self._task.cancel()
        await asyncio.wait([self._task])
        self._let_go(until=float("inf"))

    # Own subscribers.

    def attendance(self, selectors: Sequence[str], grants: Grants, address: str) -> Attendance:
        """Return what others would be told of a client; nobody is yet. address: the client's, "" for none."""
        member_id = uuid.uuid4().urn
        told = tuple([selector for selector in selectors if is_tellable(selector, member_id)])
        payload = compact(grants.payload)
        if payload and not layout(payload):
            self._warn("subscriptions are told without their payloads, as these are too large")
            payload = NO_PAYLOAD
        return Attendance(Member(member_id, told, payload), _names(address, grants.subject))

    async def join(self, attendance: Attendance) -> None:
        """Tell that somebody subscribes, and wait until everybody can know; `leave` must follow.

        Returns without that it was told where there is no room, or no log.
        """
        member_id, told = attendance.member.id, attendance.member.selectors
        if not told or not self._announcements.join(attendance):
            self._hub.counters.untold += 1
            self._warn("subscriptions are served and not told, as there are too many, or they are too large")
            return
        future = self._loop.create_future()
        self._waiting[member_id] = future, self._loop.time()
        self._wake.set()
        try:
            await future
        except asyncio.CancelledError:
            self.leave(attendance)
            raise

    def leave(self, attendance: Attendance) -> None:
        """Tell that a subscriber is gone; safe to call again."""
        self._waiting.pop(attendance.member.id, None)
        self._announcements.leave(attendance)
        self._wake.set()

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            logger.warning(sentence)

    # Notes.

    def _take(self, position: int, note: Note) -> None:
        node_note = read_node_note(note)
        if node_note is None:
            return
        own = self.picture.own
        lost = self._change(node_note, position)
        if node_note.node == own and node_note.by == own:
            self._see_own(position, node_note)
        for member_id in lost:
            self._come_again(member_id)

    def _change(self, note: NodeNote, position: int) -> tuple[str, ...]:
        """Take what a note says over into the picture; return whom it lost."""
        version = self.picture.version
        lost = self.picture.take(note, self._now())
        if self.picture.version != version:
            self.changed_at = position
        return lost

    def _see_own(self, position: int, note: NodeNote) -> None:
        for member in note.joined:
            if self._announcements.knows(member.id):
                self._statements.state(member.id, member.id, position, self._now())
            else:  # another hub ended it while it was stated anew
                self._owe(left=(member.id,))
        for member_id in note.left:
            self._statements.forget(member_id)
        self._let_in(member.id for member in note.joined)

    def _come_again(self, member_id: str) -> None:
        """Tell of a subscriber anew that another hub took for dead."""
        self._statements.forget(member_id)
        attendance = self._announcements.lose(member_id)
        if attendance is not None:
            attendance.member = replace(attendance.member, id=uuid.uuid4().urn)
            self._announcements.join(attendance)
            self._wake.set()

    def _let_in(self, member_ids: Iterable[str]) -> None:
        for member_id in member_ids:
            waiting = self._waiting.pop(member_id, None)
            if waiting is not None and not waiting[0].done():
                waiting[0].set_result(None)

    def _let_go(self, until: float) -> None:
        """Let those go on who wait since `until` or longer."""
        late = []
        for member_id, (_, since) in self._waiting.items():
            if since > until:
                break
            late.append(member_id)
        self._let_in(late)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # What is to be done.

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK, self._tick)
        now = self._now()
        self._let_go(until=now - JOIN_PATIENCE)
        if self._announcements.waiting:
            self._wake.set()
        if self._alone:
            return
        self._add(self.picture.tick(now))
        if now >= self._looks_at + LOOK_EVERY or self._ghosts:
            self._wake.set()

    def _add(self, duty: Duty) -> None:
        if duty.speaks:
            self._owe(asks=duty.asks, wants=duty.wants)
        if duty.restates:
            self._to_restate = [attendance.member.id for attendance in self._announcements.told]
        self._ghosts |= dict.fromkeys(duty.dead)

    def _owe(self, *, asks: bool = False, wants: tuple[str, ...] = (), left: tuple[str, ...] = ()) -> None:
        self._speaks = True
        self._wake.set()
        owed = self._owed
        self._owed = replace(owed, asks=owed.asks or asks, wants=owed.wants + wants, left=owed.left + left)

    # Doing it, one append at a time.

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(0)  # what else is told in this round of the loop goes along
            try:
                await self._do_all()
            except HubClosed:
                return
            except LogUnavailable as error:
                logger.warning("cannot tell of subscriptions, trying again in %g s: %s", AGAIN_AFTER, error)
                await self._pause()
            except Exception:
                logger.exception("telling of subscriptions failed")
                await self._pause()
            if self._closing and not self._announcements.waiting:
                await self._say_goodbye()
                return

    async def _pause(self) -> None:
        await asyncio.sleep(AGAIN_AFTER)
        self._wake.set()

    async def _do_all(self) -> None:
        while self._has_to_tell():
            await self._tell()
        if self._alone or self._closing:
            return
        while self._ghosts:
            await self._end_ghosts()
        await self._look()
        while self._to_restate:
            await self._restate()

    def _has_to_tell(self) -> bool:
        """Tell whether there is something to write now; what others take this hub for alive by never waits."""
        if self._speaks:
            return True
        return self._announcements.waiting and (self._closing or self._allowance.allows(self._now()))

    async def _tell(self) -> None:
        """Tell of the next who come and leave, and whatever else this hub owes the others."""
        batch = self._announcements.next_batch()
        owed, spoke = self._owed, self._speaks
        note = self._note_of(batch)
        self._owed, self._speaks = NodeNote(node=owed.node, by=owed.by), False
        try:
            await self._append_batch(note, batch)
        except BaseException:
            self._announcements.failed()
            if spoke:
                self._owe(asks=owed.asks, wants=owed.wants, left=owed.left)
            raise
        self._allowance.spend(batch.cost, self._now())
        self._announcements.stored()
        if self._alone:
            self._let_in(batch.joined)

    def _note_of(self, batch: Batch) -> NodeNote:
        return replace(
            self._owed,
            place=self._place,
            at=round(self._now(), 3) if self._speaks else None,
            count=self._announcements.count if self._speaks else None,
            joined=tuple([one.member for one in batch.joined.values()]),
            left=(*self._owed.left, *batch.left),
        )

    async def _append_batch(self, note: NodeNote, batch: Batch) -> None:
        if not self._alone:
            await self._append_rest([note.note().update()], batch)
            return
        # Before the events, as others may see these as soon as they are on the log.
        self._change(note, self._hub.notes.last_told + 1)
        try:
            await self._append_rest([], batch)
        except BaseException:
            self._change(replace(note, joined=(), left=tuple(batch.joined)), self._hub.notes.last_told + 1)
            raise

    async def _append_rest(self, notes: list[Update], batch: Batch) -> None:
        """Append, without the ends that another hub told meanwhile."""
        while True:
            try:
                await self._hub.append(notes + batch.updates())
            except DuplicateId as error:
                if not batch.drop(error.event_id):
                    raise
            else:
                return

    async def _end_ghosts(self) -> None:
        """Tell the next ends of what a dead hub left behind; whatever others tell at the same time is told once."""
        node = next(iter(self._ghosts))
        ended, updates = _ends_of_one_batch(self.picture.members_of(node) if self.picture.is_dead(node) else [])
        if not ended:
            del self._ghosts[node]
            return
        note = NodeNote(node=node, by=self.picture.own, left=tuple([member.id for member in ended]))
        try:
            await self._hub.append([note.note().update(), *updates])
        except DuplicateId:
            del self._ghosts[node]  # another hub is at it; what that leaves is seen at the next tick
        else:
            logger.info("ended %d subscribers of a hub that died", len(ended))

    async def _look(self) -> None:
        """See which statements are to be made anew, as hubs that start will not read so far back."""
        now = self._now()
        if now < self._looks_at + LOOK_EVERY or not len(self._statements) or self._to_restate:
            return
        self._looks_at = now
        page = await self._hub.log.read(0, 0)
        due = self._statements.due(first=page.first, last=page.last, now=now, limit=RESTATED)
        self._to_restate = [member_id for _, member_id in due]

    async def _restate(self) -> None:
        """Tell again of members that are still here, for hubs only."""
        told = self._announcements.told_of(self._to_restate[:RESTATED])
        if told:
            note = NodeNote(
                node=self.picture.own, by=self.picture.own, place=self._place, joined=tuple([a.member for a in told])
            )
            await self._hub.append([note.note().update()])
        del self._to_restate[:RESTATED]

    async def _say_goodbye(self) -> None:
        if self._alone:
            return
        note = NodeNote(node=self.picture.own, by=self.picture.own, ends=True)
        with contextlib.suppress(LogUnavailable, HubClosed):
            await self._hub.append([note.note().update()])


def _names(address: str, subject: str) -> tuple[str, ...]:
    """Return by which names a client has a share of what is told; clients on this machine have none by address."""
    names = (("address", remote_group(address)), ("subject", subject))
    return tuple([f"{kind} {name}" for kind, name in names if name])


def _ends_of_one_batch(members: list[Member]) -> tuple[list[Member], list[Update]]:
    """Return the first members that go into one append, and the updates that tell of their ends."""
    updates: list[Update] = []
    for count, member in enumerate(members):
        if len(updates) >= BATCH:
            return members[:count], updates
        updates += end_updates(member)
    return list(members), updates
