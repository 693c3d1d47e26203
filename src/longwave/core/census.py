"""A census: the subscribers of this moment by state, and how far behind the slowest is.

Not here: what was counted over time (counters.py).

Rule: it looks only at those subscribers that do not keep up, one by one; those that do are counted by the feed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.core.frame import Format
from longwave.core.subscriber import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from longwave.core.feed import Feed
    from longwave.core.subscriber import Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """What was found.

    subscribers: how many there are in each state; all states but CLOSED. feeds: different audiences and formats.
    position: up to where the log was handed to feeds.
    lag: positions of the log that the slowest of those that are fed from it still lacks.
    held_bytes: the most that is held for one subscriber on a wire. held_events: for one in this process.
    """

    subscribers: Mapping[State, int]
    feeds: int
    position: int
    lag: int
    held_bytes: int
    held_events: int


def take_census(feeds: Iterable[Feed], head: int) -> Census:
    """Look at all feeds; head: up to where the log was handed to them."""
    feeds = list(feeds)
    lagging = [subscriber for feed in feeds if feed.lagging for subscriber in feed.lagging]
    apart = [subscriber for feed in feeds if feed.apart for subscriber in feed.apart]
    states = [subscriber.state for subscriber in apart]
    fed_from_log = (subscriber.position for subscriber in apart if subscriber.state is not State.CLOSING)
    return Census(
        subscribers={
            State.LIVE: sum(len(feed.live) for feed in feeds),
            State.LAGGING: len(lagging),
            **{state: states.count(state) for state in (State.BEHIND, State.REPLAYING, State.CLOSING)},
        },
        feeds=len(feeds),
        position=head,
        lag=max(0, head - min(fed_from_log, default=head)),
        held_bytes=_most_held(lagging + apart, on_wire=True),
        held_events=_most_held(lagging + apart, on_wire=False),
    )


def _most_held(subscribers: Iterable[Subscriber], *, on_wire: bool) -> int:
    held = (each.size_held for each in subscribers if (each.feed.form is not Format.EVENT) is on_wire)
    return max(held, default=0)
