"""The hub: what an application holds to publish and to subscribe.

Not here: HTTP (server/, transports/), the loop that sends (delivery.py), replay (replay.py), following
the log (lane.py), storage (logs/).
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from longwave.core.audience import Audience, audience_of
from longwave.core.census import Census, take_census
from longwave.core.cursor import Cursor
from longwave.core.drop import Drop
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.core.resume import NOWHERE, Resumption
from longwave.core.subscriber import Sink, State, Subscriber
from longwave.core.update import Update, check_publishable, text_of, topics_of
from longwave.delivery import Delivery, DeliveryLimits
from longwave.errors import HubClosed, InvalidValue
from longwave.eventstream.event import DEFAULT_TYPE, Event
from longwave.known_ids import KnownIds
from longwave.lane import Costs, Lane
from longwave.logs.address import open_address
from longwave.logs.retention import Retention
from longwave.notes import Notes
from longwave.replay import Replays
from longwave.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from types import TracebackType

    from longwave.core.entry import Entry
    from longwave.logs.base import Log

PROMPT_AUDIENCE = 50  # cost of an audience that may be matched before others are served; see `Audience.cost`
PROMPT_TOTAL = 2000  # of all such audiences together: 2 ms for a new topic of 100 characters
PROMPT = Costs(PROMPT_AUDIENCE, PROMPT_TOTAL)
LIGHT_AUDIENCE = 5
# Who finds no room in the prompt lane waits for others who ask for about as much, and not for those who ask for more.
BESIDE = (Costs(LIGHT_AUDIENCE), Costs(PROMPT_AUDIENCE), Costs())
REST = 0.001  # seconds between two steps of these, so that together they have a third of the processor at most

NO_FEED = Feed(Audience(()), Format.CHUNKED)  # of subscribers that are closed


class Hub:
    """Publishes and subscribes over one log; belongs to the event loop that it is first used in.

        async with Hub("sqlite:events.db") as hub:
            await hub.publish("greetings", "hello")

    log: an address (`memory:`, `sqlite:PATH`) or a Log.
    limits: bounds for subscribers.
    retention: how much the log at an address keeps; a Log has its own.
    counters: what it has done so far; add refusals to them, and nothing else.

    It opens itself at first use. All methods raise HubClosed after `close`.
    """

    def __init__(
        self, log: str | Log = "memory:", limits: DeliveryLimits | None = None, *, retention: Retention | None = None
    ) -> None:
        self.log = open_address(log, retention=retention or Retention()) if isinstance(log, str) else log
        self.delivery = Delivery(
            limits or DeliveryLimits(), behind=self._behind, drained=self._drained, closed=self._closed
        )
        self.counters = self.delivery.counters
        self._feeds: dict[tuple[Audience, Format], Feed] = {}
        self.notes = Notes(self.log, lambda: self._prompt.head)
        self._prompt = self._lane(PROMPT, self.notes.take, partial(asyncio.sleep, 0))
        self._lanes = [self._prompt, *(self._lane(most, self._wait_for_note, self._rest) for most in BESIDE)]
        self._lane_beside: dict[Feed, Lane] = {}  # of feeds that are not in the prompt one
        self._turn = asyncio.Lock()  # of the lanes beside it
        self._replays = Replays(self.log, self.delivery, self._head_of)
        self.known_ids = KnownIds(self.log, lambda: self._prompt.head, self.delivery.now, self.counters)
        self._log_is_open = False
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
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
        if self._prompt.started:
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
        self._prompt.head = (await self.log.read(0, 1)).last
        await self.notes.recall()
        self.delivery.open()
        self._prompt.start(self._prompt.head)

    async def close(self) -> None:
        """End all subscriptions and close the log; safe to call again. Once begun it is finished, if cancelled too."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        for subscriber in self.all_subscribers():
            self.delivery.drop(subscriber, Drop.CLOSED)
        if self._prompt.started:
            self.delivery.close()
        for lane in self._lanes:
            await lane.close()
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
        type, id, retry: of the event; an empty id lets the log choose one. Not the type `gap`, nor the id `earliest`.
        private: for subscribers with a grant only.

        Raises InvalidValue, DuplicateId, LogUnavailable; nothing was published then.
        """
        update = Update(topics_of(topic), Event(text_of(data), type, id, retry), private)
        return (await self.append([update]))[0]

    async def append(self, updates: Sequence[Update]) -> list[str]:
        """Publish all updates or none and return their ids once they are durable. Raises as `publish`."""
        for update in updates:
            check_publishable(update.event)
        if not self._prompt.started or self._closing is not None:
            await self.open()
        began = perf_counter()
        positions = await self.log.append(updates)
        if positions:
            self._count_append(positions, began, perf_counter() - began)
        epoch = self.log.epoch
        return [
            update.event.id or str(Cursor(epoch, position)) for update, position in zip(updates, positions, strict=True)
        ]

    def _count_append(self, positions: Sequence[int], began: float, seconds: float) -> None:
        counters = self.counters
        counters.publishes += len(positions)
        counters.append.observe(seconds)
        if self._feeds:
            # Tails were told, but passes are for the loop's next round, so this call is in time for the first of them.
            self.delivery.first_writes.appended(positions[0], began)

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
        resumption: Resumption = NOWHERE,
        opening: bytes = b"",
    ) -> Subscriber:
        """Start to feed a sink; for transports. The hub must be open. Raises HubClosed.

        last_event_id: as for `subscribe`. resumption: what `known_ids` found for it, instead.
        opening: sent before anything else, in one write with what is replayed at once, if anything is.
        release: called once, when the subscriber is closed, by `delivery.drop` or because the sink failed.
        """
        self._check_not_closed()
        feed = self._feed(audience, form)
        subscriber = Subscriber(feed, sink, release, self.delivery.now())
        self.subscribers += 1
        self.counters.subscriptions += 1
        if form is not Format.EVENT:
            self.delivery.watch(subscriber)
        feed.set_apart(subscriber)
        if last_event_id:
            resumption = Resumption(last_event_id)
        if resumption.sent:
            self._replays.resume(subscriber, resumption, opening)
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
        if feed is not None:
            return str(Cursor(self.log.epoch, feed.floor(self._head_of(feed))))
        lane = self._lane_for(audience)
        return str(Cursor(self.log.epoch, lane.head if lane.started else self._prompt.head))

    @property
    def is_following(self) -> bool:
        """Whether it is open, and what appears on the log reaches subscribers: not while the log cannot be read."""
        return self._prompt.is_following and self._closing is None

    def census(self) -> Census:
        """Count the subscribers of this moment, and look how far behind the slowest is; some ms for 10,000 feeds."""
        return take_census(self._feeds.values(), self._prompt.head)

    def all_subscribers(self) -> list[Subscriber]:
        """Return those that are not closed, each once."""
        return [member for feed in self._feeds.values() for member in feed.members()]

    def _feed(self, audience: Audience, form: Format) -> Feed:
        feed = self._feeds.get((audience, form))
        if feed is None:
            feed = self._feeds[audience, form] = Feed(audience, form)
            lane = self._lane_for(audience)
            if not lane.started:
                lane.start(self._prompt.head)
            lane.add(feed)
            if lane is not self._prompt:
                self._lane_beside[feed] = lane
        return feed

    # Lanes: audiences that take long to match are matched beside the others, which are not held up by them.

    def _lane(
        self, most: Costs, take_note: Callable[[Entry], Awaitable[None]], rest: Callable[[], Awaitable[None]]
    ) -> Lane:
        return Lane(self.log, self.delivery, self._advanced, take_note=take_note, rest=rest, most=most)

    def _lane_for(self, audience: Audience) -> Lane:
        """Return the lane of a new feed. Exact topics cost nothing, so whoever asks for these is always prompt."""
        cost = audience.cost
        return next(lane for lane in self._lanes if lane.has_room(cost))

    def _lane_of(self, feed: Feed) -> Lane:
        return self._lane_beside.get(feed, self._prompt)

    def _head_of(self, feed: Feed) -> int:
        """Return up to which position the log was handed to a feed."""
        return self._lane_of(feed).head

    async def _wait_for_note(self, entry: Entry) -> None:
        """Wait until it was taken, as it may end streams which must not get what follows."""
        await self._prompt.reach(entry.position)

    async def _rest(self) -> None:
        async with self._turn:
            await asyncio.sleep(REST)

    def _advanced(self) -> None:
        self._replays.advanced()

    def _closed(self, subscriber: Subscriber) -> None:
        self.subscribers -= 1
        self._replays.forget(subscriber)
        feed = subscriber.feed
        if feed.deserted:
            lane = self._lane_of(feed)
            lane.remove(feed)
            if self._lane_beside.pop(feed, None) is not None and not lane.feeds:
                lane.pause()
            del self._feeds[feed.audience, feed.form]
        subscriber.feed = NO_FEED  # others may know the subscriber for a while, and an audience may be large

    def _behind(self, subscriber: Subscriber) -> None:
        self._replays.behind(subscriber)

    def _drained(self, subscriber: Subscriber) -> None:
        self._replays.drained(subscriber)
