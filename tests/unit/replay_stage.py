"""A log, a delivery and the replays between them: the stage on which the tests of replay play.

Frames that go round the log are pushed by hand, so that each test says how far the feeds are. `Stage` is for use in
`async with`, in virtual time. Not here: what is asked of them.
"""

from __future__ import annotations

import json

from controlled_log import ControlledLog
from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import Format, frame
from longwave.core.resume import Resumption
from longwave.core.subscriber import Subscriber
from longwave.core.update import Update
from longwave.delivery import Delivery, DeliveryLimits
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser
from longwave.replay import Replays
from scripted_sink import ScriptedSink


class Stage:
    """A log, a delivery and the replays between them; `head` is how far feeds are."""

    def __init__(self, events=1000, replays=64):
        self.log = ControlledLog(events)
        self.head = 0
        self.delivery = Delivery(
            DeliveryLimits(lag=1000, replays=replays),
            behind=lambda subscriber: self.replays.behind(subscriber),
            drained=lambda subscriber: self.replays.drained(subscriber),
            closed=lambda subscriber: self.replays.forget(subscriber),
        )
        self.replays = Replays(self.log, self.delivery, lambda _: self.head)
        self.feeds = {}

    async def __aenter__(self):
        await self.log.open()
        self.delivery.open()
        return self

    async def __aexit__(self, *_):
        await self.replays.close()
        self.delivery.close()
        await self.log.close()

    async def append(self, count=1, topic="a", data="x", event_id=""):
        return await self.log.append([Update((topic,), Event(data, id=event_id)) for _ in range(count)])

    async def publish(self, count=1, topic="a", data="x"):
        """Append, and hand it to the feeds."""
        for position in await self.append(count, topic, data):
            await self.hand_over(position)

    async def hand_over(self, position):
        page = await self.log.read(position - 1, 1)
        for feed in self.feeds.values():
            if feed.audience.receives(page.entries[0].update):
                self.delivery.push(feed, position - 1, frame(page.entries[0].update.event, feed.form))
        self.head = position
        self.replays.advanced()

    def feed(self, *selectors):
        return self.feeds.setdefault(selectors, Feed(audience_of(selectors), Format.BARE))

    def resume(self, last_event_id="", *, sink=None, selectors=("a",), opening=b"", resumption=None):
        feed = self.feed(*selectors)
        sink = sink or ScriptedSink()
        subscriber = Subscriber(feed, sink, sink.release, self.delivery.now())
        feed.set_apart(subscriber)
        self.replays.resume(subscriber, resumption or Resumption(last_event_id), opening)
        return subscriber

    def id(self, position):
        return f"{self.log.epoch}-{position}"


def got(subscriber):
    """Positions, and gaps as (reason, from, to) with positions for ids of the log."""
    found = []
    for event in Parser().feed(subscriber.sink.wire):
        if event.type == "gap":
            told = json.loads(event.data)
            assert event.id == told["to"]
            found.append((told["reason"], short(told["from"]), short(told["to"])))
        else:
            found.append(short(event.id))
    return found


def short(event_id):
    _, _, position = event_id.partition("-")
    return int(position) if position.isdigit() and not event_id.startswith("ffffffff") else event_id


def outcomes(stage):
    return {outcome.value: count for outcome, count in stage.delivery.counters.replays.items() if count}


def gaps(stage):
    return {reason.value: count for reason, count in stage.delivery.counters.gaps.items() if count}
