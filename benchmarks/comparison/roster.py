"""The roster: all peers of the comparison by name, in the order of the report.

Not here: what a peer is (peer.py), the peers (one folder each).
Rule that always holds: a peer is loaded when it is asked for, not before.

    ROSTER["nchan"].missing()
    companions(["longwave", "nchan"])
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

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
        peer: Peer = _load(name).PEER
        return peer

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


def companions(names: Collection[str]) -> tuple[Peer, ...]:
    """Return the peers that come along with these: the floor of comebacks, and with Longwave its workers.

    They are not in the roster, as they have a part only in scenarios that name them.
    """
    workers: tuple[Peer, ...] = _load("longwave").WORKERS if "longwave" in names else ()
    return (_load("bare_replay").PEER, *workers)


def _load(folder: str) -> ModuleType:
    return import_module(f"benchmarks.comparison.{folder}.launcher")


ROSTER = Roster()
