"""Streams end with their tokens, and whoever was told of leaves with the stream."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from longwave.auth.grants import Grants
from longwave.auth.revocations import Aspect, Revocation, Revocations
from longwave.core.audience import audience_of
from longwave.core.drop import Drop
from longwave.core.frame import END_OF_CHUNKS, Format
from longwave.core.selector import Selector
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.delivery import CUT
from longwave.errors import TokenRefused
from longwave.eventstream.event import Event
from longwave.eventstream.parser import Parser
from longwave.hub import Hub
from longwave.server import subscriptions as module
from longwave.server.presence.presence_node import PresenceNode
from longwave.server.subscriptions import Subscriptions
from longwave.server.wire.streams import TransportStream
from scripted_sink import ScriptedSink
from unit.server.wire.memory_transport import MemoryTransport
from virtual_time import in_virtual_time, settle

NOW = 1_800_000_000.0
USER = Grants(subject="user-7", token_id="t", subscribe=(Selector("users/7"),), issued=NOW - 10)


class Stand:
    """A hub with subscriptions; `pass_time` moves both clocks."""

    def __init__(self, hub, presence=None):
        self.hub = hub
        self.time = NOW
        self.revocations = Revocations()
        self.subscriptions = Subscriptions(hub, self.revocations, presence, now=lambda: self.time)

    async def pass_time(self, seconds):
        self.time += seconds
        await asyncio.sleep(seconds)

    def attach(self, grants=USER, attendance=None, *, form=Format.CHUNKED, since="", **sink):
        sink = ScriptedSink(**sink)
        subscriber = self.hub.attach(audience_of(["t"]), form, sink, sink.release, last_event_id=since)
        self.subscriptions.add(subscriber, grants, attendance)
        return subscriber, sink


@pytest.mark.parametrize("left", [60.0, 1000.0])
@in_virtual_time
async def test_stream_ends_cleanly_when_its_token_expires_and_not_before(left, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_TIMER", 300.0)
    async with Hub() as hub:
        stand = Stand(hub)
        subscriber, sink = stand.attach(Grants(expires=NOW + left))
        for part in (0.4, 0.4, 0.19):
            await stand.pass_time(left * part)
            assert subscriber.state is not State.CLOSED
        await stand.pass_time(left * 0.01 + 1)

        assert subscriber.state is State.CLOSED
        assert sink.wire.endswith(b"0\r\n\r\n")
        assert (sink.released, len(stand.subscriptions)) == (1, 0)


@in_virtual_time
async def test_stream_whose_token_expired_meanwhile_ends_at_once():
    async with Hub() as hub:
        subscriber, _ = Stand(hub).attach(Grants(expires=NOW))

        assert subscriber.state is State.CLOSED


@in_virtual_time
async def test_stream_that_is_closed_is_forgotten_with_its_timer():
    async with Hub() as hub:
        stand = Stand(hub)
        subscriber, sink = stand.attach(Grants(expires=NOW + 60))
        hub.delivery.drop(subscriber)
        assert (sink.released, len(stand.subscriptions)) == (1, 0)
        await stand.pass_time(100)

        assert sink.released == 1


@in_virtual_time
async def test_stream_whose_client_left_before_it_was_watched_is_not_kept():
    async with Hub() as hub:
        stand = Stand(hub)
        sink = ScriptedSink()
        subscriber = hub.attach(audience_of(["t"]), Format.BARE, sink, sink.release)
        hub.delivery.drop(subscriber)
        stand.subscriptions.add(subscriber, USER)

        assert (sink.released, len(stand.subscriptions)) == (1, 0)


@pytest.mark.parametrize("step", [1, 2, 1000])
@in_virtual_time
async def test_only_streams_with_a_revoked_token_end(step, monkeypatch):
    monkeypatch.setattr(module, "STEP", step)
    async with Hub() as hub:
        stand = Stand(hub)
        mine = [stand.attach() for _ in range(3)]
        other = stand.attach(Grants(subject="user-8"))
        ended = await stand.subscriptions.end(Revocation(Aspect.SUBJECT, "user-7", NOW))

        assert ended == 3
        assert [subscriber.state for subscriber, _ in mine] == [State.CLOSED] * 3
        assert [sink.wire for _, sink in mine] == [b"0\r\n\r\n"] * 3
        assert other[0].state is State.LIVE


# Clients that lag


async def lagging(stand, form, grants, *, drained=False):
    """One that began to take the first of five events, which it was sent together, and takes no more for now."""
    subscriber, sink = stand.attach(grants, form=form, room=0)
    await stand.hub.append([Update(("t",), Event(f"event {number}")) for number in range(5)])
    await settle()
    sink.room = 7
    stand.hub.delivery.writable(subscriber)
    assert (subscriber.state, len(sink.wire)) == (State.LAGGING, 7)
    if drained:
        stand.hub.delivery.finish(subscriber, b"9\r\nretry: 1\n\r\n" + END_OF_CHUNKS)
    return subscriber, sink


async def ended(stand, reason, expires):
    if reason == "expired":
        await stand.pass_time(expires - stand.time)
    else:
        await stand.subscriptions.end(Revocation(Aspect.SUBJECT, "user-7", NOW))


def events_of(wire, form):
    """The events of a whole stream, which ends properly."""
    stream = b""
    while form is Format.CHUNKED and wire != END_OF_CHUNKS:
        size, _, wire = wire.partition(b"\r\n")
        stream, wire = stream + wire[: int(size, 16)], wire[int(size, 16) + 2 :]
    stream = stream or wire
    assert stream.endswith(b"\n\n")
    return Parser().feed(stream)


@pytest.mark.parametrize(("form", "drained"), [(Format.BARE, False), (Format.CHUNKED, False), (Format.CHUNKED, True)])
@pytest.mark.parametrize("reason", ["expired", "revoked"])
def test_client_that_lags_is_sent_no_event_that_was_not_begun_when_its_token_ceased_to_count(reason, form, drained):
    """What it was not sent it gets when it comes back with another token."""

    @in_virtual_time
    async def run():
        async with Hub() as hub:
            stand = Stand(hub)
            expires = NOW + 20
            subscriber, sink = await lagging(stand, form, replace(USER, expires=expires), drained=drained)
            await ended(stand, reason, expires)
            await hub.publish("t", "after")
            await stand.pass_time(CUT / 2)
            sink.room = None
            hub.delivery.writable(subscriber)
            (event,) = events_of(sink.wire, form)
            _, again = stand.attach(Grants(), form=Format.BARE, since=event.id)
            await settle()

            assert event.data == "event 0"
            assert subscriber.state is State.CLOSED
            assert hub.counters.drops[Drop.ENDED] == 1
            assert [one.data for one in Parser().feed(again.wire)] == [f"event {n}" for n in range(1, 5)] + ["after"]

    run()


@pytest.mark.parametrize("room", [0, 20_000])
@pytest.mark.parametrize("reason", ["expired", "revoked"])
def test_client_that_lags_has_a_second_for_the_event_that_was_begun(reason, room):
    """However fast it takes a large one, which would move the deadline of a stall."""

    @in_virtual_time
    async def run():
        async with Hub() as hub:
            stand = Stand(hub)
            expires = NOW + 20
            subscriber, sink = stand.attach(replace(USER, expires=expires), room=7)
            await hub.publish("t", "x" * 10**6)
            await settle()
            await ended(stand, reason, expires)
            for _ in range(20):
                sink.room = room
                hub.delivery.writable(subscriber)
                await asyncio.sleep(CUT / 10)

            assert subscriber.state is State.CLOSED
            assert len(sink.wire) <= 7 + 11 * room
            assert hub.counters.drops[Drop.STALLED] == 1

    run()


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("reason", ["expired", "revoked"])
def test_stream_on_a_transport_ends_with_what_that_was_handed(reason, paused):
    """Such a one is handed whole payloads; it is closed at once, or after a second if it is stuck."""

    @in_virtual_time
    async def run():
        async with Hub() as hub:
            stand = Stand(hub)
            expires = NOW + 20
            transport, closed = MemoryTransport(asyncio.Protocol()), []
            stream = TransportStream(hub.delivery, transport, lambda: closed.append(hub.delivery.now()))
            audience = audience_of(["t"])
            subscriber = hub.attach(audience, Format.CHUNKED, stream.sink, stream.release)
            stream.bind(subscriber)
            stand.subscriptions.add(subscriber, replace(USER, expires=expires))
            await hub.publish("t", "handed over")
            await settle()
            if paused:
                stream.pause_writing()
                await hub.publish("t", "held")
                await settle()
            await ended(stand, reason, expires)
            since = hub.delivery.now()
            await hub.publish("t", "after")
            await stand.pass_time(2 * CUT)

            assert subscriber.state is State.CLOSED
            assert closed == [since + (CUT if paused else 0)]
            assert b"handed over" in transport.written
            assert b"held" not in transport.written
            assert b"after" not in transport.written
            assert transport.written.endswith(END_OF_CHUNKS) is not paused

    run()


# Streams that are about to begin


@pytest.mark.parametrize(
    ("grants", "reason"),
    [
        (USER, None),
        (Grants(), None),
        (Grants(expires=NOW + 1), None),
        (Grants(expires=NOW), "expired"),
        (Grants(token_id="revoked"), "revoked"),
    ],
)
def test_token_is_looked_at_again_before_its_stream_begins(grants, reason):
    stand = Stand(None)
    stand.revocations.add(Revocation(Aspect.TOKEN, "revoked", NOW), NOW)
    if reason is None:
        stand.subscriptions.check(grants)
        return
    with pytest.raises(TokenRefused) as refused:
        stand.subscriptions.check(grants)

    assert refused.value.reason == reason


@in_virtual_time
async def test_subscriber_that_is_closed_keeps_nothing_of_its_token():
    async with Hub() as hub:
        stand = Stand(hub)
        subscriber, sink = stand.attach()
        hub.delivery.drop(subscriber)

        assert subscriber.release == sink.release


@in_virtual_time
async def test_stream_that_begins_after_its_token_was_revoked_ends_at_once():
    async with Hub() as hub:
        stand = Stand(hub)
        stand.revocations.add(Revocation(Aspect.TOKEN, "t", NOW), NOW)
        subscriber, sink = stand.attach(form=Format.BARE)

        assert subscriber.state is State.CLOSED
        assert sink.wire == b""


@in_virtual_time
async def test_whoever_was_told_of_leaves_however_the_stream_ends():
    presence = PresenceNode(hub := Hub())
    async with hub:
        presence.open()
        stand = Stand(hub, presence)
        ends = []
        for end in (lambda one: hub.delivery.drop(one), lambda one: hub.delivery.finish(one, b"")):
            await presence.join(attendance := presence.attendance(["t"], Grants(), ""))
            subscriber, _ = stand.attach(Grants(), attendance)
            assert presence.picture.members() == [attendance.member]
            end(subscriber)
            await stand.pass_time(0)
            await stand.pass_time(0.1)
            ends.append(presence.picture.members())
        await presence.join(attendance := presence.attendance(["t"], Grants(), ""))
        stand.attach(Grants(), attendance, failure=BrokenPipeError())
        await hub.publish("t", "x")
        await stand.pass_time(0.1)
        await presence.close()

        assert ends == [[], []]
        assert presence.picture.members() == []
