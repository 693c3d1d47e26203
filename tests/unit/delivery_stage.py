"""A delivery with one feed, and subscribers in any state: the stage on which the tests of delivery play.

Not here: what is asked of them. `Stage` is for use in `async with`, in virtual time.
"""

from __future__ import annotations

import asyncio

from longwave.core.audience import audience_of
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State, Subscriber
from longwave.delivery import BATCH, SLICE, Delivery, DeliveryLimits
from scripted_sink import ScriptedSink

HEARTBEAT = b":\n"
LIMITS = DeliveryLimits(lag=1000, heartbeat=15.0, send_timeout=30.0)
TICK = 15.0 / 16


class Stage:
    """A delivery with one feed, and what it called back."""

    def __init__(self, limits=LIMITS, form=Format.BARE):
        self.behind = []
        self.drained = []
        self.closed = []
        self.delivery = Delivery(
            limits, behind=self.behind.append, drained=self.drained.append, closed=self.closed.append
        )
        self.delivery.open()
        self.feed = Feed(audience_of(["*"]), form)
        self.position = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.delivery.close()

    def replaying(self, sink=None, feed=None, watch=True):
        sink = sink or ScriptedSink()
        subscriber = Subscriber(feed or self.feed, sink, sink.release, self.delivery.now())
        (feed or self.feed).set_apart(subscriber)
        if watch:
            self.delivery.watch(subscriber)
        return subscriber

    def live(self, sink=None, feed=None, watch=True):
        subscriber = self.replaying(sink, feed, watch)
        subscriber.feed.join(subscriber)
        return subscriber

    def in_state(self, state, sink=None):
        """Bring a subscriber into a state on the ways that the product has; it holds something where it can."""
        subscriber = self.replaying(sink or ScriptedSink())
        if state is State.REPLAYING:
            return subscriber
        self.feed.join(subscriber)
        if state in (State.LAGGING, State.BEHIND, State.CLOSING):
            subscriber.hold(b"held\n\n", self.delivery.now() + 30)
            self.feed.fell_short(subscriber)
            subscriber.sink.room = 0
        if state is State.BEHIND:
            self.feed.push(self.position, b"x" * 1000)
            self.feed.hold_for_lagging(self.feed.take(), 1000)
        if state is State.CLOSING:
            self.delivery.finish(subscriber, b"")
        if state is State.CLOSED:
            self.delivery.drop(subscriber)
        assert subscriber.state is state
        return subscriber

    def push(self, frame, feed=None):
        self.delivery.push(feed or self.feed, self.position, frame)
        self.position += 1


def slow_sinks(stage, count, feed=None, cost=1.001 * SLICE / BATCH):
    """Live subscribers whose sends take time: a batch of them takes a slice."""
    loop = asyncio.get_running_loop()
    return [stage.live(ScriptedSink(on_send=lambda: loop.spend(cost)), feed, watch=False).sink for _ in range(count)]


def counted(stage):
    counters = stage.delivery.counters
    return counters.deliveries, counters.bytes_sent


def drops(stage):
    return {reason: count for reason, count in stage.delivery.counters.drops.items() if count}
