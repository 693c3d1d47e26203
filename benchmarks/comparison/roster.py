"""The roster: all peers of the comparison by name, in the order of the report.

Not here: what a peer is (peer.py), the peers (one folder each).
Rule that always holds: a peer is loaded when it is asked for, not before.

    ROSTER["nchan"].missing()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.comparison.peer import Peer

NAMES = (
    "longwave",
    "nchan",
    "mercure",
    "centrifugo",
    "pushpin",
    "sse_starlette",
    "fastapi_sse",
    "django_eventstream",
    "bare",  # not a hub: the limit of the machine
)


class Roster(Mapping[str, "Peer"]):
    """Name -> peer."""

    def __getitem__(self, name: str) -> Peer:
        if name not in NAMES:
            raise KeyError(name)
        peer: Peer = import_module(f"benchmarks.comparison.{name}.launcher").PEER
        return peer

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


ROSTER = Roster()
