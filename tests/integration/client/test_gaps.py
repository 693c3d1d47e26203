"""What a consumer learns of events that a hub could not deliver."""

from __future__ import annotations

import asyncio

import pytest

from integration.client.sources import TaskSource, take, take_all
from longwave.client import Gap, raise_gap
from longwave.core.gap import Reason
from longwave.errors import GapFound
from longwave.testing import Answer, Send

pytestmark = pytest.mark.usefixtures("quick")

GAP = Gap(Reason.EXPIRED, "e-1", "e-40")
NOTICE = b'event: gap\nid: e-40\ndata: {"reason": "expired", "from": "e-1", "to": "e-40"}\n\n'
STREAM = [Answer(steps=[Send(b"id: e-1\ndata: a\n\n"), Send(NOTICE), Send(b"id: e-41\ndata: b\n\n")])]


async def test_gap_is_an_event_by_default(serve, connect):
    events = await take_all(connect(serve(STREAM).url))

    assert [(event.type, event.id) for event in events] == [("message", "e-1"), ("gap", "e-40"), ("message", "e-41")]


async def test_gap_goes_to_the_callback_in_its_place(serve, connect):
    order = []
    source = connect(serve(STREAM).url, on_gap=order.append)
    order += await take(source, 1)
    order += await take(source, 1)

    assert order == ["a", GAP, "b"]


async def test_callback_for_gaps_may_be_async(serve):
    gaps = []

    async def note(gap):
        await asyncio.sleep(0)
        gaps.append(gap)

    source = TaskSource(serve(STREAM).url, on_gap=note)
    assert await take(source, 2) == ["a", "b"]
    assert gaps == [GAP]
    await source.end()


async def test_gap_can_be_an_error_that_does_not_end_the_source(serve, connect):
    server = serve(STREAM)
    source = connect(server.url, on_gap=raise_gap)
    assert await take(source, 1) == ["a"]
    with pytest.raises(GapFound, match="'e-40'") as caught:
        await source.next()

    assert (caught.value.reason, caught.value.since, caught.value.until) == ("expired", "e-1", "e-40")
    assert await take(source, 1) == ["b"]
    assert len(server.requests) == 1


async def test_gap_that_was_told_is_not_asked_for_again(serve, connect):
    server = serve([Answer(steps=[Send(NOTICE)])])
    gaps = []
    await take_all(connect(server.url, on_gap=gaps.append))

    assert gaps == [GAP]
    assert server.requests[1].headers["last-event-id"] == b"e-40"


@pytest.mark.parametrize("data", ["", "no JSON", '{"reason": "other", "from": "", "to": ""}', "[]"])
async def test_event_that_only_looks_like_a_gap_stays_an_event(serve, connect, data):
    server = serve([Answer(steps=[Send(f"event: gap\ndata: {data}\n\n".encode())])])
    events = await take_all(connect(server.url, on_gap=raise_gap))

    assert [(event.type, event.data) for event in events] == [("gap", data)]
