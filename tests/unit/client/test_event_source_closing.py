"""Closing and cancellation at any moment: nothing stays open and nothing is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from longwave.client.event_source import EventSource
from longwave.client.reconnection import Patience
from longwave.client.session import State
from longwave.errors import LongwaveError, RequestFailed
from unit.client.scripted_sources import source_over, take, take_all, transport_reads
from unit.client.scripted_transport import HANG, Kept, Recorder, Stream, event
from virtual_time import in_virtual_time, settle


@in_virtual_time
async def test_close_before_the_first_event_opens_nothing():
    source, transport = source_over(Stream(event(1)))
    await source.close()
    await source.close()

    assert await take_all(source) == []
    assert transport.requests == []
    assert source.state is State.CLOSED


@in_virtual_time
async def test_close_forgets_the_events_that_are_ready():
    source, transport = source_over(Stream(event(1) + event(2)))
    await anext(source)
    await source.close()

    assert await take_all(source) == []
    assert transport.left_open == []


def moments():
    """A source in each of its waits, by name: (script, options, whether something hangs there)."""

    async def forever():
        await asyncio.get_running_loop().create_future()

    return {
        "token": ([Stream()], {"token": forever}),
        "open": ([Stream()], {"on_open": forever}),
        "read": ([Stream(HANG)], {}),
        "refusal": ([Stream(HANG, status=404)], {}),
        "wait": ([ConnectionError("refused")], {}),
    }


@pytest.mark.parametrize("moment", moments())
@in_virtual_time
async def test_close_from_another_task_ends_any_wait_and_returns_when_nothing_is_open(moment):
    script, options = moments()[moment]
    recorder = Recorder()
    source, transport = source_over(*script, observer=recorder, **options)
    task = asyncio.create_task(anext(source, "end"))
    await settle()

    await source.close()

    assert transport.left_open == []
    assert source.state is State.CLOSED
    assert await task == "end"
    assert task.cancelling() == 0
    assert recorder.told[-1] == ("closed", "by its user")
    assert "error" not in recorder.names


@pytest.mark.parametrize("moment", moments())
@in_virtual_time
async def test_cancelled_wait_leaves_no_response_open_and_the_source_alive(moment):
    script, options = moments()[moment]
    source, transport = source_over(*script, **options)
    task = asyncio.create_task(anext(source))
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert transport.left_open == []
    assert source.state in (State.CONNECTING, State.WAITING)
    await source.close()


@pytest.mark.parametrize("rounds", range(1, 30))
@pytest.mark.parametrize("deed", ["close", "cancel", "both"])
@in_virtual_time
async def test_close_and_cancellation_at_any_moment_leave_nothing_open_and_lose_nothing(rounds, deed):
    """After so many rounds of the loop, wherever the source is by then."""
    kept = Kept()
    source, transport = source_over(
        Stream(event(1), event(2)),
        Stream(status=401),
        Stream(event(3) + event(4), HANG),
        cursor=kept,
        token=lambda: "t",
    )
    seen = []

    async def consume():
        async with source:
            async for received in source:
                await asyncio.sleep(0)
                seen.append(received.id)

    task = asyncio.create_task(consume())
    await settle(rounds)
    if deed != "close":
        task.cancel()
    if deed != "cancel":
        await source.close()
        assert transport.left_open == []
    with suppress(asyncio.CancelledError):
        await task

    assert transport.left_open == []
    assert source.state is State.CLOSED
    assert kept.saved in (seen, seen[:-1])
    assert seen == ["1", "2", "3", "4"][: len(seen)]


@in_virtual_time
async def test_cancelled_close_of_a_response_is_repeated():
    source, transport = source_over(Stream(event(1), HANG))
    await anext(source)
    task = asyncio.create_task(source.close())
    await settle(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.left_open

    await source.close()

    assert transport.left_open == []


@in_virtual_time
async def test_cancelled_wait_loses_nothing():
    source, transport = source_over(
        Stream(event(1) + b"id: 2\ndata: half\n", HANG), Stream(event(2), HANG), ConnectionError("refused")
    )
    assert await take(source, 1) == ["1"]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)

    assert await take(source, 1) == ["2"]
    assert transport.resumed_after == ["", "1"]
    await source.close()


@in_virtual_time
async def test_cancelled_pause_is_not_begun_again():
    recorder = Recorder()
    source, transport = source_over(ConnectionError("refused"), observer=recorder)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(source), 1.0)
    await take_all(source)

    assert len(recorder.delays) == 1
    assert len(transport.requests) == 2


@in_virtual_time
async def test_timeout_around_a_loop_is_a_timeout():
    source, _ = source_over(Stream(event(1), HANG))

    async def consume():
        async with asyncio.timeout(5.0), source:
            async for _ in source:
                pass

    with pytest.raises(TimeoutError):
        await consume()

    assert source.state is State.CLOSED


@in_virtual_time
async def test_second_consumer_is_told_so_and_disturbs_nothing():
    source, transport = source_over(Stream(HANG))
    task = asyncio.create_task(anext(source, "end"))
    await transport_reads(transport)
    with pytest.raises(LongwaveError, match="one task at a time"):
        await anext(source)

    assert transport.left_open
    await source.close()
    assert await task == "end"


@in_virtual_time
async def test_transport_of_the_user_stays_open():
    source, transport = source_over(Stream(event(1)))
    async with source:
        await take_all(source)

    assert not transport.is_closed


async def test_own_transport_is_made_when_it_is_needed_and_closed():
    source = EventSource("http://127.0.0.1:1/", patience=Patience(attempts=1, retry=0))
    assert source._transport is None
    with pytest.raises(RequestFailed, match=r"^http://127.0.0.1:1/: .*gave up after 1 failed"):
        await anext(source)

    assert source._transport._client.is_closed
