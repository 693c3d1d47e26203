"""Measures of what a client does when a stream ends, breaks or is refused.

Not here: reading (stream_measures.py), silence, limits and ends (control_measures.py).
Waits are judged by the requests' times at the server, in ratios far apart, and growth by what the client tells.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
"""

from __future__ import annotations

import random
from itertools import count, pairwise
from typing import TYPE_CHECKING

from clients.trial import FIRST, SECOND, comes_back, gave_up, stream, trial
from clients.verdict import NO, YES, Verdict, no, partly, yes_if
from longwave.testing import Answer, Cut, Redirect, Refuse, ScriptedServer, Send

if TYPE_CHECKING:
    from clients.client import Client
    from clients.reading import Reading

RETRY = 0.08  # seconds that a script asks for where the wait is measured
RETRY_AFTER = 1  # seconds; a header's smallest
SEEDS = (1, 2)


def after_an_end(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST), stream(SECOND)) as (server, reading):
        came = comes_back(server, reading, 2) and reading.until_event(2)
        return YES if came and reading.data == ["1", "2"] else gave_up(client, reading)


def after_a_break(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST, Cut(reset=False)), stream(SECOND)) as (server, reading):
        came = comes_back(server, reading, 2) and reading.until_event(2)
        return YES if came and reading.data == ["1", "2"] else gave_up(client, reading)


def retry(client: type[Client]) -> Verdict:
    answer = stream(Send(b"retry: %d\ndata: x\n\n" % (RETRY * 1000)))
    with trial(client, *[answer] * 4) as (server, reading):
        reading.until(lambda: len(server.requests) >= 4)
        if len(server.requests) < 4:
            return gave_up(client, reading)
        return of_gap(min(gaps(server)))


def of_gap(gap: float) -> Verdict:
    """The least of some gaps: a busy machine makes them longer, never shorter."""
    if gap < 0.85 * RETRY:
        return no("its own wait")
    return YES if gap < 1.9 * RETRY else partly("doubled")


def gaps(server: ScriptedServer) -> list[float]:
    return [after.time - before.time for before, after in pairwise(server.requests)]


def half_event(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST, Send(b"data: half\n")), stream(Send(b"data: whole\n\n"))) as (server, reading):
        if not (comes_back(server, reading, 2) and reading.until_event(2)):
            return gave_up(client, reading)
        return YES if reading.data == ["1", "whole"] else no("half and whole are one")


def last_event_id(client: type[Client]) -> Verdict:
    return resumes_after(client, "7")


def foreign_last_event_id(client: type[Client]) -> Verdict:
    return resumes_after(client, "€7")


def resumes_after(client: type[Client], event_id: str) -> Verdict:
    first = Send(f"retry: 10\nid: {event_id}\ndata: 1\n\n".encode())
    with trial(client, stream(first), stream(SECOND)) as (server, reading):
        if comes_back(server, reading, 2):
            return yes_if(server.requests[1].headers.get("last-event-id") == event_id.encode())
        return gave_up(client, reading)


def no_content(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST)) as (server, reading):
        reading.until(lambda: len(server.requests) >= 4)
        if len(server.requests) >= 4:
            return no("asks again")
        if len(server.requests) == 1:
            return gave_up(client, reading)
        return partly(reading.failed) if reading.error else YES


def retry_after(client: type[Client]) -> Verdict:
    refusal = Answer(503, {"Retry-After": str(RETRY_AFTER)})
    with trial(client, stream(FIRST), refusal, stream(SECOND)) as (server, reading):
        if not comes_back(server, reading, 3):
            return gave_up(client, reading)
        return YES if gaps(server)[1] >= RETRY_AFTER else partly("not Retry-After")


def backoff(client: type[Client]) -> Verdict:
    """Whether waits grow with failures, and whether two clients that fail together come back together."""
    runs = [announced_waits(client, seed) for seed in SEEDS]
    if any(isinstance(run, Verdict) for run in runs):
        return runs[0]
    first, second = runs
    grows = max(first) > 1.5 * min(first) and max(second) > 1.5 * min(second)
    if not grows:
        return NO
    return YES if first != second else partly("no jitter")


def announced_waits(client: type[Client], seed: int) -> list[float] | Verdict:
    random.seed(seed)
    with trial(client, stream(FIRST), *[Refuse()] * 3, stream(SECOND)) as (server, reading):
        if not reading.until(lambda: len(server.requests) >= 5):
            return gave_up(client, reading)
        waits = list(reading.losses[:4])
        took = server.requests[-1].time - server.requests[0].time
        assert took > 0.9 * sum(waits), f"expected the announced waits {waits}, got {took:.3f} s in all"
        return waits


def new_token(client: type[Client]) -> Verdict:
    numbers = count(1)
    script = (stream(FIRST), Answer(401), stream(SECOND))
    with trial(client, *script, token=lambda: f"token-{next(numbers)}") as (server, reading):
        if not comes_back(server, reading, 3):
            return gave_up(client, reading)
        refused, renewed = server.requests[1:3]
        if renewed.headers.get("authorization") == refused.headers.get("authorization"):
            return no("the same again")
        if renewed.headers.get("last-event-id") != b"7":
            return no("without its id")
        return partly(client.token_from) if client.token_from else YES


def redirect(client: type[Client]) -> Verdict:
    with trial(client, Redirect("/moved", 307), stream(FIRST), stream(SECOND)) as (server, reading):
        if not reading.until_event(1):
            return no(reading.failed)
        if not client.reconnects:
            return YES
        assert comes_back(server, reading, 3)
        return YES if server.requests[2].path == server.requests[0].path else partly("then the new address")


def wrong_type(client: type[Client]) -> Verdict:
    with trial(client, Answer(headers={"Content-Type": "text/html"}, steps=[Send(b"data: 1\n\n")])) as (_, reading):
        reading.until(lambda: reading.events or reading.failed)
        return yes_if(not reading.events and bool(reading.failed))


def post(client: type[Client]) -> Verdict:
    with trial(client, stream(FIRST), stream(SECOND), method="POST", body=b"question") as (server, reading):
        expected = 2 if client.reconnects else 1
        came = comes_back(server, reading, expected)
        if not came or any(request.method != "POST" for request in server.requests[:expected]):
            return no(of_method(server, reading))
        return yes_if(all(request.body == b"question" for request in server.requests[:expected]))


def of_method(server: ScriptedServer, reading: Reading) -> str:
    return f"{server.requests[0].method} only" if server.requests else reading.failed
