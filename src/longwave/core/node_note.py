"""What one hub of several tells the others about subscriptions: who came, who left, and that it is alive.

Not here: how a note travels (note.py), what is made of it (presence.py).
Rule that always holds: whatever JSON a note holds, reading it gives a NodeNote or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from longwave.core.member import Member
from longwave.core.note import Note

NODES = "nodes/"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNote:
    """One note.

    node: the hub that it is about. by: who wrote it, another one only where that ends what a dead hub left behind.
    place: what only one hub at a time can have; whoever had it before is dead. "" for none.
    at: when it was written, on its writer's own clock and for itself; None where that does not matter.
    asks: all others that have members shall say something. wants: of these hubs the members are not known.
    count: how many members the node has once this note counts; None where it does not say.
    joined: members that came, or are there still. left: ids of those that are gone. ends: the node itself is gone.
    """

    node: str
    by: str
    place: str = ""
    at: float | None = None
    asks: bool = False
    wants: tuple[str, ...] = ()
    count: int | None = None
    joined: tuple[Member, ...] = ()
    left: tuple[str, ...] = ()
    ends: bool = False

    def note(self) -> Note:
        """Return it as a note; what it does not say takes no room."""
        content: dict[str, object] = {"by": self.by}
        if self.place:
            content["place"] = self.place
        if self.at is not None:
            content["at"] = self.at
        if self.asks:
            content["asks"] = True
        if self.wants:
            content["wants"] = self.wants
        if self.count is not None:
            content["count"] = self.count
        if self.joined:
            content["joined"] = [(member.id, member.selectors, member.payload) for member in self.joined]
        if self.left:
            content["left"] = self.left
        if self.ends:
            content["ends"] = True
        return Note(NODES + self.node, content)


def read_node_note(note: Note) -> NodeNote | None:
    """Return what a hub told; None if it is not about hubs, or cannot be understood."""
    if not note.name.startswith(NODES):
        return None
    content = note.content
    try:
        return NodeNote(
            node=note.name.removeprefix(NODES),
            by=_text(content["by"]),
            place=_text(content.get("place", "")),
            at=_number(content.get("at")),
            asks=content.get("asks") is True,
            wants=_texts(content.get("wants", ())),
            count=_count(content.get("count")),
            joined=tuple([_member(item) for item in content.get("joined", ())]),
            left=_texts(content.get("left", ())),
            ends=content.get("ends") is True,
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _member(item: Any) -> Member:  # noqa: ANN401 - any JSON
    member_id, selectors, payload = item
    return Member(_text(member_id), _texts(selectors), _text(payload))


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    if isinstance(value, str):
        raise TypeError("expected a list")
    return tuple([_text(item) for item in value])


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _number(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("expected a number")
    return float(value)


def _count(value: object) -> int | None:
    if value is None or type(value) is int:
        return value
    raise TypeError("expected a number")
