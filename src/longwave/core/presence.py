"""The picture of who subscribes to what at all hubs over one log, and which of these hubs are dead.

Not here: the log and the clock (server/presence/), what this hub tells of its own members (announcements.py).
How a death is noticed: hubs say nothing for the sake of it. Who has heard nothing for `lease` seconds from another that
has members asks, on the log, and all that have members answer. `answer` seconds after a question came back from the log
the silent are suspected; the hub writes one more note then, and when that comes back they are dead: everything that was
on the log before has been read. So whoever stood still, or could not read the log for a while, calls nobody dead.

Rules that always hold: the picture follows from the notes and their order alone, so all hubs that read the same notes
have the same one; a hub that answers in time is never dead; one that does not is, after `lease`, `answer` and three
ticks, or at once when another has its place; a hub that speaks after it was called dead is alive again. Times are
seconds on a clock of this hub that never goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Collection

    from longwave.core.member import Member
    from longwave.core.node_note import NodeNote

MAX_SUBSCRIPTIONS = 1_000_000  # in the picture, about 300 bytes each; what comes above is not in it
SPREAD = 0.2  # of the lease
MAX_NODES = 1024  # that are known besides this one; those above have no members here


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long others may be silent.

    lease: seconds without a word after which a hub is asked whether it lives; up to `SPREAD` more, differently for each
    hub, so that mostly one asks for all. answer: seconds for the answer.
    """

    lease: float = 25.0
    answer: float = 5.0


@dataclass(frozen=True, slots=True)
class Duty:
    """What a hub has to do now.

    speaks: write a note. restates: tell of all its members again. asks: ask all others.
    wants: the hubs that shall tell of all their members again. dead: those whose members it has to end.
    """

    speaks: bool = False
    restates: bool = False
    asks: bool = False
    wants: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()


NO_DUTY = Duty()


@dataclass(slots=True)
class _Node:
    """Another hub.

    heard: when it spoke last. place: as in its notes. asked: when a question was read that it has not answered; None.
    wanted: when it was last asked for all its members. dead: whether it is.
    """

    heard: float
    place: str = ""
    asked: float | None = None
    wanted: float = float("-inf")
    dead: bool = False


class Presence:
    """The picture that the hub `own` has; feed it all notes in the order of the log, and call `tick` every second.

    version: rises whenever somebody comes into the picture or leaves it.
    """

    def __init__(self, own: str, patience: Patience, max_subscriptions: int = MAX_SUBSCRIPTIONS) -> None:
        self.own = own
        self.version = 0
        self._patience = patience
        self._lease = patience.lease * (1 + SPREAD * crc32(own.encode()) / 2**32)
        self._max = max_subscriptions
        self._own_place = ""
        self._others: dict[str, _Node] = {}
        self._members: dict[str, dict[str, Member]] = {}  # by node
        self._by_selector: dict[str, dict[str, Member]] = {}
        self._count = 0
        self._was_full = False
        self._asked_at = float("-inf")
        self._speaks = self._restates = False
        self._wants: dict[str, None] = {}

    def __len__(self) -> int:
        """Return the number of subscriptions."""
        return self._count

    # The picture.

    @property
    def nodes(self) -> Collection[str]:
        """The hubs that have members."""
        return self._members.keys()

    def members(self) -> list[Member]:
        """Return all members of all hubs."""
        return [member for members in self._members.values() for member in members.values()]

    def members_of(self, node: str) -> list[Member]:
        """Return the members of one hub."""
        return list(self._members.get(node, {}).values())

    def subscribed_to(self, selector: str) -> list[Member]:
        """Return all that have a subscription to exactly this selector."""
        return list(self._by_selector.get(selector, {}).values())

    def find(self, selector: str, member_id: str) -> Member | None:
        """Return the member that has this subscription, or None."""
        return self._by_selector.get(selector, {}).get(member_id)

    def is_dead(self, node: str) -> bool:
        """Tell whether a hub is dead that was not forgotten yet."""
        other = self._others.get(node)
        return other is not None and other.dead

    # Notes.

    def take(self, note: NodeNote, now: float) -> tuple[str, ...]:
        """Take over what a note says; return the ids of this hub's own members that another one ended."""
        if note.by == self.own:
            self._hear_own(note)
        elif note.by == note.node:
            self._hear(note, now)
        if note.asks:
            self._note_question(note.by, now)
        for member in note.joined if note.by == note.node else ():
            self._add(note.node, member)
        for member_id in note.left:
            self._remove(note.node, member_id)
        if note.ends:
            self._forget(note.node)
        elif note.count is not None and note.node in self._others:
            self._compare(note.node, note.count, now)
        return note.left if note.node == self.own and note.by != self.own else ()

    def _hear_own(self, note: NodeNote) -> None:
        """Everything that was on the log when this was written has been read by now."""
        if note.place and note.node == self.own and note.place != self._own_place:
            self._own_place = note.place
            self._replace(note)
        if note.at is None:
            return
        for node in self._others.values():
            if node.asked is not None and note.at - node.asked >= self._patience.answer:
                node.dead = True

    def _hear(self, note: NodeNote, now: float) -> None:
        node = self._others.get(note.node)
        if node is None:
            if len(self._others) >= MAX_NODES:
                self._was_full = True
                return
            node = self._others[note.node] = _Node(now)
        node.heard = now
        node.asked = None
        node.dead = False
        self._restates = self._restates or self.own in note.wants
        if note.place and note.place != node.place:
            node.place = note.place
            self._replace(note)

    def _replace(self, newer: NodeNote) -> None:
        for name, node in self._others.items():
            if node.place == newer.place and name != newer.node:
                node.dead = True

    def _note_question(self, by: str, now: float) -> None:
        self._asked_at = now  # one question a lease is enough, whoever asks
        self._speaks = self._speaks or by != self.own
        for name, node in self._others.items():
            if name != by and node.asked is None:
                node.asked = now

    def _compare(self, name: str, count: int, now: float) -> None:
        """Want all members of a hub if some are missing, as where the log does not go back far enough."""
        node = self._others[name]
        missing = len(self._members.get(name, ())) != count and not self._was_full
        if missing and now - node.wanted >= self._lease:
            node.wanted = now
            self._wants[name] = None

    def _forget(self, name: str) -> None:
        for member_id in list(self._members.get(name, ())):
            self._remove(name, member_id)
        self._others.pop(name, None)

    # Members.

    def _add(self, name: str, member: Member) -> None:
        known = self._members.get(name, {})
        if member.id in known:
            return
        if self._count + len(member.selectors) > self._max or (name != self.own and name not in self._others):
            self._was_full = True
            return
        self.version += 1
        self._members.setdefault(name, known)[member.id] = member
        self._count += len(member.selectors)
        for selector in member.selectors:
            self._by_selector.setdefault(selector, {})[member.id] = member

    def _remove(self, name: str, member_id: str) -> None:
        members = self._members.get(name, {})
        member = members.pop(member_id, None)
        if member is None:
            return
        self.version += 1
        if not members:
            del self._members[name]
        self._count -= len(member.selectors)
        for selector in member.selectors:
            having = self._by_selector[selector]
            del having[member_id]
            if not having:
                del self._by_selector[selector]

    # Who lives.

    def tick(self, now: float) -> Duty:
        """Return what is to be done, each time until notes tell that it was done."""
        wants = tuple(self._wants)
        asks = bool(wants) or self._should_ask(now)
        speaks = asks or (self._speaks and self.own in self._members) or self._suspects(now)
        duty = Duty(speaks, self._restates, asks, wants, self._dead())
        self._asked_at = now if asks else self._asked_at
        self._speaks = self._restates = False
        self._wants.clear()
        return duty

    def _dead(self) -> tuple[str, ...]:
        """Return the dead that have members, and forget those that have none."""
        dead = [name for name, node in self._others.items() if node.dead]
        for name in dead:
            if name not in self._members:
                del self._others[name]
        return tuple(name for name in dead if name in self._members)

    def _should_ask(self, now: float) -> bool:
        return now - self._asked_at >= self._lease and any(
            now - node.heard >= self._lease and name in self._members and not node.dead
            for name, node in self._others.items()
        )

    def _suspects(self, now: float) -> bool:
        """Tell whether a time for answers is over, so that this hub has to see what is on the log by now."""
        return any(
            node.asked is not None and not node.dead and now - node.asked >= self._patience.answer
            for node in self._others.values()
        )
