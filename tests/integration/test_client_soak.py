"""Clients of a hub that is killed, over a network that cuts, stalls, splits and delays: nothing is lost in silence.

LONGWAVE_SOAK_SECONDS says for how long, LONGWAVE_SOAK_SEED what happens; figures are logged as INFO.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.parse
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from integration import cursor_consumer
from integration.cursor_consumer import AFTER, BEFORE, CRASHED, END, IDLE, NEVER, PATIENCE
from integration.hub_process import ENVIRONMENT, HOST, HubProcess, eventually
from longwave.client import EventSource, Gap, Observer, SyncEventSource
from longwave.core.gap import Reason, read_gap
from longwave.eventstream.event import Event
from longwave.logs.address import open_address
from longwave.testing.fault_proxy import FaultProxy
from longwave.testing.faults import Faults

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SECONDS = float(os.environ.get("LONGWAVE_SOAK_SECONDS", "8"))
SEED = int(os.environ.get("LONGWAVE_SOAK_SEED", "20240229"))
TO_FINISH = 30  # seconds for all that comes after the time is over
TOPIC = "soak"
FIRST = 1  # the number of the update that is published before anybody comes, and after which all consumers begin
PACE = 0.003  # seconds between two updates
RETRY = 20  # milliseconds after which a consumer comes back; every update says so
HUB_LIFE = 1.5, 4.0  # seconds, from and to
CONSUMER_LIFE = 0.7, 3.0  # seconds
LOST = (OSError, http.client.HTTPException)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FILLING = "für später 終\u2028" * 3  # several bytes a character, so that splits and cuts come in the midst of one

logger = logging.getLogger("soak")


# What is published, and what consumers make of it.


def text(number: int) -> str:
    return f"{number}\n{FILLING}{number}"


def id_of(number: int) -> str:
    return f"u-{number}"


def read(event: Event) -> int | Gap:
    """An event as the judge wants it: the update's number, or a gap."""
    gap = read_gap(event)
    if gap is not None:
        return gap
    number = int(event.data.partition("\n")[0])
    assert (event.id, event.data) == (id_of(number), text(number))
    return number


@dataclass(frozen=True)
class Verdict:
    """What a consumer saw, measured by the numbers of updates.

    last: the greatest. told: how many are missing and told as gaps; lost: missing without a word. repeated: once more,
    right after itself. disordered: anything else that is not greater than the one before.
    """

    last: int = 0
    gaps: int = 0
    told: int = 0
    lost: int = 0
    repeated: int = 0
    disordered: int = 0


def judge(seen: list[int | Gap], begin: int) -> Verdict:
    """Judge what came after the update `begin`; the positions that gaps name are the numbers of updates."""
    after, told_to = begin, begin  # the last number that came; up to where what is missing is told
    gaps = told = lost = repeated = disordered = 0
    for step in seen:
        if isinstance(step, Gap):
            gaps += 1
            told_to = max(told_to, int(step.until.rpartition("-")[2]))
        elif step > after:
            missing_and_told = max(0, min(step - 1, told_to) - after)
            told += missing_and_told
            lost += step - 1 - after - missing_and_told
            disordered += step <= told_to
            after = step
        else:
            repeated += step == after
            disordered += step < after
    return Verdict(after, gaps, told, lost, repeated, disordered)


def gap_to(number: int) -> Gap:
    return Gap(Reason.EXPIRED, "any", f"c3f9a2b1-{number}")


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ([1, 2, 3], Verdict(last=3)),
        ([1, 4], Verdict(last=4, lost=2)),
        ([2], Verdict(last=2, lost=1)),
        ([1, 1, 2], Verdict(last=2, repeated=1)),
        ([1, 2, 1], Verdict(last=2, disordered=1)),
        ([1, gap_to(4), 5], Verdict(last=5, gaps=1, told=3)),
        ([1, gap_to(4), 6], Verdict(last=6, gaps=1, told=3, lost=1)),
        ([1, gap_to(4), 3], Verdict(last=3, gaps=1, told=1, disordered=1)),
        ([1, gap_to(3), gap_to(5), 6], Verdict(last=6, gaps=2, told=4)),
    ],
)
def test_the_judge_sees_what_is_wrong(seen, verdict):
    assert judge(seen, begin=0) == verdict


# Those who take part, each in a thread of its own.


class Course:
    """When it is over, when all consumers have come to their end, and whether a hub is there."""

    def __init__(self, hub: HubProcess, proxy: FaultProxy, chance: random.Random) -> None:
        self.hub = hub
        self.proxy = proxy
        self.url = proxy.url(f"/events?topic={TOPIC}")
        self.over = threading.Event()
        self.done = threading.Event()
        self.there = threading.Event()
        self.there.set()
        self.hub_kills = 0
        self.consumer_ends = {BEFORE: 0, AFTER: 0, NEVER: 0}  # crashes before and after processing; else kills
        self._chance = random.Random(chance.random())
        self._consumer_chance = random.Random(chance.random())

    def kill_hub(self) -> None:
        """Kill it now and then, and start it again."""
        while not self.over.wait(self._chance.uniform(*HUB_LIFE)):
            self.there.clear()
            self.hub.kill()
            self.hub.start()
            self.there.set()
            self.hub_kills += 1

    def kill_consumer(self, cursor: Path, record: Path) -> None:
        """Run the consumer that has a cursor, life after life; let the last come to its end."""
        command = [sys.executable, cursor_consumer.__file__, self.url, str(cursor), str(record), id_of(FIRST)]
        chance = self._consumer_chance
        for moment in cycle(self.consumer_ends):
            with subprocess.Popen([*command, moment, str(chance.randrange(1, 100))], env=ENVIRONMENT) as process:
                if moment is NEVER:
                    self.over.wait(chance.uniform(*CONSUMER_LIFE))
                else:
                    eventually(lambda: process.poll() is not None or self.over.is_set(), SECONDS + TO_FINISH)
                process.kill()
            assert process.returncode in (0, CRASHED, -signal.SIGKILL)
            self.consumer_ends[moment if process.returncode == CRASHED else NEVER] += 1
            if self.over.is_set():
                break
        if process.returncode != 0:
            subprocess.run([*command, NEVER, "0"], env=ENVIRONMENT, check=True, timeout=TO_FINISH)


class Publisher:
    """Publishes one update after the other, each until it is acknowledged; then ends, as a gap may swallow one.

    end: the number of the first of these.
    """

    def __init__(self, course: Course) -> None:
        self.acknowledged = FIRST - 1
        self.end = 0
        self.unclear = 0  # how often nobody told whether an update is stored
        self._course = course
        self._connection = http.client.HTTPConnection(HOST, course.hub.port, timeout=TO_FINISH)

    def begin(self) -> None:
        self._publish(type="update")

    def run(self) -> None:
        while not self._course.over.wait(PACE):
            self._publish(type="update")
        self.end = self.acknowledged + 1
        while not self._course.done.wait(PACE):
            self._publish(type=END)
        self._connection.close()

    def _publish(self, **fields: str) -> None:
        number = self.acknowledged + 1
        fields |= {"topic": TOPIC, "data": text(number), "id": id_of(number), "retry": str(RETRY)}
        body, unclear = urllib.parse.urlencode(fields), False
        while (answer := self._ask(body)) is None:
            unclear = True
        assert answer[0] == http.client.OK or (answer[0] == http.client.CONFLICT and unclear), answer
        self.acknowledged = number

    def _ask(self, body: str) -> tuple[int, bytes] | None:
        while self._connection.sock is None:
            assert self._course.there.wait(TO_FINISH)
            with suppress(OSError):
                self._connection.connect()
        try:
            self._connection.request("POST", "/events", body, FORM)
            response = self._connection.getresponse()
            return response.status, response.read()
        except LOST:
            self.unclear += 1
            self._connection.close()
            return None


class Count(Observer):
    """How often streams were opened."""

    def __init__(self) -> None:
        self.streams = 0

    def opened(self, response: object) -> None:
        self.streams += 1


def options(count: Count) -> dict[str, object]:
    return {"last_event_id": id_of(FIRST), "idle": IDLE, "patience": PATIENCE, "observer": count}


async def consume(url: str, count: Count, seen: list[int | Gap]) -> None:
    async with asyncio.timeout(SECONDS + TO_FINISH), EventSource(url, **options(count)) as source:
        async for event in source:
            seen.append(read(event))
            if event.type == END:
                return


def consume_in_thread(url: str, count: Count, seen: list[int | Gap]) -> None:
    with SyncEventSource(url, **options(count)) as source:
        watchdog = threading.Timer(SECONDS + TO_FINISH, source.close)
        watchdog.start()
        for event in source:
            seen.append(read(event))
            if event.type == END:
                break
        watchdog.cancel()


# The runs.


@dataclass(frozen=True)
class Outcome:
    """What a run came to: verdicts by the consumer's name, and figures for whoever reads them.

    consumer_ends: lives of the one with a cursor, by how they ended: a crash before or after processing, or otherwise.
    """

    acknowledged: int
    end: int
    consumer_ends: dict[str, int]
    verdicts: dict[str, Verdict]
    figures: dict[str, object]


def run(folder: Path, seconds: float, faults: Faults, *hub_options: str) -> Outcome:
    """Let it happen for so many seconds, then calm down and wait until every consumer has come to the end."""
    cursor, record = folder / "cursor", folder / "record"
    seen: dict[str, list[int | Gap]] = {"task": [], "thread": []}
    counts = {name: Count() for name in seen}
    hub = HubProcess(f"sqlite:{folder / 'log.db'}", "--heartbeat", "200ms", *hub_options)
    with hub, FaultProxy(HOST, hub.port, seed=SEED, faults=faults) as proxy, ThreadPoolExecutor(5) as pool:
        course = Course(hub, proxy, random.Random(SEED))
        publisher = Publisher(course)
        publisher.begin()
        consumers = [
            pool.submit(lambda: asyncio.run(consume(course.url, counts["task"], seen["task"]))),
            pool.submit(consume_in_thread, course.url, counts["thread"], seen["thread"]),
            pool.submit(course.kill_consumer, cursor, record),
        ]
        others = [pool.submit(course.kill_hub), pool.submit(publisher.run)]
        try:
            course.over.wait(seconds)
            proxy.calm()
            course.over.set()
            wait(consumers, TO_FINISH)
        finally:
            course.over.set()
            course.done.set()
        for part in (*others, *consumers):  # those whose failure makes the others fail come first
            part.result(TO_FINISH)
    lines = (json.loads(line) for line in record.read_text().splitlines())
    seen["process"] = [read(Event(data, kind, event_id)) for kind, event_id, data in lines]
    figures: dict[str, object] = {
        "updates": publisher.acknowledged,
        "hub kills": course.hub_kills,
        "consumer ends": course.consumer_ends,
        "unclear publishes": publisher.unclear,
        "connections": proxy.connections,
        "faults": {fault.value: count for fault, count in proxy.counts.items()},
        "streams": {name: count.streams for name, count in counts.items()},
    }
    return Outcome(
        publisher.acknowledged,
        publisher.end,
        course.consumer_ends,
        {name: judge(steps, FIRST) for name, steps in seen.items()},
        figures,
    )


async def read_log(address: str) -> list[tuple[int, str]]:
    """Position and id of all that the log still has."""
    log = open_address(address)
    await log.open()
    found: list[tuple[int, str]] = []
    while (page := await log.read(found[-1][0] if found else 0, 1000)).entries:
        found += [(entry.position, entry.update.event.id) for entry in page.entries]
    await log.close()
    return found


def check_log(folder: Path, outcome: Outcome) -> list[int]:
    """Return the numbers on the log, after a look that positions are numbers and nothing acknowledged is missing."""
    stored = asyncio.run(read_log(f"sqlite:{folder / 'log.db'}"))
    assert stored == [(number, id_of(number)) for number, _ in stored]
    assert stored[-1][0] == outcome.acknowledged
    return [number for number, _ in stored]


@pytest.mark.timeout(SECONDS + 2 * TO_FINISH)
def test_every_update_comes_once_and_in_order_through_cuts_stalls_and_kills(tmp_path):
    """A consumer that is killed itself gets at most the one that it had not committed once more."""
    outcome = run(tmp_path, SECONDS, Faults(cut=0.02, stall=0.03, split=1, delay=0.2))
    logger.info("%s %s", outcome.figures, outcome.verdicts)

    assert check_log(tmp_path, outcome) == list(range(1, outcome.acknowledged + 1))
    whole = Verdict(last=outcome.end)
    process = outcome.verdicts.pop("process")
    assert outcome.verdicts == {"task": whole, "thread": whole}
    assert process == Verdict(last=outcome.end, repeated=process.repeated)
    ends = outcome.consumer_ends
    assert ends[AFTER] <= process.repeated <= ends[AFTER] + ends[NEVER]
    assert ends[BEFORE]
    assert ends[AFTER]
    assert outcome.figures["hub kills"]


@pytest.mark.timeout(SECONDS + 2 * TO_FINISH)
def test_what_a_short_history_no_longer_has_is_told_as_gaps(tmp_path):
    """A stall lasts longer than the history, so that updates are missing; none of them without a word."""
    outcome = run(tmp_path, SECONDS / 2, Faults(cut=0.01, stall=0.04, split=1), "--retain-events", "20")
    logger.info("%s %s", outcome.figures, outcome.verdicts)

    check_log(tmp_path, outcome)
    for name, verdict in outcome.verdicts.items():
        assert verdict.last >= outcome.end, name
        assert (verdict.lost, verdict.disordered) == (0, 0), name
        assert verdict.repeated <= (sum(outcome.consumer_ends.values()) if name == "process" else 0), name
    assert sum(verdict.gaps for verdict in outcome.verdicts.values()), "stalls were to be longer than the history"
