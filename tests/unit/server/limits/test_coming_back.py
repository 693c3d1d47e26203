"""Clients that are to come back later are told so in their own way, and do not all come back together."""

from __future__ import annotations

import re
from http import HTTPStatus

from longwave.eventstream.event import MAX_RETRY
from longwave.server.limits.coming_back import come_back
from longwave.transports.exchange import Request

BROWSER = Request("GET", "/events", headers=((b"accept", b"text/event-stream"),))
OTHER = Request("GET", "/events")
TIMES = 20


def told(request, wait):
    """What each of several clients is told: the milliseconds or the seconds."""
    answers = [come_back(request, HTTPStatus.TOO_MANY_REQUESTS, "too much", wait=wait) for _ in range(TIMES)]
    if request is BROWSER:
        return {int(re.fullmatch(rb"retry: ?(\d+)\n+", answer.body)[1]) for answer in answers}
    return {int(dict(answer.headers)[b"Retry-After"]) for answer in answers}


def test_browsers_wait_as_long_as_they_must_and_then_come_one_after_another():
    retries = told(BROWSER, 600.0)

    assert len(retries) > TIMES // 2
    assert all(630_000 <= retry <= 660_000 for retry in retries)


def test_where_nobody_knows_how_long_all_wait_for_different_times():
    assert len(told(OTHER, 0.0)) > 3
    assert all(30 <= seconds <= 60 for seconds in told(OTHER, 0.0))
    assert all(30_000 <= retry <= 60_000 for retry in told(BROWSER, 0.0))


def test_other_clients_are_told_when_they_may_again():
    assert told(OTHER, 600.0) == {600}


def test_no_wait_is_longer_than_a_browser_takes():
    assert told(BROWSER, 1e15) == {MAX_RETRY}
