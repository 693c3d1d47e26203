"""Streams end with their tokens, and whoever was told of leaves with the stream."""

from __future__ import annotations

import asyncio

import pytest

from longwave.auth.grants import Grants
from longwave.auth.revocations import Aspect, Revocation, Revocations
from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.selector import Selector
from longwave.core.subscriber import State
from longwave.hub import Hub
from longwave.server import subscriptions as module
from longwave.server.presence import PresenceNode
from longwave.server.subscriptions import Subscriptions
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time

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

    def attach(self, grants=USER, attendance=None, *, form=Format.CHUNKED, **sink):
        sink = ScriptedSink(**sink)
        subscriber = self.hub.attach(audience_of(["t"]), form, sink, sink.release)
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
            attendance = await presence.join(["t"], None)
            subscriber, _ = stand.attach(Grants(), attendance)
            assert presence.picture.members() == [attendance.member]
            end(subscriber)
            await stand.pass_time(0)
            await stand.pass_time(0.1)
            ends.append(presence.picture.members())
        attendance = await presence.join(["t"], None)
        stand.attach(Grants(), attendance, failure=BrokenPipeError())
        await hub.publish("t", "x")
        await stand.pass_time(0.1)
        await presence.close()

        assert ends == [[], []]
        assert presence.picture.members() == []
