"""Notes of a log reach who listens, in order and once, also those of before the hub started."""

from __future__ import annotations

import asyncio

import pytest

from controlled_log import ControlledLog
from longwave.core import statements
from longwave.core.note import NOTES, Note
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.hub import Hub


def note(number):
    return Note("test", {"number": number}).update()


def update(topic="t", *, private=False):
    return Update((topic,), Event("data"), private)


class Listener:
    def __init__(self, hub):
        self.heard = []
        hub.notes.listen(lambda position, note: self.heard.append((position, note.content["number"])))


@pytest.fixture
async def log():
    log = ControlledLog()
    await log.open()
    yield log
    await log.close()


class Kept:
    """A log that a hub does not close, so that another can follow it."""

    def __init__(self, log):
        self._log = log

    def __getattr__(self, name):
        return getattr(self._log, name)

    async def open(self):
        pass

    async def close(self):
        pass


async def test_notes_reach_listeners_and_no_subscriber(log):
    hub = Hub(Kept(log))
    listener = Listener(hub)
    async with hub, hub.subscribe("*", last_event_id="earliest") as events:
        await hub.append([update(), note(1), update(private=True), note(2)])
        received = [(await anext(events)).id for _ in range(2)]
        await hub.append([update()])
        received.append((await anext(events)).id)

    assert [event_id.rpartition("-")[2] for event_id in received] == ["1", "3", "5"]
    assert listener.heard == [(2, 1), (4, 2)]


async def test_notes_of_before_come_first_and_each_once(log):
    await log.append([note(1), update(), note(2)])
    hub = Hub(Kept(log))
    listener = Listener(hub)
    async with hub:
        await hub.append([note(3)])

    assert listener.heard == [(1, 1), (3, 2), (4, 3)]


async def test_only_the_last_entries_are_read_again(log, monkeypatch):
    monkeypatch.setattr("longwave.notes.WINDOW", 3)
    monkeypatch.setattr("longwave.notes.PAGE", 2)
    await log.append([note(number) for number in range(1, 7)])
    hub = Hub(Kept(log))
    listener = Listener(hub)
    async with hub:
        pass

    assert statements.WINDOW > 3
    assert listener.heard == [(4, 4), (5, 5), (6, 6)]


async def test_log_that_nobody_listens_to_is_not_read_again(log):
    await log.append([note(1)])
    log.looks.clear()
    async with Hub(Kept(log)):
        pass

    assert [look for look in log.looks if look[0] == "read"] == [("read", 0, 1)]


async def test_log_that_cannot_be_read_is_told_and_tried_again(log):
    await log.append([note(1)])
    log.failures, log.spared = 1, 1
    hub = Hub(Kept(log))
    listener = Listener(hub)
    with pytest.raises(LogUnavailable):
        await hub.open()
    async with hub:
        pass

    assert listener.heard == [(1, 1)]


async def test_note_that_makes_a_listener_fail_stops_nothing(log, caplog):
    def fail(position, note):
        raise ValueError("no")

    hub = Hub(Kept(log))
    hub.notes.listen(fail)
    listener = Listener(hub)
    async with hub:
        await hub.append([Update((NOTES + "x",), Event("no JSON"), private=True), note(1), update()])
        async with hub.subscribe("t", last_event_id="earliest") as events:
            await anext(events)

    assert listener.heard == [(2, 1)]
    assert "cannot read the note at position 1" in caplog.text
    assert "taking the note at position 2 of the log failed" in caplog.text


async def test_listener_is_done_with_a_note_before_the_next_thing_on_the_log(log):
    """Those of before the start, too: no subscription begins before they were taken."""
    order = []
    hub = Hub(Kept(log))

    async def hear(note):
        await asyncio.sleep(0)
        order.append(note.content["number"])

    hub.notes.listen(lambda position, note: hear(note))
    await log.append([note(1)])
    async with hub, hub.subscribe("*") as events:
        assert order == [1]
        await log.append([note(2), update()])
        order.append((await anext(events)).data)

    assert order == [1, 2, "data"]


async def test_listener_that_fails_later_stops_nothing(log, caplog):
    async def fail():
        raise ValueError("no")

    hub = Hub(Kept(log))
    hub.notes.listen(lambda position, note: fail())
    async with hub, hub.subscribe("*") as events:
        await hub.append([note(1), update()])
        await anext(events)

    assert "taking the note at position 1 of the log failed" in caplog.text


async def test_id_of_a_note_is_told_to_nobody_while_it_is_taken(log):
    gate = asyncio.Event()
    hub = Hub(Kept(log))
    hub.notes.listen(lambda position, note: gate.wait() if position == 3 else None)
    async with hub:
        await hub.append([update(), note(1), note(2)])
        ids = set()
        for _ in range(10):
            await asyncio.sleep(0)
            ids.add(hub.notes.last_event_id())
        gate.set()

    assert ids <= {"earliest", f"{log.epoch}-1"}


async def test_last_event_is_the_last_one_that_is_no_note(log):
    hub = Hub(Kept(log))
    Listener(hub)
    async with hub:
        ids = [hub.notes.last_event_id()]
        for entry in (note(1), update(), note(2), note(3), update()):
            await hub.append([entry])
            ids.append(hub.notes.last_event_id())

    assert ids == ["earliest", "earliest", *(f"{log.epoch}-{position}" for position in (2, 2, 2, 5))]
