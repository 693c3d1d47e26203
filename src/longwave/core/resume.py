"""Where a subscription starts, given the last event id that the client sent.

Not here: looking an id up (logs/), noticing that what comes after it was trimmed (replay.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from longwave.core.cursor import EARLIEST, parse_id
from longwave.core.gap import Reason


@dataclass(frozen=True, slots=True)
class Start:
    """The decision.

    position: replay what lies after it; None means live from now on.
    gap: why what the client missed cannot be told, if so.
    """

    position: int | None
    gap: Reason | None = None


LIVE = Start(None)


def start_after(event_id: str, *, located: int | None, last: int) -> Start:
    """Decide where to start after `event_id`.

    located: the position the log found for the id, if any; last: the log's last position.
    An id that the log never gave out, or a publisher's own whose update it has dropped, cannot be placed: what
    follows is live.
    """
    if not event_id:
        return LIVE
    if event_id == EARLIEST:
        return Start(0)
    if located is not None and located <= last:
        return Start(located)
    if parse_id(event_id) is not None:
        return Start(None, Reason.RESTARTED)
    return Start(None, Reason.EXPIRED)
