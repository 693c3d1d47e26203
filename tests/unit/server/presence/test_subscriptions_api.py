"""Who is told that nothing has changed has what would be listed: after a note too, which has no event."""

from __future__ import annotations

import asyncio
import json

import pytest

from controlled_log import ControlledLog
from longwave.auth.grants import Grants
from longwave.core.member import Member
from longwave.core.node_note import NodeNote
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.hub import Hub
from longwave.server.presence.presence_node import PresenceNode
from longwave.server.presence.subscriptions_api import SubscriptionsApi
from longwave.transports.exchange import Request, Response
from virtual_time import in_virtual_time, settle

PATH = "/.well-known/mercure/subscriptions"


class SharedLog:
    """A log that others read, too."""

    def __init__(self, log):
        self._log = log

    def __getattr__(self, name):
        return getattr(self._log, name)


class Stand:
    """A hub over a log that others write notes to, and what its API answers."""

    def __init__(self, log=None):
        self.log = log or ControlledLog()
        self.hub = Hub(SharedLog(self.log))
        self.presence = PresenceNode(self.hub)
        self.api = SubscriptionsApi(self.hub, self.presence)

    async def note(self, **said):
        await self.hub.append([NodeNote(node="other", by="other", **said).note().update()])
        await settle()

    async def publish(self, event_id=""):
        await self.hub.append([Update(("news",), Event("x", id=event_id))])
        await settle()

    async def get(self, tag=None, path=PATH):
        headers = () if tag is None else ((b"if-none-match", tag.encode()),)
        answer = self.api.answer(Request("GET", path, headers=headers))
        return answer if isinstance(answer, Response) else await answer


def listed(answer):
    document = json.loads(answer.body)
    assert dict(answer.headers)[b"ETag"].decode() == document["lastEventID"]
    return [(item["topic"], item["subscriber"]) for item in document["subscriptions"]]


def tag_of(answer):
    return dict(answer.headers)[b"ETag"].decode()


@in_virtual_time
async def test_change_without_an_event_is_listed_whatever_the_client_has():
    """As when a hub tells again of members that this one has forgotten, or could not read."""
    stand = Stand()
    async with stand.hub:
        empty = await stand.get()
        assert (listed(empty), tag_of(empty)) == ([], "earliest")
        assert (await stand.get("earliest")).status == 304
        await stand.note(joined=(Member("urn:1", ("t",)),))
        for path in (PATH, f"{PATH}/t"):
            assert listed(await stand.get("earliest", path)) == [("t", "urn:1")]
        await stand.publish()
        full = await stand.get()
        assert (await stand.get(tag_of(full))).status == 304
        await stand.note(left=("urn:1",))
        assert listed(await stand.get(tag_of(full))) == []


@in_virtual_time
async def test_note_that_changes_nothing_is_no_change():
    stand = Stand()
    async with stand.hub:
        await stand.note(joined=(Member("urn:1", ("t",)),))
        await stand.publish()
        tag = tag_of(await stand.get())
        await stand.note(asks=True)
        await stand.note(joined=(Member("urn:1", ("t",)),))

        assert tag_of(await stand.get()) == tag
        assert (await stand.get(tag)).status == 304


@in_virtual_time
async def test_hubs_that_read_the_same_log_agree_on_what_has_changed():
    """A client may ask one after the other."""
    one = Stand()
    async with one.hub:
        await one.publish()
        await one.note(joined=(Member("urn:1", ("t",)),))
        other = Stand(Kept(one.log))
        async with other.hub:
            assert other.presence.changed_at == one.presence.changed_at == 2
            assert (await other.get(tag_of(await one.get()))).status == 200
            await one.publish()
            assert (await other.get(tag_of(await one.get()))).status == 304


class Kept(SharedLog):
    """A log that another hub opens and closes."""

    async def open(self):
        pass

    async def close(self):
        pass


@in_virtual_time
async def test_id_that_the_publisher_chose_names_the_last_event_too():
    stand = Stand()
    async with stand.hub:
        await stand.publish("urn:first")
        await stand.publish("urn:last")
        assert (await stand.get('"urn:last"')).status == 304
        for tag in ("urn:first", "urn:unknown"):
            assert (await stand.get(tag)).status == 200
        await stand.note(joined=(Member("urn:1", ("t",)),))
        assert (await stand.get("urn:last")).status == 200


@in_virtual_time
async def test_list_is_answered_where_the_log_cannot_be_read():
    class UnreadableLog(ControlledLog):
        async def locate(self, event_id):
            raise LogUnavailable("the disk is on fire")

    stand = Stand(UnreadableLog())
    async with stand.hub:
        await stand.publish("urn:last")
        assert listed(await stand.get("urn:last")) == []


@in_virtual_time
async def test_subscription_that_is_not_there_is_unknown_whatever_the_client_has():
    stand = Stand()
    async with stand.hub:
        await stand.publish()
        tag = tag_of(await stand.get())
        assert (await stand.get(tag, f"{PATH}/t/urn%3A1")).status == 404


@in_virtual_time
async def test_same_list_is_the_same_answer():
    """It may have megabytes, and many may ask for it."""
    stand = Stand()
    async with stand.hub:
        await stand.note(joined=(Member("urn:1", ("t",)),))
        first = await stand.get()
        assert await stand.get() is first
        await stand.publish()
        second = await stand.get()
        assert (listed(second), tag_of(second) != tag_of(first)) == (listed(first), True)


class GatedLog(ControlledLog):
    """A log whose appends wait until the test opens the gate."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()

    async def append(self, updates):
        await self.gate.wait()
        return await super().append(updates)


@in_virtual_time
async def test_change_whose_event_is_not_on_the_log_yet_is_listed_on_a_log_of_its_own():
    """As a hub that is alone has it in its picture before anybody can see the event."""
    log = GatedLog()
    hub = Hub(log)
    presence = PresenceNode(hub)
    api = SubscriptionsApi(hub, presence)
    async with hub:
        presence.open()

        async def get(tag):
            answer = api.answer(Request("GET", PATH, headers=((b"if-none-match", tag.encode()),)))
            return answer if isinstance(answer, Response) else await answer

        assert (await get("earliest")).status == 304
        joining = asyncio.create_task(presence.join(presence.attendance(["t"], Grants(), "")))
        await settle()
        early = await get("earliest")
        log.gate.set()
        await joining
        await settle()
        late = await get("earliest")

        assert [topic for topic, _ in listed(early)] == [topic for topic, _ in listed(late)] == ["t"]
        assert (tag_of(early), tag_of(late)) == ("earliest", f"{log.epoch}-1")
        assert (await get(tag_of(late))).status == 304
        await presence.close()


@pytest.mark.parametrize("tag", ["", ",", '"', "W/", "\0", "x" * 5000])
def test_any_header_can_be_read(tag):
    @in_virtual_time
    async def answered():
        stand = Stand()
        async with stand.hub:
            assert (await stand.get(tag)).status == 200

    answered()
