"""Default event ids, and what a client's last event id means to a log.

An id names the epoch (one life of a log) and the position in it, as in `c3f9a2b1-1042`, so a resume
against a log that was lost is recognised. Only `EPOCH_LENGTH` lower-case hexadecimal digits, a hyphen and
decimal digits without leading zeros are read as a default id; any other id is a publisher's own.
"""

from __future__ import annotations

import re
from typing import NamedTuple

EARLIEST = "earliest"  # reserved last event id: everything that the log still has
EPOCH_LENGTH = 8
MAX_POSITION = 2**63 - 1  # what SQLite and most databases hold

_DEFAULT_ID = re.compile(rf"([0-9a-f]{{{EPOCH_LENGTH}}})-(0|[1-9][0-9]{{0,18}})")


class Cursor(NamedTuple):
    """A place in one life of a log: everything up to and including `position` was seen."""

    epoch: str
    position: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.position}"


def parse_id(event_id: str) -> Cursor | None:
    """Return the cursor that a default id names, or None for a publisher's own id."""
    match = _DEFAULT_ID.fullmatch(event_id)
    if match is None:
        return None
    position = int(match[2])
    return Cursor(match[1], position) if position <= MAX_POSITION else None
