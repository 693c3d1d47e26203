"""A private update leaves no trace for those without a grant, whichever door they look through.

Not here: which grants show which updates (test_mercure_subscribe.py), who subscribes (test_presence.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration.conftest import until
from integration.mercure_tokens import KEY, MERCURE, OTHER_KEY, bearer
from integration.wire_answers import read_answers
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.server.config import AccessConfig
from longwave.server.metrics.metrics import Metrics
from longwave.server.metrics.request_counts import RequestCounts

HUB = AccessConfig(publisher_key=OTHER_KEY, subscriber_key=KEY, anonymous=True)
MARK = "nobody-else-sees-this"
SECRET = Update(
    ("t", f"users/{MARK}"), Event(f"{MARK} in the data", type=f"{MARK}-type", id=f"urn:{MARK}"), private=True
)
ALLOWED = bearer(subscribe=[f"users/{MARK}"])
WITHOUT_A_GRANT = {
    "nobody": [],
    "a token for nothing": [bearer()],
    "a token for another topic": [bearer(subscribe=["users/other", "users", "users/{+x}/y"])],
    "a token that is nearly for it": [
        bearer(subscribe=["users/{x}/", f"Users/{MARK}", "user{s}", f"users/{MARK}/{{x}}"])
    ],
    "a token to publish": [bearer(publish=["*"])],
    "a token to revoke": [bearer(**{"mercure": {"revoke": ["*"]}})],
}
TARGETS = [
    f"{MERCURE}?topic=*",
    "/events?topic=*",
    "/events?topic=t&topic=users%2F{x}",
    f"{MERCURE}?topic=*&lastEventID=earliest",
    "/events?topic=*&last_event_id=earliest",
    f"{MERCURE}?topic=*&lastEventID=unknown",
    f"{MERCURE}?topic=*&lastEventID=0badcafe-1",
]


async def seen(running, target, *headers, until_data="the end"):
    """All bytes that a client gets before the update that ends the test, and with it."""
    client = await running.connect()
    await client.request("GET", target, *headers)
    if b"200" not in (first := await client.until(b"\r\n\r\n"))[:16]:
        return first
    subscribers = running.hub.subscribers
    await until(lambda: all(one.state.value == "live" for one in running.site.streams()) and subscribers)
    await running.hub.append([Update(("t",), Event(until_data))])
    return first + await client.until(until_data.encode())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("who", WITHOUT_A_GRANT)
async def test_it_is_neither_replayed_nor_told_as_an_id(start, who, target):
    running = await start(access=HUB)
    await running.publish("public")
    await running.hub.append([SECRET])

    assert MARK.encode() not in await seen(running, target, *WITHOUT_A_GRANT[who])


@pytest.mark.parametrize("target", TARGETS[:4])
async def test_it_is_seen_by_who_has_a_grant(start, target):
    """Or else the test above would pass with updates that nobody ever sees."""
    running = await start(access=HUB)
    await running.hub.append([SECRET])
    client = await running.subscribe(target, ALLOWED)
    await running.hub.append([Update(("t", f"users/{MARK}"), Event("again"), private=True)])
    while (data := await client.data()) != "again":
        assert data == f"{MARK} in the data"


@pytest.mark.parametrize("who", WITHOUT_A_GRANT)
async def test_it_is_not_delivered_live(start, sink, who):
    running = await start(access=HUB, sink=sink)
    allowed = await running.subscribe("/events?topic=t", ALLOWED)
    client = await running.subscribe("/events?topic=*", *WITHOUT_A_GRANT[who])

    await running.hub.append([SECRET, Update(("t",), Event("public"))])

    assert [await allowed.data(), await allowed.data()] == [f"{MARK} in the data", "public"]
    assert await client.data() == "public"


@pytest.mark.parametrize("headers", WITHOUT_A_GRANT.values(), ids=WITHOUT_A_GRANT)
async def test_a_client_that_comes_back_with_less_gets_no_more_than_that_shows(start, headers):
    """The id of what it saw with its token is a place in the log, no right to what follows there."""
    running = await start(access=HUB)
    first = await running.subscribe("/events?topic=t", ALLOWED)
    await running.hub.append([SECRET])
    assert f"id: urn:{MARK}\n" in await first.block()
    first.close()
    more = Update(("t", f"users/{MARK}"), Event("more of the same"), private=True)
    await running.hub.append([more, Update(("t",), Event("public"))])

    client = await running.subscribe("/events?topic=t", f"Last-Event-ID: urn:{MARK}", *headers)

    assert await client.data() == "public"


@pytest.mark.parametrize("event_id", [f"urn:{MARK}-gone", "unknown", "earliest"])
async def test_a_gap_names_no_private_update(start, event_id):
    """Nor do the ids between which updates were missed, as these are places in the log."""
    running = await start(MemoryLog(Retention(events=2)), access=HUB)
    for number in range(10):
        await running.hub.append([Update((f"users/{MARK}",), Event(MARK, id=f"urn:{MARK}-{number}"), private=True)])

    data = await seen(running, f"{MERCURE}?topic=*", f"Last-Event-ID: {event_id}")

    assert MARK.encode() not in data.replace(event_id.encode(), b"")


async def test_a_slow_client_is_told_of_a_gap_without_what_was_in_it(start, sink):
    running = await start(MemoryLog(Retention(events=3)), access=HUB, sink=sink)
    client = await running.subscribe("/events?topic=*", receive_buffer=4096)
    for _ in range(30):
        await running.hub.append([Update(("t",), Event("x" * 100_000)), SECRET_AGAIN])
    await running.hub.append([Update(("t",), Event("the end"))])

    assert MARK.encode() not in await client.until(b"data: the end")


SECRET_AGAIN = Update((f"users/{MARK}",), Event(MARK), private=True)


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/events", MERCURE, f"{MERCURE}/subscriptions", "/metrics", "/nowhere"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
async def test_no_other_answer_tells_of_it_or_of_who_waits_for_it(start, method, path):
    running = await start(access=replace(HUB, subscriptions=True))
    await running.subscribe(f"/events?topic=users%2F{MARK}", ALLOWED)
    await running.hub.append([SECRET])
    client = await running.connect()

    await client.request(method, path, "Connection: close")
    answers = read_answers(data := await client.rest(), heads=method == "HEAD")

    assert len(answers) == 1
    assert MARK.encode() not in data


async def test_metrics_count_it_and_tell_no_more(start):
    running = await start(access=replace(HUB, subscriptions=True))
    await running.subscribe(f"/events?topic=users%2F{MARK}", ALLOWED)
    await running.hub.append([SECRET])

    text = (await Metrics(running.hub, RequestCounts(), lambda: 1).text()).decode()

    assert "\nlongwave_log_position " in text
    assert MARK not in text


async def test_who_asks_for_the_id_of_a_private_update_is_told_that_it_exists(start):
    """The protocol's own rule: an id that is known is told as it came. So an id is no secret, and must hold none."""
    running = await start(access=HUB)
    await running.hub.append([SECRET, Update(("t",), Event("public"))])
    client = await running.connect()

    head = await client.subscribe(f"{MERCURE}?topic=t", f"Last-Event-ID: urn:{MARK}")

    assert head.headers["last-event-id"] == f"urn:{MARK}"
