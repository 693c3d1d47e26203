"""Templates that take long to match delay their own subscribers, not the others, and are cut off from nothing."""

from __future__ import annotations

import asyncio

import pytest

from longwave import hub as hub_module
from longwave import lane
from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.note import Note
from longwave.core.selector import Selector
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.hub import LIGHT_AUDIENCE, PROMPT_AUDIENCE, PROMPT_TOTAL, REST, Hub
from longwave.lane import STEP, Costs
from longwave.logs.memory import MemoryLog
from virtual_time import in_virtual_time

HOSTILE = [f"{{+a}}{{b{number}}}" for number in range(100)]  # 1,000 to match
LARGE = [*HOSTILE[:3], "{+c}" + "x" * 4000 + "{+d}"]


class Sink:
    """Takes everything and notes it."""

    def __init__(self):
        self.taken = b""

    def send(self, payload, _):
        self.taken += bytes(payload)
        return len(payload)

    def data(self):
        return [line.removeprefix(b"data: ").decode() for line in self.taken.split(b"\n") if line.startswith(b"data: ")]


@pytest.fixture
async def hub():
    async with Hub(MemoryLog()) as one:
        yield one


@pytest.fixture
async def rounds(monkeypatch):
    """What was matched in each round of the loop: counted, as times say little on a busy machine."""
    costs = [0]
    genuine = Selector.matches

    def matches(selector, topic):
        costs[-1] += selector.cost * (1 + len(topic) // 100)
        return genuine(selector, topic)

    async def count():
        while True:
            await asyncio.sleep(0)
            costs.append(0)

    monkeypatch.setattr(Selector, "matches", matches)
    counter = asyncio.get_running_loop().create_task(count())
    yield costs
    counter.cancel()


def attach(hub, *selectors, since=""):
    sink = Sink()
    hub.attach(audience_of(selectors), Format.BARE, sink, lambda _: None, last_event_id=since)
    return sink


def costly(hub):
    return hub._lanes[-1]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the conditions are counts of objects under test
            await asyncio.sleep(0)


async def test_between_two_rounds_of_the_loop_no_more_is_matched_than_a_step(hub, rounds, monkeypatch):
    """However many hostile subscriptions there are, and however fast topics come that nobody has seen."""
    for number in range(20):
        attach(hub, *(f"{text}{number}" for text in HOSTILE))
    for number in range(10):
        attach(hub, f"{{a}}{{b}}{number}")
    prompt = attach(hub, "*")
    monkeypatch.setattr(hub_module, "REST", 0.0)

    for number in range(5):
        await hub.publish(f"topic/{number}", str(number))
    await until(lambda: costly(hub).head == 5)

    assert prompt.data() == list("01234")
    assert sum(rounds) == 5 * 20 * 100 * 10 + 5 * 10 * 10
    assert max(rounds) <= 2 * (STEP + 10), "each of the two lanes that have feeds may take a step"


async def test_one_template_that_costs_more_than_a_step_is_matched_alone(hub, rounds, monkeypatch):
    attach(hub, *LARGE)
    monkeypatch.setattr(hub_module, "REST", 0.0)
    await hub.publish("x" * 4000, "data")
    await until(lambda: costly(hub).head == 1)

    assert max(rounds) <= STEP + Selector(LARGE[-1]).cost * 41
    assert sum(rounds) == audience_of(LARGE).cost * 41


async def test_others_get_an_update_before_a_costly_audience_was_matched(hub, monkeypatch):
    monkeypatch.setattr(hub_module, "REST", 3600.0)
    hostile, prompt = attach(hub, "t", *HOSTILE), attach(hub, "t")

    for number in range(3):
        await hub.publish("t", str(number))
    await until(lambda: len(prompt.data()) == 3)

    assert hostile.data() == []


async def test_costly_audience_gets_everything_in_order_once_and_more_while_it_is_matched(hub):
    sinks = []
    for number in range(30):
        if number % 5 == 0:
            sinks.append((number, attach(hub, f"only {number}", *HOSTILE)))
        await hub.publish(f"topic/{number}", str(number))
    await until(lambda: all(sink.data()[-1:] == ["29"] for _, sink in sinks))

    for joined, sink in sinks:
        data = list(map(int, sink.data()))
        assert data == list(range(data[0], 30))
        assert data[0] <= joined


async def test_costly_subscriber_resumes_without_a_seam_although_its_lane_is_behind(hub):
    ids = [await hub.publish("t", str(number)) for number in range(5)]
    first = attach(hub, *HOSTILE)
    ids += [await hub.publish(f"topic/{number}", str(number)) for number in range(5, 10)]
    second = attach(hub, *HOSTILE, since=ids[2])
    third = attach(hub, *HOSTILE, since=ids[9])
    ids.append(await hub.publish("last", "10"))
    await until(lambda: third.data() and first.data()[-1:] == second.data()[-1:] == ["10"])

    assert first.data() == [str(number) for number in range(5, 11)]
    assert second.data() == [str(number) for number in range(3, 11)]
    assert third.data() == ["10"]


async def test_live_id_names_where_the_feed_of_an_audience_begins(hub):
    """Whoever resumes after it must be sent what came before the lane was there, and nothing twice."""
    await hub.publish("t", "0")
    audience = audience_of(HOSTILE)
    before = hub.live_id(audience, Format.BARE)
    sink = attach(hub, *HOSTILE)
    assert hub.live_id(audience, Format.BARE) == before
    await hub.publish("t", "1")
    await until(lambda: sink.data())

    assert sink.data() == ["1"]
    assert hub.live_id(audience, Format.BARE) == hub.live_id(audience_of(["t"]), Format.BARE)


async def test_costly_lane_stops_when_its_last_feed_goes_and_starts_again_at_the_present(hub):
    for number in range(3):
        sink = attach(hub, *HOSTILE)
        assert costly(hub).started
        await hub.publish("t", str(number))
        await until(lambda sink=sink: sink.data())
        assert sink.data() == [str(number)]
        for subscriber in hub.all_subscribers():
            hub.delivery.drop(subscriber)
        assert not costly(hub).started
        await hub.publish("t", "to nobody")

    assert (costly(hub).cost, costly(hub).feeds, hub._lane_beside) == (0, {}, {})


async def test_prompt_audiences_together_cost_no_more_than_a_bound_and_exact_topics_are_always_prompt(hub):
    """Many who ask for a few costly templates each are no better than one who asks for many, and no worse."""
    for number in range(1000):
        attach(hub, *(f"{{a}}{{b}}{number}x{one}" for one in range(PROMPT_AUDIENCE // 10)))
    attach(hub, "exact", "*")

    assert hub._prompt.cost == PROMPT_TOTAL
    assert len(hub._prompt.feeds) == PROMPT_TOTAL // PROMPT_AUDIENCE + 1
    assert [lane.cost for lane in hub._lanes[1:]] == [0, 1000 * PROMPT_AUDIENCE - PROMPT_TOTAL, 0]


async def test_room_among_the_prompt_comes_back(hub):
    hub._prompt._most = Costs(1, 1)
    attach(hub, "/a/{x}")
    (first,) = hub.all_subscribers()
    attach(hub, "/b/{x}")
    assert [lane.cost for lane in hub._lanes] == [1, 1, 0, 0]
    hub.delivery.drop(first)
    attach(hub, "/c/{x}")

    assert [lane.cost for lane in hub._lanes] == [1, 1, 0, 0]


HOSTILE_STREAMS = 150
KINDS = {"as much as may be prompt": HOSTILE[: PROMPT_AUDIENCE // 10], "much": HOSTILE[50:70]}


@in_virtual_time
async def test_template_is_delayed_by_no_more_than_a_step_by_others_who_ask_for_much():
    """Who came first had all the room among the prompt. Time passes in rests between steps only."""
    async with Hub(MemoryLog()) as hub:
        for number in range(HOSTILE_STREAMS):
            for texts in KINDS.values():
                attach(hub, *(f"{text}x{number}" for text in texts))
        assert hub._prompt.cost == PROMPT_TOTAL
        assert all(lane.cost > 5 * STEP for lane in hub._lanes[2:])
        honest = attach(hub, "orders/{id}")

        for number in range(20):
            begun = hub.delivery.now()
            await hub.publish(f"orders/{number}", str(number))
            while len(honest.data()) == number:  # noqa: ASYNC110 - the clock moves only while everybody sleeps
                await asyncio.sleep(REST / 10)
            assert hub.delivery.now() - begun <= (len(hub._lanes) - 1) * REST, "each lane beside rests once"


@in_virtual_time
async def test_those_beside_the_prompt_have_a_third_of_the_time_together():
    """One of them takes a step in each rest, so that it is no use to ask for something of every kind."""
    async with Hub(MemoryLog()) as hub:
        hub._prompt._most = Costs(0, 0)
        for number in range(HOSTILE_STREAMS):
            attach(hub, f"{{+x}}l{number}")
            for texts in KINDS.values():
                attach(hub, *(f"{text}x{number}" for text in texts))
        steps = sum(lane.cost // STEP for lane in hub._lanes[1:])
        begun = hub.delivery.now()
        await hub.publish("topic", "x")
        await hub._lanes[-1].reach(1)

        assert all(lane.head == 1 for lane in hub._lanes)
        assert hub.delivery.now() - begun == pytest.approx(steps * REST, rel=0.1)


@in_virtual_time
async def test_audience_is_beside_others_that_cost_about_as_much():
    async with Hub(MemoryLog()) as hub:
        hub._prompt._most = Costs(PROMPT_AUDIENCE, 0)
        for cost in (0, 1, LIGHT_AUDIENCE, LIGHT_AUDIENCE + 1, PROMPT_AUDIENCE, PROMPT_AUDIENCE + 1):
            attach(hub, "t", *(f"{cost}/{number}/{{x}}" for number in range(cost)))

        assert [sorted(lane.feeds.values()) for lane in hub._lanes] == [[0], [1, 5], [6, 50], [51]]


async def test_what_follows_a_note_is_delivered_once_the_hub_is_done_with_the_note(hub):
    """Whatever an audience costs, and wherever its subscribers are in the log."""
    gate = asyncio.Event()
    heard = []

    async def hear(position, note):
        await gate.wait()
        heard.append(position)

    hub.notes.listen(hear)
    live = [attach(hub, "t"), attach(hub, "t", *HOSTILE)]
    await hub.log.append([Update(("t",), Event("before")), Note("test", {}).update(), Update(("t",), Event("after"))])
    late = [attach(hub, "t", since="earliest"), attach(hub, "t", *HOSTILE, since="earliest")]
    await until(lambda: all(sink.data() for sink in live + late))
    for _ in range(20):
        await asyncio.sleep(REST)
        assert [sink.data() for sink in live + late] == [["before"]] * 4
    gate.set()
    await until(lambda: all(sink.data() == ["before", "after"] for sink in live + late))

    assert heard == [2]


async def test_lane_that_falls_behind_the_retention_is_told_of_the_gap_and_the_other_is_not(monkeypatch):
    monkeypatch.setattr(lane, "STEP", 100)
    monkeypatch.setattr(hub_module, "REST", 0.02)
    from longwave.logs.retention import Retention

    async with Hub(MemoryLog(Retention(events=10))) as hub:
        hostile, prompt = attach(hub, *HOSTILE), attach(hub, "*")
        for number in range(400):
            await hub.publish(f"topic/{number}", str(number))
        await until(lambda: b"event: gap" in hostile.taken)
        monkeypatch.setattr(hub_module, "REST", 0.0)
        await until(lambda: hostile.data()[-1:] == ["399"])

        assert b"event: gap" not in prompt.taken
        assert prompt.data() == [str(number) for number in range(400)]


async def test_closing_the_hub_ends_all_lanes(hub):
    attach(hub, *HOSTILE)
    await hub.publish("t", "x")
    await hub.close()

    assert not any(lane.started for lane in hub._lanes)
