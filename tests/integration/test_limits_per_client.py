"""What one client may do, by its address and by its token's subject: what it is told above that, and that others go on.

The server's peer is a proxy in most of these tests: clients on its own machine may connect as often as they like.
"""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from integration.conftest import until
from integration.mercure_tokens import ANONYMOUS, KEYED, MERCURE, bearer
from longwave.server.config import AccessConfig, Limits, Listen
from longwave.server.rate_limits import Rate

FORM = "application/x-www-form-urlencoded"
NDJSON = "application/x-ndjson"
EVENT_SOURCE = "Accept: text/event-stream"
STREAM = "/events?topic=t"
BEHIND_PROXY = Listen(port=0, trusted_proxies=("127.0.0.1",))
TWO_AN_HOUR = Rate(2 / 3600, 2)  # none comes back during a test
ADA, BOB = bearer(publish=["*"], subscribe=["*"], sub="ada"), bearer(publish=["*"], subscribe=["*"], sub="bob")


def of(address):
    return f"X-Forwarded-For: {address}"


async def answer_to(running, target, *headers):
    """The answer to a request that gets no stream."""
    client = await running.connect()
    return await client.get(target, *headers)


def refused(running):
    return running.hub.counters.refusals


# Opening streams.


async def test_address_that_opens_too_many_streams_is_told_when_it_may_again_and_others_go_on(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=TWO_AN_HOUR))
    for _ in range(2):
        await running.subscribe(STREAM, of("192.0.2.7"))

    answer = await answer_to(running, STREAM, of("192.0.2.7"))
    assert answer.status == 429
    assert answer.text == "expected at most 2/h burst 2 new streams from one address, got more\n"
    assert answer.headers["retry-after"] == "1800"
    await running.subscribe(STREAM, of("192.0.2.8"))
    assert refused(running) == {"connect_rate_address": 1}


async def test_browser_that_opens_too_many_streams_comes_back_by_itself_later(start):
    """After an error status its EventSource never would."""
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=Rate(1 / 3600, 1)))
    await running.subscribe(STREAM, of("192.0.2.7"))

    client = await running.connect()
    answer = await client.get(STREAM, of("192.0.2.7"), EVENT_SOURCE)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert 3_590_000 < int(re.fullmatch(r"retry: ?(\d+)\n+", answer.text)[1]) <= 3_600_000
    await client.ended()


async def test_addresses_of_one_ipv6_network_are_one_client(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=TWO_AN_HOUR))
    for number in (1, 2):
        await running.subscribe(STREAM, of(f"2001:db8::{number}"))

    assert (await answer_to(running, STREAM, of("2001:db8::ffff:1"))).status == 429
    await running.subscribe(STREAM, of("2001:db8:0:1::1"))


async def test_guessing_tokens_counts_too(start):
    running = await start(listen=BEHIND_PROXY, access=KEYED, limits=Limits(connect_rate=TWO_AN_HOUR))
    wrong = "Authorization: Bearer x"

    statuses = [(await answer_to(running, STREAM, of("192.0.2.7"), wrong)).status for _ in range(3)]
    assert statuses == [401, 401, 429]


async def test_head_takes_nothing_from_the_rate(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=Rate(1 / 3600, 1)))
    for _ in range(3):
        client = await running.connect()
        await client.request("HEAD", STREAM, of("192.0.2.7"))
        assert (await client.head()).status == 200
    await running.subscribe(STREAM, of("192.0.2.7"))


async def test_subject_that_opens_too_many_streams_is_refused_wherever_it_is(start):
    running = await start(access=ANONYMOUS, limits=Limits(connect_rate_per_subject=TWO_AN_HOUR))
    for _ in range(2):
        await running.subscribe(STREAM, ADA)

    answer = await answer_to(running, f"{MERCURE}?topic=t", ADA)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1800")
    assert answer.text == "expected at most 2/h burst 2 new streams from one subject, got more\n"
    for headers in ((BOB,), (), ()):
        await running.subscribe(STREAM, *headers)
    assert refused(running) == {"connect_rate_subject": 1}


# Who the client is.


async def test_headers_of_whoever_is_no_trusted_proxy_count_for_nothing(start):
    running = await start(limits=Limits(publish_rate=TWO_AN_HOUR))
    statuses = []
    for number in range(3):
        client = await running.connect()
        statuses.append((await client.post("topic=t", FORM, of(f"192.0.2.{number}"))).status)

    assert statuses == [200, 200, 429]


async def test_what_a_client_writes_before_its_proxy_does_makes_it_nobody_else(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=TWO_AN_HOUR))
    for forged in ("9.9.9.9", "127.0.0.1"):
        await running.subscribe(STREAM, of(f"{forged}, 192.0.2.7"))

    assert (await answer_to(running, STREAM, of("8.8.8.8, 10.0.0.1, 192.0.2.7"))).status == 429


async def test_clients_that_cannot_be_told_apart_share_one_limit(start):
    """Or else a header that the proxy passes on would take its client out of all limits."""
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=TWO_AN_HOUR))
    await running.subscribe(STREAM, of("192.0.2.7"), "Forwarded: for=1.2.3.4")
    await running.subscribe(STREAM, of("unknown"))

    assert (await answer_to(running, STREAM, of("192.0.2.9"), "Forwarded: for=127.0.0.1")).status == 429
    await running.subscribe(STREAM, of("192.0.2.9"))


async def test_proxy_on_a_unix_socket_tells_of_its_clients(start, tmp_path):
    listen = Listen(uds=str(tmp_path / "hub.sock"), trusted_proxies=("unix",))
    running = await start(listen=listen, limits=Limits(connect_rate=TWO_AN_HOUR))
    for _ in range(2):
        await running.subscribe(STREAM, of("192.0.2.7"))

    assert (await answer_to(running, STREAM, of("192.0.2.7"))).status == 429
    await running.subscribe(STREAM, of("192.0.2.8"))


async def test_connections_of_a_trusted_proxy_do_not_count_by_address(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connections_per_address=1))
    for _ in range(3):
        await running.subscribe(STREAM, of("192.0.2.7"))


# Publishing.


async def test_address_that_publishes_too_much_is_told_when_it_may_again(start):
    running = await start(limits=Limits(publish_rate=TWO_AN_HOUR))
    client = await running.connect()
    assert (await client.post('{"topic": "t"}\n{"topic": "t"}\n', NDJSON)).status == 200

    answer = await client.post("topic=t&data=lost", FORM)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1800")
    assert answer.text == "expected at most 2/h burst 2 updates from one address, got more\n"
    assert (await client.get("/healthz")).status == 200  # on the same connection
    assert await running.stored() == ["", ""]
    assert refused(running) == {"publish_rate_address": 1}


async def test_batch_above_the_burst_passes_and_is_paid_for_by_what_comes_after(start):
    running = await start(limits=Limits(publish_rate=TWO_AN_HOUR))
    client = await running.connect()
    assert (await client.post('{"topic": "t"}\n' * 5, NDJSON)).status == 200

    assert (await client.post("topic=t", FORM)).headers["retry-after"] == str(4 * 1800)


async def test_nothing_of_a_batch_above_the_rate_is_published(start):
    running = await start(limits=Limits(publish_rate=TWO_AN_HOUR))
    client = await running.connect()
    assert (await client.post("topic=t", FORM)).status == 200

    assert (await client.post('{"topic": "t"}\n' * 2, NDJSON)).status == 429
    assert len(await running.stored()) == 1
    assert (await client.post("topic=t", FORM)).status == 200


async def test_subject_that_publishes_too_much_is_refused_and_others_go_on(start):
    running = await start(access=KEYED, limits=Limits(publish_rate_per_subject=TWO_AN_HOUR))
    client = await running.connect()
    statuses = [(await client.post("topic=t", FORM, ADA, target=MERCURE)).status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert (await client.post("topic=t", FORM, BOB)).status == 200
    assert refused(running) == {"publish_rate_subject": 1}


# Open streams.


@pytest.mark.parametrize("header", ["X: x", "Last-Event-ID: earliest", "Last-Event-ID: nobody-knows"])
async def test_address_with_as_many_streams_as_it_may_have_gets_another_when_one_ends(start, sink, header):
    running = await start(sink=sink, limits=Limits(streams_per_address=2))
    first, _ = [await running.subscribe(STREAM, header) for _ in range(2)]

    answer = await answer_to(running, STREAM, header)
    assert (answer.status, answer.headers["retry-after"]) == (429, "30")
    assert answer.text == "expected at most 2 open streams from one address, got more\n"
    assert refused(running) == {"streams_address": 1}

    first.close()
    await until(lambda: running.hub.subscribers == 1)
    await running.subscribe(STREAM, header)


async def test_browser_with_as_many_streams_as_it_may_have_comes_back_by_itself(start):
    running = await start(limits=Limits(streams_per_address=1))
    await running.subscribe()

    answer = await answer_to(running, STREAM, EVENT_SOURCE)
    assert answer.status == 200
    assert 30_000 <= int(re.fullmatch(r"retry: ?(\d+)\n+", answer.text)[1]) <= 60_000


async def test_subject_has_only_so_many_streams(start, sink):
    running = await start(sink=sink, access=ANONYMOUS, limits=Limits(streams_per_subject=1))
    first = await running.subscribe(STREAM, ADA)

    answer = await answer_to(running, STREAM, ADA)
    assert answer.status == 429
    assert answer.text == "expected at most 1 open streams from one subject, got more\n"
    for headers in ((BOB,), (), ()):
        await running.subscribe(STREAM, *headers)

    first.close()
    await until(lambda: running.hub.subscribers == 3)
    await running.subscribe(STREAM, ADA)


async def test_bad_request_leaves_nothing_counted(start):
    running = await start(limits=Limits(streams_per_address=1))
    for _ in range(3):
        assert (await answer_to(running, "/events")).status == 400
    await running.subscribe()


async def test_nobody_is_told_of_a_stream_that_was_refused(start):
    access = AccessConfig(key=KEYED.key, anonymous=True, subscriptions=True)
    running = await start(access=access, limits=Limits(streams_per_address=1))
    await running.subscribe()
    stored = len(await running.stored())

    assert (await answer_to(running, STREAM)).status == 429
    assert len(await running.stored()) == stored


# Selectors.


async def test_selectors_that_cost_too_much_to_match_are_refused(start):
    running = await start(limits=Limits(selector_cost=2))

    answer = await answer_to(running, "/events?topic=a/%7Bb%7D&topic=b/%7Bb%7D&topic=c/%7Bb%7D")
    assert answer.status == 400
    assert answer.text.startswith("topic: expected templates that cost at most 2 together to match, got 3")
    assert refused(running) == {"selector_cost": 1}


async def test_selectors_of_too_many_bytes_are_refused(start):
    running = await start(limits=Limits(selector_bytes=10))

    answer = await answer_to(running, "/events?topic=123456&topic=12345")
    assert answer.status == 400
    assert answer.text == "topic: expected selectors of at most 10 bytes together, got 11\n"
    assert refused(running) == {"selector_size": 1}


async def test_batch_of_many_topics_under_costly_grants_lets_others_have_their_turn(start):
    """2,000 topics under 500 templates: a third of a second of work, in slices."""
    grants = [f"{number}/{{a}}" for number in range(500)]
    running = await start(access=KEYED)
    client, other = await running.connect(), await running.connect()
    body = "".join(json.dumps({"topic": f"499/{number}"}) + "\n" for number in range(2000))

    publishing = asyncio.create_task(client.post(body, NDJSON, bearer(publish=grants)))
    healthy = 0
    while not publishing.done():
        healthy += (await other.get("/healthz")).status == 200
    assert (await publishing).status == 200
    assert healthy > 10


# Without any option.


async def test_limits_by_default_do_not_hinder_many_clients_of_one_machine(start):
    running = await start()
    clients = await asyncio.gather(*(running.subscribe() for _ in range(2000)))
    client = await running.connect()
    for _ in range(5):
        assert (await client.post('{"topic": "other"}\n' * 900, NDJSON)).status == 200
    for _ in range(500):
        assert (await client.post("topic=other", FORM)).status == 200

    assert running.hub.subscribers == len(clients) == 2000
    assert refused(running) == {}
