"""What follows a revocation on the log is for none whose token it revokes, whoever wrote either."""

from __future__ import annotations

import asyncio

import pytest

from longwave.auth.grants import Grants
from longwave.auth.revocation_note import revocation_note
from longwave.auth.revocations import Aspect, Revocation, Revocations
from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.hub import Hub
from longwave.server import subscriptions as subscriptions_module
from longwave.server.revoking import Revoking
from longwave.server.subscriptions import Subscriptions
from scripted_sink import ScriptedSink
from virtual_time import in_virtual_time, settle

NOW = 1_800_000_000.0
REVOCATION = Revocation(Aspect.SUBJECT, "user-7", NOW)
REVOKED, OTHER = Grants(subject="user-7"), Grants(subject="user-8")
COSTLY = [f"{{+a}}{{b{number}}}" for number in range(100)]
AUDIENCES = {"prompt": audience_of(["t"]), "costly": audience_of(["t", *COSTLY])}


class Stand:
    """A hub that revokes, and ends one stream in each round of the loop."""

    def __init__(self, hub):
        self.hub = hub
        revocations = Revocations()
        self.subscriptions = Subscriptions(hub, revocations, now=lambda: NOW)
        self.revoking = Revoking(hub, revocations, self.subscriptions, now=lambda: NOW)

    def attach(self, kind, grants, since=""):
        sink = ScriptedSink()
        subscriber = self.hub.attach(AUDIENCES[kind], Format.BARE, sink, sink.release, last_event_id=since)
        self.subscriptions.add(subscriber, grants)
        return subscriber, sink


@pytest.fixture(autouse=True)
def slowly(monkeypatch):
    monkeypatch.setattr(subscriptions_module, "STEP", 1)


def update(data):
    return Update(("t",), Event(data))


def data_of(sink):
    return [line.removeprefix(b"data: ").decode() for line in sink.wire.split(b"\n") if line.startswith(b"data: ")]


@pytest.mark.parametrize("since", ["", "earliest"])
@pytest.mark.parametrize("kind", AUDIENCES)
def test_update_after_a_revocation_on_the_log_reaches_no_revoked_stream(kind, since):
    """They came together from another worker, so that the hub has both before it has ended any stream."""

    @in_virtual_time
    async def run():
        async with Hub() as hub:
            stand = Stand(hub)
            mine = [stand.attach(kind, REVOKED, since) for _ in range(50)]
            other = stand.attach(kind, OTHER, since)
            await hub.publish("t", "first")  # from now on it is known whom the topic is for
            await asyncio.sleep(1)
            note = revocation_note([REVOCATION]).update()
            await hub.log.append([update("before"), note, update("after")])
            await asyncio.sleep(1)

            assert all(subscriber.state is State.CLOSED for subscriber, _ in mine)
            assert all(data_of(sink) in (["first"], ["first", "before"]) for _, sink in mine)
            assert other[0].state is State.LIVE
            assert data_of(other[1]) == ["first", "before", "after"]

    run()


@in_virtual_time
async def test_update_after_a_revocation_that_this_hub_began_itself_waits_for_its_end():
    """It applies the revocation as soon as that is on the log, so the note says nothing new, and ends no stream."""
    async with Hub() as hub:
        stand = Stand(hub)
        mine = [stand.attach("prompt", REVOKED) for _ in range(50)]
        stand.revoking._apply(REVOCATION)
        await hub.log.append([revocation_note([REVOCATION]).update(), update("after")])
        await asyncio.sleep(1)

        assert [data_of(sink) for _, sink in mine] == [[]] * 50


@in_virtual_time
async def test_who_revokes_is_told_when_the_streams_are_ended():
    async with Hub() as hub:
        stand = Stand(hub)
        mine = [stand.attach("prompt", REVOKED) for _ in range(5)]

        assert await stand.revoking.revoke(REVOCATION) == 5
        assert all(subscriber.state is State.CLOSED for subscriber, _ in mine)


@in_virtual_time
async def test_streams_that_are_being_ended_are_ended_before_revoking_is_closed():
    async with Hub() as hub:
        stand = Stand(hub)
        stand.revoking.open()
        mine = [stand.attach("prompt", REVOKED) for _ in range(5)]
        stand.revoking._apply(REVOCATION)
        await stand.revoking.close()
        await settle()

        assert all(subscriber.state is State.CLOSED for subscriber, _ in mine)
