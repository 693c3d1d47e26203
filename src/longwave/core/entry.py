"""An entry: an update with its place in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.core.update import Update


@dataclass(frozen=True, slots=True)
class Entry:
    """One update at one position.

    position: 1 for the first update of a log's life; each next one is one more, without holes.
    update: the update; `update.event.id` is never empty.
    """

    position: int
    update: Update
