"""When a client comes back, and when it takes a silent connection for dead; measured by the server's clock."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from integration.client.sources import END, Recorder, take, take_all
from longwave.client import Patience, reconnection
from longwave.errors import RequestFailed
from longwave.testing import Answer, Cut, Pause, Redirect, Refuse, Send, Stall

QUICK = b"retry: 60\n"  # milliseconds; a little above the shortest wait there is
SHORTEST = 0.02  # seconds, in the tests of failures
EVENT = Send(QUICK + b"data: a\n\n")


def waits(server):
    """Seconds between one request and the next."""
    return [after.time - before.time for before, after in pairwise(server.requests)]


# After a stream that worked.


@pytest.mark.parametrize(
    "stream",
    [QUICK, QUICK + b"data: half", QUICK + b"\n", b"data: a\n\n" + QUICK],
    ids=["line", "half", "block", "late"],
)
async def test_retry_counts_as_soon_as_its_line_ended(serve, connect, stream):
    """No blank line is needed, as the standard says; without it the wait would be three seconds."""
    recorder = Recorder()
    server = serve([Answer(steps=[Send(stream)])])
    await take_all(connect(server.url, observer=recorder))

    assert 0.054 <= recorder.delays[0] <= 0.066
    assert waits(server)[0] >= 0.054


async def test_last_retry_counts(serve, connect):
    recorder = Recorder()
    server = serve([Answer(steps=[Send(b"retry: 3600000\nretry: x\ndata: a\n\n"), Send(QUICK)])])
    await take_all(connect(server.url, observer=recorder))

    assert 0.054 <= recorder.delays[0] <= 0.066


async def test_streams_that_work_are_all_followed_by_a_first_wait(serve, connect):
    """Ten per cent around `retry`, never the same: clients of a lost server do not come back together."""
    recorder = Recorder()
    server = serve([Answer(steps=[EVENT])] * 4)
    await take_all(connect(server.url, observer=recorder))

    assert all(0.054 <= delay <= 0.066 for delay in recorder.delays)
    assert len(set(recorder.delays)) == 4
    assert all(wait >= 0.054 for wait in waits(server))


# After failures.


@pytest.fixture
def unlucky(monkeypatch):
    """Each wait is the longest that the rules allow, and the shortest there is is less than usual."""
    monkeypatch.setattr(reconnection, "SHORTEST", SHORTEST)
    monkeypatch.setattr(random, "random", lambda: 1.0)


@pytest.mark.usefixtures("unlucky")
@pytest.mark.parametrize(
    "item",
    [Answer(), Answer(steps=[Send(b"retry: 0\n\n")]), Answer(steps=[Send(b":\n"), Cut()]), Answer(503), Refuse()],
    ids=["empty", "retry alone", "heartbeat and cut", "status", "no byte"],
)
async def test_server_that_opens_and_closes_is_not_hammered(serve, connect, item):
    """A stream without an event is a failure: waits double, whatever `retry` the server says."""
    recorder = Recorder()
    server = serve([Answer(steps=[Send(b"retry: 0\ndata: a\n\n")])], last=item)
    source = connect(server.url, observer=recorder, patience=Patience(attempts=3))
    await source.next()
    with pytest.raises(RequestFailed, match="gave up after 3 failed attempts"):
        await source.next()

    assert recorder.delays == pytest.approx([SHORTEST, 2 * SHORTEST, 4 * SHORTEST])
    assert all(wait >= delay for wait, delay in zip(waits(server), recorder.delays, strict=True))


@pytest.mark.usefixtures("unlucky")
async def test_waits_grow_to_the_longest_only(serve, connect):
    recorder = Recorder()
    server = serve([Answer(steps=[Send(b"retry: 0\ndata: a\n\n")])], last=Answer(503))
    source = connect(server.url, observer=recorder, patience=Patience(longest=0.03, attempts=5))
    await source.next()
    with pytest.raises(RequestFailed):
        await source.next()

    assert recorder.delays == pytest.approx([SHORTEST, 0.03, 0.03, 0.03, 0.03])


@pytest.mark.usefixtures("unlucky")
async def test_event_makes_the_next_wait_a_first_one_again(serve, connect):
    recorder = Recorder()
    bad = Answer(503)
    quick = Answer(steps=[Send(b"retry: 0\ndata: a\n\n")])
    await take_all(connect(serve([quick, bad, bad, quick, bad]).url, observer=recorder))

    assert recorder.delays == pytest.approx([SHORTEST, 2 * SHORTEST, 4 * SHORTEST, SHORTEST, 2 * SHORTEST])


@pytest.mark.parametrize(
    "value",
    ["2", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)],
    ids=["seconds", "date"],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_a_floor(serve, connect, status, value):
    server = serve(
        [Answer(steps=[EVENT]), Answer(status, {"Retry-After": value if isinstance(value, str) else value()})]
    )
    recorder = Recorder()
    source = connect(server.url, observer=recorder)
    await source.next()
    waiting = asyncio.create_task(source.next())
    await recorder.until("retry", 2)
    await source.close()

    assert await waiting is END
    assert recorder.delays[0] < 0.1
    assert 1.5 < recorder.delays[1] < 3.5
    assert len(server.requests) == 2


async def test_retry_after_holds_for_one_wait(serve, connect):
    recorder = Recorder()
    answers = [Answer(steps=[EVENT]), Answer(503, {"Retry-After": "0"}), Answer(steps=[EVENT])]
    await take_all(connect(serve(answers).url, observer=recorder))

    assert all(delay <= 0.15 for delay in recorder.delays)


async def test_redirect_does_not_wait(serve, connect):
    server = serve([Redirect("/a"), Redirect("/b"), Answer(steps=[EVENT])])
    await connect(server.url).next()

    assert sum(waits(server)) < 2  # a first wait is three seconds


# Silence.


async def test_no_byte_for_long_is_a_dead_connection(serve, connect):
    recorder = Recorder()
    server = serve([Answer(steps=[EVENT, Stall()]), Answer(steps=[EVENT])])
    source = connect(server.url, idle=0.5, observer=recorder)

    assert await take(source, 2) == ["a", "a"]
    assert recorder.reasons("retry") == [f"{server.url}: no byte came for 0.5 s"]


async def test_heartbeats_keep_a_connection_alive(serve, connect):
    beats = [step for _ in range(6) for step in (Pause(0.2), Send(b":\n"))]
    server = serve([Answer(steps=[EVENT, *beats, Send(b"data: b\n\n")])])

    assert await take(connect(server.url, idle=1.0), 2) == ["a", "b"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("beat", [b":\n", b":\n\n", b"id: 1\n\n", b"retry: 60\n\n"])
async def test_heartbeats_without_events_are_a_stalled_stream(serve, connect, beat):
    recorder = Recorder()
    beats = [step for _ in range(100) for step in (Pause(0.02), Send(beat))]
    server = serve([Answer(steps=[EVENT, *beats, Stall()]), Answer(steps=[EVENT])])
    source = connect(server.url, idle=5, event_idle=1.0, observer=recorder)

    assert await take(source, 2) == ["a", "a"]
    assert recorder.reasons("retry") == [f"{server.url}: no event came for 1 s"]


async def test_stream_that_stalled_is_closed_before_the_next_is_opened(serve, connect):
    """By way of a redirect, so that the stalled connection is the only one of its server."""
    beats = [step for _ in range(5000) for step in (Pause(0.02), Send(b":\n"))]  # longer than is waited for
    stalled = serve([Answer(steps=[EVENT, *beats])])
    server = serve([Redirect(stalled.url), Answer(steps=[EVENT, Stall()])])

    assert await take(connect(server.url, event_idle=0.5), 2) == ["a", "a"]
    await asyncio.to_thread(stalled.wait_until_gone)
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(server.wait_until_gone, 0.01)


async def test_events_keep_a_stream_from_being_stalled(serve, connect):
    events = [step for _ in range(6) for step in (Pause(0.2), Send(b"data: b\n\n"))]
    server = serve([Answer(steps=[EVENT, *events])])

    assert await take(connect(server.url, event_idle=1.0), 7) == ["a", *"bbbbbb"]
    assert len(server.requests) == 1
