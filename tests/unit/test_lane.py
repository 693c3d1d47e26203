"""Templates that take long to match delay their own subscribers, not the others, and are cut off from nothing."""

from __future__ import annotations

import asyncio

import pytest

from longwave import hub as hub_module
from longwave import lane
from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.selector import Selector
from longwave.hub import PROMPT_AUDIENCE, PROMPT_TOTAL, Hub
from longwave.lane import STEP
from longwave.logs.memory import MemoryLog

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


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the conditions are counts of objects under test
            await asyncio.sleep(0)


async def test_between_two_rounds_of_the_loop_no_more_is_matched_than_a_step(hub, rounds):
    """However many hostile subscriptions there are, and however fast topics come that nobody has seen."""
    for number in range(20):
        attach(hub, *(f"{text}{number}" for text in HOSTILE))
    for number in range(10):
        attach(hub, f"{{a}}{{b}}{number}")
    prompt = attach(hub, "*")
    hub._costly._rest = 0.0

    for number in range(5):
        await hub.publish(f"topic/{number}", str(number))
    await until(lambda: hub._costly.head == 5)

    assert prompt.data() == list("01234")
    assert sum(rounds) == 5 * 20 * 100 * 10 + 5 * 10 * 10
    assert max(rounds) <= 2 * (STEP + 10), "each of the two lanes may take a step"


async def test_one_template_that_costs_more_than_a_step_is_matched_alone(hub, rounds):
    attach(hub, *LARGE)
    hub._costly._rest = 0.0
    await hub.publish("x" * 4000, "data")
    await until(lambda: hub._costly.head == 1)

    assert max(rounds) <= STEP + Selector(LARGE[-1]).cost * 41
    assert sum(rounds) == audience_of(LARGE).cost * 41


async def test_others_get_an_update_before_a_costly_audience_was_matched(hub):
    hub._costly._rest = 3600.0
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
        assert hub._costly.started
        await hub.publish("t", str(number))
        await until(lambda sink=sink: sink.data())
        assert sink.data() == [str(number)]
        for subscriber in hub.all_subscribers():
            hub.delivery.drop(subscriber)
        assert not hub._costly.started
        await hub.publish("t", "to nobody")

    assert (hub._costly.cost, hub._costly.feeds) == (0, {})


async def test_prompt_audiences_together_cost_no_more_than_a_bound_and_exact_topics_are_always_prompt(hub):
    """Many who ask for a few costly templates each are no better than one who asks for many."""
    for number in range(1000):
        attach(hub, *(f"{{a}}{{b}}{number}x{one}" for one in range(PROMPT_AUDIENCE // 10)))
    attach(hub, "exact", "*")

    assert hub._prompt.cost == PROMPT_TOTAL
    assert len(hub._prompt.feeds) == PROMPT_TOTAL // PROMPT_AUDIENCE + 1
    assert hub._costly.cost == 1000 * PROMPT_AUDIENCE - PROMPT_TOTAL


async def test_room_among_the_prompt_comes_back(hub, monkeypatch):
    monkeypatch.setattr(hub_module, "PROMPT_TOTAL", 1)
    attach(hub, "/a/{x}")
    (first,) = hub.all_subscribers()
    attach(hub, "/b/{x}")
    assert hub._costly.cost == hub._prompt.cost == 1
    hub.delivery.drop(first)
    attach(hub, "/c/{x}")

    assert hub._prompt.cost == 1


async def test_lane_that_falls_behind_the_retention_is_told_of_the_gap_and_the_other_is_not(monkeypatch):
    monkeypatch.setattr(lane, "STEP", 100)
    from longwave.logs.retention import Retention

    async with Hub(MemoryLog(Retention(events=10))) as hub:
        hub._costly._rest = 0.02
        hostile, prompt = attach(hub, *HOSTILE), attach(hub, "*")
        for number in range(400):
            await hub.publish(f"topic/{number}", str(number))
        await until(lambda: b"event: gap" in hostile.taken)
        hub._costly._rest = 0.0
        await until(lambda: hostile.data()[-1:] == ["399"])

        assert b"event: gap" not in prompt.taken
        assert prompt.data() == [str(number) for number in range(400)]


async def test_closing_the_hub_ends_both_lanes(hub):
    attach(hub, *HOSTILE)
    await hub.publish("t", "x")
    await hub.close()

    assert not hub._prompt.started
    assert not hub._costly.started
