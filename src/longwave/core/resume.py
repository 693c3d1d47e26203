"""Where a subscription starts, given the last event id that the client sent.

Not here: looking an id up (logs/), what a client is told of it (known_ids.py), noticing that what comes after it was
trimmed (replay.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from longwave.core.cursor import EARLIEST, parse_id
from longwave.core.gap import Reason


@dataclass(frozen=True, slots=True)
class Start:
    """The decision.

    position: replay what lies after it; None: live from now on.
    gap: why, then: what the client missed cannot be told.
    """

    position: int | None
    gap: Reason | None = None


class Resumption(NamedTuple):
    """A client's return.

    sent: the last event id that it has, "" for none. told: the one that its response names.
    gap: why its place is lost, if it is. position: it gets what lies after it; None: that has to be looked for yet.
    """

    sent: str = ""
    told: str = ""
    gap: Reason | None = None
    position: int | None = None


NOWHERE = Resumption()  # the client sent no id


def start_after(event_id: str, *, located: int | None, last: int) -> Start:
    """Decide where to start after `event_id`.

    located: the position the log found for the id, if any; last: the log's last position.
    An id that the log never gave out, or a publisher's own whose update it has dropped, cannot be placed: what
    follows is live.
    """
    if event_id == EARLIEST:
        return Start(0)
    if located is not None and located <= last:
        return Start(located)
    if parse_id(event_id) is not None:
        return Start(None, Reason.RESTARTED)
    return Start(None, Reason.EXPIRED)
