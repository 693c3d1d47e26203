"""What a hub tells about its own members: who came and left since, in batches, each told once.

Not here: who tells (server/presence/presence_node.py), what others make of it (presence.py).
Rules that always hold: one batch is under way at a time; nobody is told to have left who was not told to have come
before; who left before that could be told is not told of at all; what is kept is bounded, for each client
too (room.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING

from longwave.core.room import Room
from longwave.core.subscription_document import begin_updates, end_updates, told_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from longwave.core.member import Member
    from longwave.core.update import Update

MAX_SUBSCRIPTIONS = 100_000  # of one hub that are told; those above are served as well, but nobody learns of them
MAX_SIZE = 128 * 2**20  # characters of what is told of them, once
MAX_MEMBER_SIZE = 2**20  # characters of what is told of one member
BATCH = 1000  # updates of one batch, unless one member alone makes more
BATCH_SIZE = 2**20  # characters of what is told in one batch, about
USUAL_SIZE = 1024  # characters of an update; a larger one counts as several where updates are counted


@dataclass(slots=True, eq=False)
class Attendance:
    """The stay of one subscriber.

    member: what it is told as; another one, of the same size, after it was taken for dead.
    clients: names of who it is, each of which has a share of the room; none for nobody in particular.
    """

    member: Member
    clients: tuple[str, ...] = ()
    size: int = field(init=False)  # characters that it takes to tell of it, once

    def __post_init__(self) -> None:
        self.size = told_size(self.member)

    @property
    def cost(self) -> int:
        """How many updates of a usual size it takes to tell of it, once."""
        return max(len(self.member.selectors), ceil(self.size / USUAL_SIZE))


@dataclass(slots=True)
class Batch:
    """What is told together. left_updates: those of the ends; another hub may have told some of them already."""

    joined: dict[str, Attendance]
    left: dict[str, Attendance]
    _left_updates: list[Update] = field(init=False)

    def __post_init__(self) -> None:
        self._left_updates = [update for one in self.left.values() for update in end_updates(one.member)]

    @property
    def cost(self) -> int:
        """How many updates of a usual size these are."""
        return sum(one.cost for members in (self.joined, self.left) for one in members.values())

    def updates(self) -> list[Update]:
        """Return the updates for subscribers."""
        return [update for one in self.joined.values() for update in begin_updates(one.member)] + self._left_updates

    def drop(self, event_id: str) -> bool:
        """Leave out the update with this id, as it is on the log; return False if there is none."""
        kept = [update for update in self._left_updates if update.event.id != event_id]
        dropped = len(kept) < len(self._left_updates)
        self._left_updates = kept
        return dropped


class Announcements:
    """Own members: those to be told of, those that are told of, those whose end is to be told."""

    def __init__(self, max_subscriptions: int = MAX_SUBSCRIPTIONS) -> None:
        self._room = Room(max_subscriptions, MAX_SIZE)
        self._joining: dict[str, Attendance] = {}
        self._told: dict[str, Attendance] = {}
        self._leaving: dict[str, Attendance] = {}
        self._batch: Batch | None = None

    @property
    def told(self) -> Collection[Attendance]:
        """Those that everybody can know of."""
        return self._told.values()

    @property
    def count(self) -> int:
        """How many members are told of once the batch under way is."""
        batch = self._batch
        return len(self._told) + (len(batch.joined) - len(batch.left) if batch is not None else 0)

    @property
    def waiting(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._joining or self._leaving)

    def told_of(self, member_ids: Iterable[str]) -> list[Attendance]:
        """Return those of these ids that everybody can know of."""
        return [self._told[member_id] for member_id in member_ids if member_id in self._told]

    def knows(self, member_id: str) -> bool:
        """Whether a member is here, or its end is still to be told."""
        return member_id in self._told or (self._batch is not None and member_id in self._batch.joined)

    def join(self, attendance: Attendance) -> bool:
        """Let it be told that somebody came; return False if there is no room for that, or none left for its client."""
        member, size = attendance.member, attendance.size
        if size > MAX_MEMBER_SIZE or not self._room.take(attendance.clients, len(member.selectors), size):
            return False
        self._joining[member.id] = attendance
        return True

    def leave(self, attendance: Attendance) -> None:
        """Let it be told that somebody left; safe to call again, and for somebody who had no room."""
        member_id = attendance.member.id
        if self._joining.pop(member_id, None) is not None:
            self._free(attendance)
        elif self.knows(member_id):
            self._leaving[member_id] = attendance

    def lose(self, member_id: str) -> Attendance | None:
        """Forget somebody whose end another hub told; return it if it is still here."""
        attendance = self._told.pop(member_id, None)
        if attendance is None:
            return None
        self._free(attendance)
        return attendance if self._leaving.pop(member_id, None) is None else None

    def next_batch(self) -> Batch:
        """Return what is to be told now; `stored` or `failed` must follow. Ends come first."""
        assert self._batch is None, "one batch is under way at a time"
        left = _first_of(self._leaving)
        joined = _first_of(self._joining) if len(left) == len(self._leaving) else {}
        for member_id in left:
            del self._leaving[member_id]
        for member_id in joined:
            del self._joining[member_id]
        self._batch = Batch(joined, left)
        return self._batch

    def stored(self) -> None:
        """Note that the batch is on the log."""
        batch, self._batch = self._batch, None
        assert batch is not None, "a batch must be under way"
        self._told |= batch.joined
        for member_id in batch.left:
            if self._told.pop(member_id, None) is not None:
                self._free(batch.left[member_id])

    def failed(self) -> None:
        """Note that the batch is not on the log: all of it is to be told again, but for who left meanwhile."""
        batch, self._batch = self._batch, None
        assert batch is not None, "a batch must be under way"
        for member_id in [member_id for member_id in batch.joined if member_id in self._leaving]:
            self._free(batch.joined.pop(member_id))
            del self._leaving[member_id]
        self._joining = batch.joined | self._joining
        self._leaving = batch.left | self._leaving

    def _free(self, attendance: Attendance) -> None:
        self._room.free(attendance.clients, len(attendance.member.selectors), attendance.size)


def _first_of(waiting: dict[str, Attendance]) -> dict[str, Attendance]:
    """Return as many as go into one batch, and one at least if there are any."""
    taken: dict[str, Attendance] = {}
    updates = size = 0
    for member_id, attendance in islice(waiting.items(), BATCH):
        updates += len(attendance.member.selectors)
        size += attendance.size
        if taken and (updates > BATCH or size > BATCH_SIZE):
            break
        taken[member_id] = attendance
    return taken
