"""The hub: what an application holds to publish and to subscribe.

Not here: HTTP (server/, transports/), the loop that sends (delivery.py), replay (replay.py), storage (logs/).
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from longwave.core.audience import Audience, audience_of
from longwave.core.cursor import Cursor
from longwave.core.feed import Feed
from longwave.core.frame import Format, Frames, frame
from longwave.core.gap import Gap, Reason
from longwave.core.index import FeedIndex
from longwave.core.subscriber import Sink, State, Subscriber
from longwave.core.update import Update, text_of, topics_of
from longwave.delivery import Delivery, DeliveryLimits
from longwave.errors import HubClosed, InvalidValue, LogUnavailable
from longwave.eventstream.event import DEFAULT_TYPE, Event
from longwave.logs.address import open_address
from longwave.logs.retention import Retention
from longwave.replay import Replays
from longwave.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from longwave.core.entry import Entry
    from longwave.logs.base import Log

logger = logging.getLogger("longwave.hub")

FOLLOW_AGAIN_AFTER = 1.0  # seconds, when the log could not be followed


class Hub:
    """Publishes and subscribes over one log; belongs to the event loop that it is first used in.

        async with Hub("sqlite:events.db") as hub:
            await hub.publish("greetings", "hello")

    log: an address (`memory:`, `sqlite:PATH`) or a Log.
    limits: bounds for subscribers.
    retention: how much the log at an address keeps; a Log has its own.

    It opens itself at first use. All methods raise HubClosed after `close`.
    """

    def __init__(
        self, log: str | Log = "memory:", limits: DeliveryLimits | None = None, *, retention: Retention | None = None
    ) -> None:
        self.log = open_address(log, retention=retention or Retention()) if isinstance(log, str) else log
        self.delivery = Delivery(
            limits or DeliveryLimits(), behind=self._behind, drained=self._drained, closed=self._closed
        )
        self._feeds: dict[tuple[Audience, Format], Feed] = {}
        self._index = FeedIndex()
        self._replays = Replays(self.log, self.delivery, lambda: self._head)
        self._log_is_open = False
        self._opening: asyncio.Task[None] | None = None
        self._follower: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._head = 0
        self.subscribers = 0

    async def __aenter__(self) -> Hub:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Life.

    async def open(self) -> None:
        """Open the log and follow it; safe to call again. Raises LogUnavailable; then try again."""
        self._check_not_closed()
        if self._follower is not None:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.get_running_loop().create_task(self._open())
        # Others may wait for the same opening, so the one that is cancelled does not cancel it.
        await asyncio.shield(self._opening)
        self._check_not_closed()

    def _check_not_closed(self) -> None:
        if self._closing is not None:
            raise HubClosed("expected an open hub, got one that was closed")

    async def _open(self) -> None:
        if not self._log_is_open:
            await self.log.open()
            self._log_is_open = True
        self._head = (await self.log.read(0, 1)).last
        self.delivery.open()
        self._follower = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """End all subscriptions and close the log; safe to call again. Once begun it is finished, if cancelled too."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        for subscriber in self.all_subscribers():
            self.delivery.drop(subscriber)
        if self._follower is not None:
            self.delivery.close()
            self._follower.cancel()
            await asyncio.wait([self._follower])
        await self._replays.close()
        await self.log.close()

    # Publishing.

    async def publish(
        self,
        topic: str | Iterable[str],
        data: object = "",
        *,
        type: str = DEFAULT_TYPE,
        id: str = "",
        private: bool = False,
        retry: int | None = None,
    ) -> str:
        """Publish one update and return its id once it is durable, as the log is configured.

        topic: one topic or several; the first is the canonical one.
        data: a str goes as it is, anything else as JSON.
        type, id, retry: of the event; an empty id lets the log choose one.
        private: for subscribers with a grant only.

        Raises InvalidValue, DuplicateId, LogUnavailable; nothing was published then.
        """
        update = Update(topics_of(topic), Event(text_of(data), type, id, retry), private)
        return (await self.append([update]))[0]

    async def append(self, updates: Sequence[Update]) -> list[str]:
        """Publish all updates or none and return their ids once they are durable. Raises as `publish`."""
        if self._follower is None or self._closing is not None:
            await self.open()
        positions = await self.log.append(updates)
        epoch = self.log.epoch
        return [
            update.event.id or str(Cursor(epoch, position)) for update, position in zip(updates, positions, strict=True)
        ]

    # Subscribing.

    def subscribe(self, *selectors: str, last_event_id: str = "") -> Subscription:
        """Subscribe to all updates that match any of the selectors, private ones too.

            async with hub.subscribe("news", "weather/{city}") as events:
                async for event in events: ...

        last_event_id: "" for live only, an id to go on after it, `earliest` for all that the log keeps.
        Raises InvalidValue.
        """
        if not selectors:
            raise InvalidValue("selector", "expected at least one, got none")
        audience = audience_of(selectors, ("*",))

        async def start(subscription: Subscription) -> Subscriber:
            await self.open()
            return self.attach(audience, Format.EVENT, subscription, subscription.release, last_event_id=last_event_id)

        return Subscription(start, self.delivery)

    def attach(
        self,
        audience: Audience,
        form: Format,
        sink: Sink,
        release: Callable[[Subscriber], None],
        *,
        last_event_id: str = "",
        opening: bytes = b"",
    ) -> Subscriber:
        """Start to feed a sink; for transports. The hub must be open. Raises HubClosed.

        opening: sent before anything else, in one write with what is replayed at once, if anything is.
        release: called once, when the subscriber is closed, by `delivery.drop` or because the sink failed.
        """
        self._check_not_closed()
        feed = self._feed(audience, form)
        subscriber = Subscriber(feed, sink, release, self.delivery.now())
        self.subscribers += 1
        if form is not Format.EVENT:
            self.delivery.watch(subscriber)
        feed.set_apart(subscriber)
        if last_event_id:
            self._replays.resume(subscriber, last_event_id, opening)
            return subscriber
        if opening:
            self.delivery.write(subscriber, opening)
        if subscriber.state is State.REPLAYING:  # its client is still there
            feed.join(subscriber)
        return subscriber

    def live_id(self, audience: Audience, form: Format) -> str:
        """Return the id after which a subscriber that joins now, without a last event id, is fed. Raises HubClosed."""
        self._check_not_closed()
        feed = self._feeds.get((audience, form))
        return str(Cursor(self.log.epoch, feed.floor(self._head) if feed is not None else self._head))

    def all_subscribers(self) -> list[Subscriber]:
        """Return those that are not closed, each once."""
        return [member for feed in self._feeds.values() for member in feed.members()]

    def _feed(self, audience: Audience, form: Format) -> Feed:
        feed = self._feeds.get((audience, form))
        if feed is None:
            feed = self._feeds[audience, form] = Feed(audience, form)
            self._index.add(feed)
        return feed

    def _closed(self, subscriber: Subscriber) -> None:
        self.subscribers -= 1
        self._replays.forget(subscriber)
        feed = subscriber.feed
        if feed.deserted:
            self._index.remove(feed)
            del self._feeds[feed.audience, feed.form]

    def _behind(self, subscriber: Subscriber) -> None:
        self._replays.behind(subscriber)

    def _drained(self, subscriber: Subscriber) -> None:
        self._replays.drained(subscriber)

    # Following the log.

    async def _follow(self) -> None:
        """Hand to feeds whatever appears on the log, whoever appended it."""
        while True:
            try:
                async for entries in self.log.tail(self._head):
                    await self._deliver_all(entries)
                return
            except LogUnavailable as error:
                logger.warning("cannot follow the log, trying again in %g s: %s", FOLLOW_AGAIN_AFTER, error)
                await asyncio.sleep(FOLLOW_AGAIN_AFTER)

    async def _deliver_all(self, entries: Iterable[Entry]) -> None:
        """Deliver entries that follow each other as fast as there is room for them."""
        for entry in entries:
            if self.delivery.full:
                await self.delivery.room()
            self._deliver(entry)
        self._replays.advanced()

    def _deliver(self, entry: Entry) -> None:
        if entry.position > self._head + 1:
            self._deliver_gap(entry.position - 1)
        frames = Frames(entry)
        for feed in self._index.find(entry.update):
            self.delivery.push(feed, entry.position - 1, frames.get(feed.form))
        self._head = entry.position

    def _deliver_gap(self, until: int) -> None:
        """Tell everybody that this hub was too slow for the log's retention."""
        epoch = self.log.epoch
        event = Gap(Reason.SLOW, str(Cursor(epoch, self._head)), str(Cursor(epoch, until))).event()
        for feed in self._feeds.values():
            self.delivery.push(feed, self._head, frame(event, feed.form))
