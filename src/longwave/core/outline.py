"""An outline: what of an entry decides who may see it, without its data, which may be large.

Not here: the entry itself (core/entry.py), who may see what (core/audience.py).
"""

from __future__ import annotations

from typing import NamedTuple


class Outline(NamedTuple):
    """One entry's place, id (never empty) and topics."""

    position: int
    id: str
    topics: tuple[str, ...]
