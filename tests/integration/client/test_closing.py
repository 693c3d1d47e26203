"""Ends from outside: `close` from another task or thread, a wait that is cancelled; nothing stays open or is lost."""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import suppress

import pytest

from integration.client.sources import END, Recorder, TaskSource, ThreadSource, take
from longwave.client import EventSource, Patience, State, SyncEventSource
from longwave.errors import RequestFailed
from longwave.testing import Answer, Cut, Gate, Send, Silence, Stall

LONG = 60.0  # seconds; what is not interrupted takes so long: it is also the default of `idle`
PROMPT = 10.0  # seconds

READING = Answer(steps=[Send(b"id: 1\ndata: a\n\n"), Stall()])


async def closes_promptly(source, waiting):
    began = time.monotonic()
    await source.close()
    assert await waiting is END
    assert time.monotonic() - began < PROMPT
    assert source.wrapped.state is State.CLOSED
    assert await source.next() is END


# close from another task or thread.


async def test_close_ends_a_wait_for_bytes(serve, connect):
    server = serve([READING])
    source = connect(server.url)
    await source.next()
    waiting = asyncio.create_task(source.next())
    await asyncio.sleep(0)

    await closes_promptly(source, waiting)
    await asyncio.to_thread(server.wait_until_gone)


@pytest.mark.parametrize("connect_by", ["tasks", "threads"])
async def test_close_ends_a_wait_for_the_head(serve, connect_by):
    """A thread that waits for a head ends at its `idle` at the latest, as its socket is not known before."""
    server = serve([Silence()])
    source = TaskSource(server.url) if connect_by == "tasks" else ThreadSource(server.url, idle=0.3)
    waiting = asyncio.create_task(source.next())
    await asyncio.to_thread(server.wait_for_requests, 1)

    await closes_promptly(source, waiting)
    await source.end()
    await asyncio.to_thread(server.wait_until_gone)
    assert len(server.requests) == 1


@pytest.mark.parametrize("failing", [Answer(503), Answer(steps=[Cut()]), Answer()], ids=["status", "cut", "empty"])
async def test_close_ends_a_wait_for_the_next_attempt(serve, connect, failing):
    recorder = Recorder()
    server = serve([failing])
    source = connect(server.url, observer=recorder, patience=Patience(retry=LONG))
    waiting = asyncio.create_task(source.next())
    await recorder.until("retry")
    assert source.wrapped.state is State.WAITING

    await closes_promptly(source, waiting)
    assert len(server.requests) == 1


async def test_close_ends_a_wait_for_the_text_of_a_refusal(serve, connect):
    """The body of a 404 that never comes."""
    server = serve([Answer(404, steps=[Stall()])])
    source = connect(server.url)
    waiting = asyncio.create_task(source.next())
    await asyncio.to_thread(server.wait_for_requests, 1)

    await closes_promptly(source, waiting)


async def test_close_drops_events_that_were_read_but_not_handed_out(serve, connect):
    """As the standard says of events that are queued."""
    source = connect(serve([Answer(steps=[Send(b"data: a\n\ndata: b\n\n"), Stall()])]).url)
    assert await take(source, 1) == ["a"]
    await source.close()

    assert await source.next() is END


async def test_close_may_come_twice_and_before_anything_was_asked_for(serve, connect):
    server = serve()
    source = connect(server.url)
    await source.close()
    await source.close()

    assert await source.next() is END
    assert server.requests == ()


# close from the consumer itself.


async def test_leaving_the_with_in_the_middle_leaves_nothing_open(serve, kind):
    """With the transport that a source makes for itself; what is left to the garbage collector would warn."""
    server = serve([READING])
    consume = consume_in_task if kind == "tasks" else consume_in_thread

    assert await consume(server.url) == "a"
    await asyncio.to_thread(server.wait_until_gone)
    gc.collect()


async def consume_in_task(url):
    async with EventSource(url) as source:
        async for event in source:
            return event.data


async def consume_in_thread(url):
    def consume():
        with SyncEventSource(url) as source:
            for event in source:
                return event.data

    return await asyncio.to_thread(consume)


@pytest.mark.parametrize("last", [Answer(204), Answer(404)], ids=["end", "failure"])
async def test_source_that_comes_to_its_end_leaves_nothing_open_without_close(serve, kind, last):
    server = serve([Answer(steps=[Send(b"retry: 0\ndata: a\n\n")])], last=last)

    consume = exhaust_in_task if kind == "tasks" else exhaust_in_thread

    assert await consume(server.url) == ["a"]
    assert len(server.requests) == 2
    await asyncio.to_thread(server.wait_until_gone)
    gc.collect()


async def exhaust_in_task(url):
    seen = []
    with suppress(RequestFailed):
        async for event in EventSource(url):
            seen.append(event.data)  # noqa: PERF401 - what came before the failure counts
    return seen


async def exhaust_in_thread(url):
    seen = []

    def exhaust():
        with suppress(RequestFailed):
            seen.extend(event.data for event in SyncEventSource(url))

    await asyncio.to_thread(exhaust)
    return seen


# A wait that is cancelled from outside (tasks only).


@pytest.fixture
async def source(serve):
    """Make sources for tasks."""
    made = []

    def start(url, **options):
        made.append(TaskSource(url, **options))
        return made[-1]

    yield start
    for one in made:
        await one.end()


async def cancel_a_wait(source, server, requests):
    """Cancel it a moment after the server has got so many requests."""
    waiting = asyncio.create_task(anext(source.wrapped))
    await asyncio.to_thread(server.wait_for_requests, requests)
    await asyncio.wait([waiting], timeout=0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.usefixtures("quick")
async def test_wait_for_bytes_that_is_cancelled_loses_nothing(serve, source):
    """The connection goes, with the half event on it; the next one resumes after what was handed out."""
    half = [Send(b"id: 1\ndata: a\n\n"), Send(b"id: 2\ndata: hal"), Gate(), Send(b"f\n\n")]
    server = serve([Answer(steps=half), Answer(steps=[Send(b"id: 2\ndata: b\n\nid: 3\ndata: c\n\n"), Stall()])])
    one = source(server.url)
    assert await take(one, 1) == ["a"]
    await cancel_a_wait(one, server, 1)

    assert await take(one, 2) == ["b", "c"]
    assert [request.headers.get("last-event-id") for request in server.requests] == [None, b"1"]


@pytest.mark.usefixtures("quick")
async def test_wait_that_is_cancelled_over_and_over_loses_nothing(serve, source):
    """Each anext may be given up after next to no time; what was read stays."""
    events = b"".join(b"id: %d\ndata: %d\n\n" % (number, number) for number in range(5))
    server = serve([Answer(steps=[Stall()])] * 3 + [Answer(steps=[Send(events), Stall()])])
    one = source(server.url)
    for number in range(3):
        await cancel_a_wait(one, server, number + 1)

    assert await take(one, 5) == list("01234")


@pytest.mark.usefixtures("quick")
async def test_wait_for_the_head_that_is_cancelled_is_tried_again(serve, source):
    server = serve([Silence(), READING])
    one = source(server.url)
    await cancel_a_wait(one, server, 1)

    assert await take(one, 1) == ["a"]


async def test_wait_for_the_next_attempt_that_is_cancelled_goes_on_where_it_was(serve, source):
    """The time already waited counts, so that it comes to its end, and the wait is not skipped."""
    server = serve([Answer(steps=[Send(b"retry: 120\ndata: a\n\n")]), READING])
    one = source(server.url)
    seen = [await one.next()]
    for _ in range(100):
        with suppress(TimeoutError):
            seen.append(await asyncio.wait_for(anext(one.wrapped), 0.04))
            break

    assert [event.data for event in seen] == ["a", "a"]
    assert server.requests[1].time - server.requests[0].time >= 0.108


async def test_cancelled_task_ends_and_nothing_stays_open(serve):
    server = serve([READING])

    async def consume():
        async with EventSource(server.url) as source:
            async for _ in source:
                pass

    consuming = asyncio.create_task(consume())
    await asyncio.to_thread(server.wait_for_requests, 1)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    await asyncio.to_thread(server.wait_until_gone)
    gc.collect()


async def test_cancellation_of_the_consumer_beats_a_close_at_the_same_moment(serve, source):
    one = source(serve([Silence()]).url)
    waiting = asyncio.create_task(anext(one.wrapped))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await one.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting
