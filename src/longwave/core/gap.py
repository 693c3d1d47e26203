"""A gap: the notice that events between two ids were not delivered, and why.

It travels as an ordinary event of type `gap`, so that a browser's bare EventSource can listen for it. Its
id is the place where delivery goes on, so a client that reconnects is not told twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

from longwave.errors import GapFound
from longwave.eventstream.event import Event

GAP_TYPE = "gap"


class Reason(Enum):
    """Why events were not delivered."""

    EXPIRED = "expired"  # the log does not have them any more
    RESTARTED = "restarted"  # the id is of another life of the log
    SLOW = "slow"  # the subscriber read too slowly, and the log does not have them any more


@dataclass(frozen=True, slots=True)
class Gap:
    """Events after the id `since` and up to the id `until` were not delivered."""

    reason: Reason
    since: str
    until: str

    def event(self) -> Event:
        """Return the notice as an event: data `{"reason": …, "from": …, "to": …}`."""
        data = json.dumps({"reason": self.reason.value, "from": self.since, "to": self.until})
        return Event(data, GAP_TYPE, self.until)


def read_gap(event: Event) -> Gap | None:
    """Return the gap that an event tells; None if it is another event, whatever its type."""
    if event.type != GAP_TYPE:
        return None
    try:
        fields = json.loads(event.data)
        reason, since, until = Reason(fields["reason"]), fields["from"], fields["to"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Gap(reason, since, until) if isinstance(since, str) and isinstance(until, str) else None


def raise_gap(gap: Gap) -> NoReturn:
    """Raise GapFound: what a client is given as `on_gap` where a gap is an error."""
    raise GapFound(gap.reason.value, gap.since, gap.until)
