"""An acknowledged update outlives `kill -9` of the hub, and every subscriber that comes back gets it exactly once."""

from __future__ import annotations

import asyncio
import http.client
import random
import threading
import time
import urllib.parse
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from integration.hub_process import HOST, HubProcess
from longwave.eventstream.parser import Parser
from longwave.logs.address import open_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.entry import Entry

pytestmark = pytest.mark.slow

UPDATES = 10_000
PUBLISHERS = 8  # one half gives ids, the other half leaves them to the log
SUBSCRIBERS = 2
KILLS = 20
TOPIC = "orders/{number}"  # published to as it is: a template matches its own text
LONGEST_LIFE_AFTER_A_MOMENT = 0.02  # seconds, so that a kill comes anywhere between two acknowledgements
PATIENCE = 50  # seconds for any one wait
LOST = (OSError, http.client.HTTPException)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Progress:
    """What all threads of one run share: how much is acknowledged, and whether a hub is there to talk to."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.failed = False
        self._acknowledged = 0
        self._changed = threading.Condition()

    def acknowledge(self) -> None:
        with self._changed:
            self._acknowledged += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Return when so many updates are acknowledged."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.failed or self._acknowledged >= count, PATIENCE)
        assert not self.failed, "a publisher or subscriber failed, see the exception of its thread"

    def fail(self) -> None:
        with self._changed:
            self.failed = True
            self._changed.notify_all()


class Publisher:
    """Publishes its share one after another, each until it is acknowledged.

    acknowledged: the data of each update by its id. unclear: how often the connection broke after a request was
    sent, so that nobody told whether it is stored.
    """

    def __init__(self, port: int, progress: Progress, name: str, *, gives_ids: bool) -> None:
        self.acknowledged: dict[str, str] = {}
        self.unclear = 0
        self._progress = progress
        self._name = name
        self.gives_ids = gives_ids
        self._connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)

    def run(self) -> None:
        for number in range(UPDATES // PUBLISHERS):
            self._publish(f"{self._name}-{number}")
            self._progress.acknowledge()
        self._connection.close()

    def _publish(self, data: str) -> None:
        given = f"given-{data}" if self.gives_ids else ""
        body = urllib.parse.urlencode({"topic": TOPIC, "data": data, "id": given})
        unclear = False
        while (answer := self._ask(body)) is None:
            unclear = True
        status, text = answer
        if status == http.client.CONFLICT and unclear and given:  # the unclear one was stored
            self.acknowledged[given] = data
            return
        assert status == http.client.OK, answer
        assert text not in self.acknowledged
        self.acknowledged[text] = data

    def _ask(self, body: str) -> tuple[int, str] | None:
        """Return status and text of the answer, or None if the connection broke before it came."""
        self._connect()
        try:
            self._connection.request("POST", "/events", body, FORM)
            response = self._connection.getresponse()
            return response.status, response.read().decode()
        except LOST:
            self.unclear += 1
            self._connection.close()
            return None

    def _connect(self) -> None:
        while self._connection.sock is None:
            assert self._progress.there.wait(PATIENCE)
            with suppress(OSError):
                self._connection.connect()


class Subscriber:
    """Reads the topic from its beginning to the update `end`, coming back with the last id whenever it is cut off.

    seen: id and data of each event. connections: how often it was connected.
    """

    def __init__(self, port: int, progress: Progress) -> None:
        self.seen: list[tuple[str, str]] = []
        self.connections = 0
        self._port = port
        self._progress = progress
        self._parser = Parser(last_event_id="earliest")

    def run(self) -> None:
        while not self._is_over():
            assert self._progress.there.wait(PATIENCE)
            self._parser.reset()
            with suppress(*LOST):
                self._read_one_connection()

    def _read_one_connection(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE)
        try:
            connection.request(
                "GET",
                f"/events?{urllib.parse.urlencode({'topic': TOPIC})}",
                headers={"Last-Event-ID": self._parser.last_event_id},
            )
            response = connection.getresponse()
            assert response.status == http.client.OK, response.status
            self.connections += 1
            while not self._is_over() and (chunk := response.read1(65_536)):
                self.seen += [(event.id, event.data) for event in self._parser.feed(chunk)]
        finally:
            connection.close()

    def _is_over(self) -> bool:
        return bool(self.seen) and self.seen[-1][0] == "end"


def start(progress: Progress, steps: Callable[[], None]) -> threading.Thread:
    """Run in a thread; a failure there ends the run at once, and pytest reports the exception."""

    def run() -> None:
        try:
            steps()
        except BaseException:
            progress.fail()
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def kill_and_start(hub: HubProcess, progress: Progress) -> None:
    progress.there.clear()
    hub.kill()
    hub.start()
    progress.there.set()


async def read_log(address: str) -> list[Entry]:
    """Return all that the file holds."""
    log = open_address(address)
    await log.open()
    entries: list[Entry] = []
    while (page := await log.read(len(entries), 1000)).entries:
        entries += page.entries
    await log.close()
    return entries


@pytest.mark.parametrize("seed", [20_240_229])
def test_kill_loses_nothing_acknowledged_and_repeats_nothing(tmp_path, seed):
    """What a subscriber sees is the log, in its order, each entry once; and all that was acknowledged is in it."""
    chance = random.Random(seed)
    moments = sorted(chance.sample(range(UPDATES - PUBLISHERS), KILLS))  # in acknowledged updates
    address = f"sqlite:{tmp_path / 'log.db'}"
    progress = Progress()
    with HubProcess(address) as hub:
        publishers = [Publisher(hub.port, progress, str(n), gives_ids=n % 2 == 0) for n in range(PUBLISHERS)]
        subscribers = [Subscriber(hub.port, progress) for _ in range(SUBSCRIBERS)]
        progress.there.set()
        readers = [start(progress, subscriber.run) for subscriber in subscribers]
        writers = [start(progress, publisher.run) for publisher in publishers]
        for moment in moments:
            progress.wait_for(moment)
            time.sleep(chance.uniform(0, LONGEST_LIFE_AFTER_A_MOMENT))
            kill_and_start(hub, progress)
        progress.wait_for(UPDATES)
        for thread in writers:
            thread.join(PATIENCE)
        hub.publish(TOPIC, "", id="end")
        for thread in readers:
            thread.join(PATIENCE)
        hub.kill()
        entries = asyncio.run(read_log(address))

    stored = [(entry.update.event.id, entry.update.event.data) for entry in entries]
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
    assert len({event_id for event_id, _ in stored}) == len(stored)
    for subscriber in subscribers:
        assert subscriber.seen == stored
        assert subscriber.connections > KILLS // 2, "the kills were to cut off a subscriber that is there"
    acknowledged = {pair for publisher in publishers for pair in publisher.acknowledged.items()}
    assert len(acknowledged) == UPDATES
    assert acknowledged <= set(stored)
    # What is stored besides was sent without an id, by a request whose answer got lost.
    repeatable = sum(publisher.unclear for publisher in publishers if not publisher.gives_ids)
    assert len(stored) - len(acknowledged) - len(["end"]) <= repeatable
    assert repeatable >= KILLS, "the kills were to come in the midst of requests"
