"""What reaches each client, whatever happens: a seeded walk over a hub with tiny limits, checked against a model.

The walk publishes, subscribes from random ids, lets sinks block, take a few bytes, fail and recover, lets the log
trim, the clock run and single steps of the loop pass, so that passes, replays and joins meet in every order. The
checker knows all that was ever published, reads the bytes that each sink took, and proves for every client:

- ids strictly follow the log: no duplicate, no reordering;
- each update that its audience receives was delivered, or lies within a gap that was announced, and what a gap
  names the log had indeed dropped;
- every byte belongs to a whole frame, a heartbeat or a farewell, except an unfinished end;
- what is held for it stays within the bound.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from dataclasses import dataclass

import pytest

from longwave import delivery, replay_pages
from longwave.core import feed
from longwave.core.audience import Audience, audience_of
from longwave.core.cursor import parse_id
from longwave.core.frame import END_OF_CHUNKS, Format, wrap
from longwave.core.subscriber import State, Subscriber
from longwave.core.update import Update
from longwave.delivery import DeliveryLimits
from longwave.eventstream.encoder import encode, encode_retry
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser
from longwave.hub import Hub
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time, settle

LAG = 400  # bytes
CHUNK = 150  # bytes
LARGEST_FRAME = 700  # bytes
STEPS = 250
FOREIGN = "ffffffff-3"
AUDIENCES = [
    audience_of(["a"]),
    audience_of(["a", "b"]),
    audience_of(["*"]),
    audience_of(["/x/{id}"]),
    audience_of(["*"], ["a"]),
    audience_of(["b", "/x/{id}"], ["*"]),
]
TOPICS = ["a", "b", "c", "/x/1", "/x/2"]


@dataclass
class Client:
    """One connection; `start` is the id that it came with, `last` the log's last position at that moment."""

    audience: Audience
    form: Format
    sink: ScriptedSink
    start: str
    last: int
    subscriber: Subscriber | None = None
    leaving: bool = False
    cut_at: int | None = None  # how many events it had been sent whole

    def seen_so_far(self):
        return len(Parser().feed(self.stream()))

    def stream(self):
        """The event stream that it got; the chunks of HTTP/1.1 must be whole, but for the last."""
        if self.form is Format.EVENT:
            return b"".join(map(encode, self.sink.events))
        if self.form is Format.BARE:
            return self.sink.wire
        return b"".join(self._chunks(self.sink.wire))

    def _chunks(self, wire):
        while wire and wire != END_OF_CHUNKS:
            size, end, rest = wire.partition(b"\r\n")
            if not end or len(rest) < int(size, 16) + 2:
                assert re.fullmatch(rb"[0-9a-f]*\r?", size), "the unfinished end is the start of a chunk"
                return
            length = int(size, 16)
            assert rest[length : length + 2] == b"\r\n"
            assert rest[length - 1 : length] == b"\n", "each chunk holds whole lines"
            yield rest[:length]
            wire = rest[length + 2 :]


class World:
    """A hub over a log that keeps little, its clients, and all that was ever published."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.log = MemoryLog(Retention(events=self.rng.choice([3, 12, 60])), clock=lambda: 0.0)
        limits = DeliveryLimits(lag=LAG, heartbeat=5.0, send_timeout=self.rng.choice([8.0, 200.0]), replays=2)
        self.hub = Hub(self.log, limits)
        self.published = []  # the update at position 1 comes first
        self.positions = {}  # of ids that publishers gave
        self.clients = []
        self.ids_seen = ["earliest", FOREIGN, "never given"]

    # What happens.

    async def step(self):
        steps = [self.publish, self.publish, self.subscribe, self.unblock, self.block, self.loop, self.loop, self.pause]
        rare = [self.fail, self.finish, self.cut, self.drop, self.burst]
        choice = self.rng.choice(rare if self.rng.random() < 0.1 else steps)
        await choice()
        self.check_bounds()

    async def publish(self):
        count = self.rng.choice([1, 1, 2, 5])
        updates = [self._update() for _ in range(count)]
        positions = await self.log.append(updates)
        for position, update in zip(positions, updates, strict=True):
            assert position == len(self.published) + 1
            self.published.append(update)
            if update.event.id:
                self.positions[update.event.id] = position
        self.ids_seen.append(updates[-1].event.id or self._id(positions[-1]))

    async def burst(self):
        for _ in range(20):
            await self.publish()

    def _update(self):
        rng = self.rng
        number = rng.randrange(10**9)
        data = rng.choice(["", "x\ny", "é" * 20, "z" * 100, "w" * 600]) + str(number)
        event = Event(data, rng.choice(["message", "t"]), f"given {number}" if rng.random() < 0.2 else "")
        return Update(tuple(rng.choices(TOPICS, k=rng.randint(1, 2))), event, rng.random() < 0.2)

    async def subscribe(self):
        if len(self._open()) > 12:
            return
        rng = self.rng
        start = "" if rng.random() < 0.4 else rng.choice([*self.ids_seen[-8:], *self.ids_seen[:3], self._id(10**6)])
        sink = ScriptedSink(room=rng.choice([None, None, 0, 5, 300]), on_send=self._spend)
        client = Client(rng.choice(AUDIENCES), rng.choice(list(Format)), sink, start, len(self.published))
        client.subscriber = self.hub.attach(
            client.audience, client.form, sink, sink.release, last_event_id=client.start
        )
        self.clients.append(client)

    async def block(self):
        for client in self._some():
            client.sink.room = 0

    async def unblock(self):
        for client in self._some():
            client.sink.room = self.rng.choice([None, 1, 7, 50, 1000])
            self.hub.delivery.writable(client.subscriber)

    async def fail(self):
        for client in self._some():
            client.sink.failure = BrokenPipeError()

    async def finish(self):
        for client in self._some():
            if client.form is not Format.EVENT:
                client.leaving = True
                farewell = wrap(encode_retry(1000), client.form)
                self.hub.delivery.finish(client.subscriber, farewell)

    async def cut(self):
        for client in self._some():
            client.cut_at = client.seen_so_far()
            farewell = END_OF_CHUNKS if client.form is Format.CHUNKED else b""
            self.hub.delivery.cut(client.subscriber, farewell)

    async def drop(self):
        for client in self._some():
            self.hub.delivery.drop(client.subscriber)

    async def loop(self):
        await settle(self.rng.randint(1, 4))

    async def pause(self):
        await asyncio.sleep(self.rng.choice([0.1, 1.0, 6.0]))

    def _spend(self):
        asyncio.get_running_loop().spend(0.0005)

    def _open(self):
        return [client for client in self.clients if client.subscriber.state is not State.CLOSED]

    def _some(self):
        clients = self._open()
        return self.rng.sample(clients, min(len(clients), self.rng.choice([1, 1, 2])))

    def _id(self, position):
        return f"{self.log.epoch}-{position}"

    # What must hold.

    def check_bounds(self):
        clients = self._open()
        assert self.hub.subscribers == len(clients)
        assert set(self.hub.all_subscribers()) == {client.subscriber for client in clients}
        assert len(self.hub.all_subscribers()) == len(clients)
        for client in clients:
            assert client.subscriber.size_held <= LAG + CHUNK + 2 * LARGEST_FRAME

    async def come_to_rest(self):
        """Let every client that is left take everything."""
        for client in self._open():
            client.sink.failure = None
        for _ in range(200):
            for client in self._open():
                client.sink.room = None
                self.hub.delivery.writable(client.subscriber)
            await settle(10)
        for client in self._open():
            assert client.subscriber.state is State.LIVE

    async def check(self, client):
        first = (await self.log.read(0, 1)).first
        Checker(self, client, first).check(complete=client.subscriber.state is State.LIVE)


class Checker:
    """Reads what one client got and compares it with all that was published."""

    def __init__(self, world, client, first):
        self.world = world
        self.client = client
        self.first = first  # the lowest position that the log still has
        self.seen = self._start()  # the client has got, or was told about, all up to here; None: told at first

    def _start(self):
        start, world = self.client.start, self.world
        if start in ("", "earliest"):
            return None
        cursor = parse_id(start)
        if cursor is not None:
            known = cursor.epoch == world.log.epoch and cursor.position <= len(world.published)
            return cursor.position if known else None
        return world.positions.get(start)

    def check(self, *, complete):
        events = self._events(complete)
        if self.client.cut_at is not None:
            assert len(events) <= self.client.cut_at + 1, "no frame but the one that was begun comes after the cut"
        for event in events:
            if event.type == "gap":
                self._gap(event)
            else:
                self._delivered(event)
        if complete:
            self._reach(len(self.world.published))

    def _events(self, complete):
        stream = self.client.stream()
        if complete:
            assert re.search(rb"(\A|\n\n)(:\n)*\Z", stream), "the stream ends with a whole frame"
        events = Parser().feed(stream)
        expected = [encode(event) for event in events]
        whole = stream[: stream.rfind(b"\n\n") + 2] if events else b""
        assert re.sub(rb"(\A|\n\n)(:\n)+", rb"\1", whole) == b"".join(expected), "only frames and heartbeats between"
        self._unfinished(stream[len(whole) :])
        return events

    def _unfinished(self, end):
        end = re.sub(rb"\A(:\n)+", b"", end)
        if end.startswith(b"retry"):
            assert self.client.leaving
            assert b"retry: 1000\n".startswith(end)
        elif self.client.leaving:
            assert end == b"" or end in b"retry: 1000\n:\n" or end.startswith((b"i", b"e", b"d", b":"))

    def _position(self, event_id):
        cursor = parse_id(event_id)
        if cursor is None:
            return self.world.positions[event_id]
        assert cursor.epoch == self.world.log.epoch
        return cursor.position

    def _missed(self, until):
        """Positions up to `until` that the client should have got and has not, so far."""
        start = self.seen
        if start is None:
            start = 0 if self.client.start == "earliest" else min(self.client.last, until)
        published = self.world.published
        return [
            position
            for position in range(start + 1, until + 1)
            if self.client.audience.receives(published[position - 1])
        ]

    def _reach(self, until):
        if self.seen is None and self.client.start == "earliest":
            assert [position for position in self._missed(until) if position >= self.first] == []
            return
        if self.seen is None:
            assert self.client.start == "", "an id that cannot be placed is told as a gap at first"
        assert self._missed(until) == []

    def _delivered(self, event):
        position = self._position(event.id)
        if self.seen is not None:
            assert position > self.seen, "a duplicate, or out of order"
        self._reach(position - 1)
        update = self.world.published[position - 1]
        assert self.client.audience.receives(update)
        assert (event.data, event.type) == (update.event.data, update.event.type)
        self.seen = position

    def _gap(self, event):
        told = json.loads(event.data)
        until = self._position(told["to"])
        assert event.id == told["to"]
        assert until <= len(self.world.published)
        if told["from"] == self.client.start != "earliest" and self.seen is None:
            expected = "expired" if told["from"] == "never given" else "restarted"
            assert told["reason"] == expected
        else:
            self._gap_between(told, until)
        self.seen = until

    def _gap_between(self, told, until):
        since = self.seen if told["from"] == self.client.start else self._position(told["from"])
        if self.seen is not None:
            assert since >= self.seen
            assert [position for position in self._missed(until) if position <= since] == []
        given = self.client.start in self.world.positions and told["from"] == self.client.start
        if not given:  # a publisher's id cannot be placed any more once its update is gone
            assert until < self.first, "what a gap names the log has dropped"
            assert self.seen is None or until > self.seen
        assert told["reason"] in ("expired", "slow")


@pytest.fixture(autouse=True)
def tiny_limits(monkeypatch):
    """The figures are tuned for speed; small ones let a short walk meet each bound."""
    monkeypatch.setattr(delivery, "BATCH", 1)
    monkeypatch.setattr(delivery, "SLICE", 0.001)
    monkeypatch.setattr(delivery, "MAX_PENDING", 2000)
    monkeypatch.setattr(feed, "MAX_CHUNK", CHUNK)
    monkeypatch.setattr(replay_pages, "MAX_CHUNK", CHUNK)
    monkeypatch.setattr(replay_pages, "PAGE", 4)
    monkeypatch.setattr(replay_pages, "PAGES", 3)
    monkeypatch.setattr(replay_pages, "CHUNKS_SIZE", 2000)


@pytest.mark.parametrize("seed", range(60))
def test_every_client_gets_all_that_it_should_or_is_told(seed):
    @in_virtual_time
    async def walk():
        world = World(seed)
        async with world.hub:
            for _ in range(STEPS):
                await world.step()
            await world.come_to_rest()
            for client in world.clients:
                await world.check(client)
        assert all(client.sink.released == 1 for client in world.clients)

    walk()
