"""Measures of what keeps a client in hand: silence, sizes, failures of its user, its end.

Not here: reading (stream_measures.py), reconnection (connection_measures.py).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from clients.client import Client, Wish
from clients.reading import ProcessingFailed, Reading, raises
from clients.trial import FIRST, SECOND, comes_back, stream, trial
from clients.verdict import NO, YES, Verdict, no, partly, yes_if
from longwave.testing import Pause, ScriptedServer, Send, Stall

IDLE = 0.15  # seconds
HEARTBEATS = [step for _ in range(9) for step in (Send(b":\n"), Pause(0.05))]  # three times as long as IDLE
MAX_EVENT = 65_536  # bytes; what is sent is five times as large
RECONNECTS = {"reconnect", "restart", "interrupt"}  # what a method for that would be called
TIME_TO_END = 0.7  # seconds that a client may take to end once it is closed


def byte_idle(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST, Stall()), stream(SECOND), idle=IDLE) as (server, reading):
        if comes_back(server, reading, 2):
            return YES
        return partly(reading.failed) if reading.error else NO


def event_idle(client: type[Client]) -> Verdict:
    stalled = stream(FIRST, *HEARTBEATS, Send(b"data: late\n\n"))
    with trial(client, stalled, stream(SECOND), event_idle=IDLE) as (_, reading):
        assert reading.until_event(2)
        return yes_if(reading.data == ["1", "2"])


def event_size(client: type[Client]) -> Verdict:
    line = b"data: " + b"x" * 5 * MAX_EVENT + b"\n\n"
    lines = (b"data: " + b"x" * 1000 + b"\n") * (5 * MAX_EVENT // 1000) + b"\n"
    long, many = refusal(client, line), refusal(client, lines)
    if long and many:
        return YES
    return partly("one line, not all together") if long else NO


def refusal(client: type[Client], data: bytes) -> str:
    """Say what a client raises; "" if it hands the event out."""
    with trial(client, stream(Send(data)), max_event=MAX_EVENT) as (_, reading):
        reading.until(lambda: reading.events or reading.is_over)
        return "" if reading.events else reading.failed


def kept_cursor(client: type[Client]) -> Verdict:
    """Whether a new client goes on after the last event that was processed, not after the last that was read."""
    first = stream(Send(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n"))
    with tempfile.TemporaryDirectory() as folder, ScriptedServer([first, first]) as server:
        wish = Wish(cursor=Path(folder) / "cursor", fails_at="2")
        for run in (1, 2):
            with Reading(client(), server.url, wish) as reading:
                reading.until(lambda reading=reading: reading.ended)
                assert isinstance(reading.error, ProcessingFailed), reading.error
                assert len(server.requests) == run
        return yes_if(server.requests[1].headers.get("last-event-id") == b"1")


def closed_from_elsewhere(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST, Stall())) as (server, reading):
        assert reading.until_event(1)
        reading.until_still()
        closing = reading.call(reading.client.close)
        if not reading.until(lambda: reading.ended, TIME_TO_END):
            return no(raises(reading.call_error) or "the read goes on")
        closing.join(TIME_TO_END)
        if closing.is_alive() or len(server.requests) > 1:
            return no("the client goes on")
        return partly(reading.failed) if reading.error else YES


def told_to_reconnect(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST, Stall()), stream(SECOND)) as (server, reading):
        assert reading.until_event(1)
        if client.restart is Client.restart:
            offered = RECONNECTS & set(dir(reading.client.source))
            assert not offered, f"expected no way to reconnect, got {offered}"
            return NO
        reading.until_still()
        reading.call(reading.client.restart)
        return yes_if(comes_back(server, reading, 2))


def preset_id(client: type[Client]) -> Verdict:
    nameless = stream(Send(b"retry: 10\ndata: 1\n\n"))
    with trial(client, nameless, stream(SECOND), last_event_id="7") as (server, reading):
        expected = 2 if client.reconnects else 1
        assert comes_back(server, reading, expected)
        sent = [request.headers.get("last-event-id") for request in server.requests[:expected]]
        if sent[0] != b"7":
            return NO
        return YES if sent[-1] == b"7" else partly("once")
