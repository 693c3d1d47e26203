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
from integration.presence_client import TOLD
from longwave.server.config import AccessConfig, Limits, Listen
from longwave.server.limits.client_limits import BAD_TOKENS
from longwave.server.limits.rate_limits import Rate

FORM = "application/x-www-form-urlencoded"
NDJSON = "application/x-ndjson"
EVENT_SOURCE = "Accept: text/event-stream"
STREAM = "/events?topic=t"
LISTING = f"{MERCURE}/subscriptions"
REVOKE = "/events/revoke"
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
    return {reason: count for reason, count in running.hub.counters.refusals.items() if count}


# Opening streams.


async def test_address_that_opens_too_many_streams_is_told_when_it_may_again_and_others_go_on(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(connect_rate=TWO_AN_HOUR))
    for _ in range(2):
        await running.subscribe(STREAM, of("192.0.2.7"))

    answer = await answer_to(running, STREAM, of("192.0.2.7"))
    assert answer.status == 429
    assert answer.text == "expected at most 2/h burst 2 new streams and lists from one address, got more\n"
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
    assert 3_620_000 < int(re.fullmatch(r"retry: ?(\d+)\n+", answer.text)[1]) <= 3_660_000
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


@pytest.mark.parametrize(("method", "target"), [("HEAD", STREAM), ("GET", LISTING), ("HEAD", LISTING)])
async def test_what_wants_a_subscribers_token_takes_from_the_rate_too(start, method, target):
    """Or else tokens could be guessed there, and lists asked for, at any speed."""
    access = AccessConfig(key=KEYED.key, anonymous=True, subscriptions=True)
    running = await start(listen=BEHIND_PROXY, access=access, limits=Limits(connect_rate=TWO_AN_HOUR))
    client = await running.connect()
    statuses = []
    for _ in range(3):
        await client.request(method, target, of("192.0.2.7"), ADA)
        answer = await client.answer(head_only=method == "HEAD")
        statuses.append(answer.status)

    assert statuses == [200, 200, 429]
    assert refused(running) == {"connect_rate_address": 1}


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", STREAM), ("HEAD", STREAM), ("POST", "/events"), ("POST", MERCURE), ("POST", REVOKE), ("GET", LISTING)],
)
async def test_address_with_too_many_bad_tokens_is_told_that_and_others_go_on(start, method, target):
    running = await start(listen=BEHIND_PROXY, access=AccessConfig(key=KEYED.key, subscriptions=True))
    client = await running.connect()

    async def status(*headers):
        await client.request(method, target, f"Content-Type: {FORM}", *headers, body=b"topic=t")
        return (await client.answer(head_only=method == "HEAD")).status

    wrong = "Authorization: Bearer " + "x" * 50
    statuses = [await status(of("192.0.2.7"), wrong) for _ in range(BAD_TOKENS.burst + 5)]

    assert statuses[: BAD_TOKENS.burst] == [401] * BAD_TOKENS.burst
    assert statuses[-1] == 429
    assert await status(of("192.0.2.8"), wrong) == 401
    assert refused(running)["bad_tokens_address"] == statuses.count(429)


async def test_good_tokens_count_however_many_bad_ones_come_from_their_address(start):
    running = await start(listen=BEHIND_PROXY, access=KEYED)
    client = await running.connect()
    for _ in range(BAD_TOKENS.burst + 5):
        await client.post("topic=t", FORM, of("192.0.2.7"))

    assert (await client.post("topic=t", FORM, of("192.0.2.7"), ADA)).status == 200
    await running.subscribe(STREAM, of("192.0.2.7"), ADA)


async def test_subject_that_opens_too_many_streams_is_refused_wherever_it_is(start):
    running = await start(access=ANONYMOUS, limits=Limits(connect_rate_per_subject=TWO_AN_HOUR))
    for _ in range(2):
        await running.subscribe(STREAM, ADA)

    answer = await answer_to(running, f"{MERCURE}?topic=t", ADA)
    assert (answer.status, answer.headers["retry-after"]) == (429, "1800")
    assert answer.text == "expected at most 2/h burst 2 new streams and lists from one subject, got more\n"
    for headers in ((BOB,), (), ()):
        await running.subscribe(STREAM, *headers)
    assert refused(running) == {"connect_rate_subject": 1}


# Coming and leaving, where others are told of it.

SELECTORS = "&".join(f"topic=t{number}" for number in range(4))
TOLD_TWICE = Rate(16 / 3600, 16)  # two streams with four selectors come, and leave


async def test_address_that_others_are_told_of_too_often_waits_and_others_go_on(start):
    """Or one client that connects and resets would push the history of everybody out of the log."""
    running = await start(listen=BEHIND_PROXY, access=TOLD, limits=Limits(told_rate=TOLD_TWICE))
    for _ in range(2):
        (await running.subscribe(f"/events?{SELECTORS}", of("192.0.2.7"))).reset()
    await until(lambda: running.log.last == 16)

    answer = await answer_to(running, f"/events?{SELECTORS}", of("192.0.2.7"))
    assert (answer.status, answer.headers["retry-after"]) == (429, "1800")
    assert answer.text == "expected at most 16/h burst 16 updates about subscriptions from one address, got more\n"
    browser = await answer_to(running, f"/events?{SELECTORS}", of("192.0.2.7"), EVENT_SOURCE)
    assert browser.status == 200
    assert 1_790_000 < int(re.fullmatch(r"retry: ?(\d+)\n+", browser.text)[1]) <= 1_860_000
    assert running.log.last == 16, "nobody was told of those that were refused"
    await running.subscribe(f"/events?{SELECTORS}", of("192.0.2.8"))
    assert refused(running)["told_rate_address"] == 2


async def test_subject_that_others_are_told_of_too_often_waits_wherever_it_is(start):
    running = await start(listen=BEHIND_PROXY, access=TOLD, limits=Limits(told_rate_per_subject=TOLD_TWICE))
    for number in range(2):
        await running.subscribe(f"/events?{SELECTORS}", of(f"192.0.2.{number}"), ADA)

    assert (await answer_to(running, f"{MERCURE}?{SELECTORS}", of("192.0.2.3"), ADA)).status == 429
    await running.subscribe(f"/events?{SELECTORS}", of("192.0.2.3"), BOB)
    assert refused(running)["told_rate_subject"] == 1


async def test_rate_of_what_is_told_is_without_meaning_where_nobody_is(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(told_rate=Rate(1 / 3600, 1)))
    for _ in range(3):
        await running.subscribe(f"/events?{SELECTORS}", of("192.0.2.7"))


async def test_request_that_is_wrong_takes_nothing_from_the_rate(start):
    running = await start(listen=BEHIND_PROXY, access=TOLD, limits=Limits(told_rate=Rate(2 / 3600, 2)))
    for _ in range(3):
        assert (await answer_to(running, "/events", of("192.0.2.7"))).status == 400
    await running.subscribe(STREAM, of("192.0.2.7"))


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
    assert answer.status == 429
    assert 30 <= int(answer.headers["retry-after"]) <= 60
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


def topics(count):
    return "/events?" + "&".join(f"topic=t{number}" for number in range(count))


async def test_streams_of_one_address_ask_for_so_much_together_and_others_go_on(start, sink):
    running = await start(sink=sink, listen=BEHIND_PROXY, limits=Limits(selectors_per_address=100))
    first = await running.subscribe(topics(60), of("192.0.2.7"))

    answer = await answer_to(running, topics(41), of("192.0.2.7"))
    assert answer.status == 429
    assert answer.text == "expected selectors of at most 100 in the open streams of one address, got more\n"
    assert 30 <= int(answer.headers["retry-after"]) <= 60
    assert refused(running) == {"selectors_address": 1}
    await running.subscribe(STREAM, of("192.0.2.7"))  # which is light
    await running.subscribe(topics(60), of("192.0.2.8"))

    first.close()
    await until(lambda: running.hub.subscribers == 2)
    await running.subscribe(topics(41), of("192.0.2.7"))


async def test_what_matching_costs_counts_as_selectors(start):
    """20 of these templates are few selectors, and cost each update 60 times what 20 topics do."""
    running = await start(listen=BEHIND_PROXY, limits=Limits(selectors_per_address=200))
    templates = "&".join(f"topic={number}%7B%2Ba%7D-%7B%2Bb%7D" for number in range(20))

    assert (await answer_to(running, f"/events?{templates}", of("192.0.2.7"))).status == 429


async def test_browser_whose_address_asks_for_too_much_comes_back_by_itself(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(selectors_per_address=10))

    answer = await answer_to(running, topics(20), of("192.0.2.7"), EVENT_SOURCE)
    assert answer.status == 200
    assert 30_000 <= int(re.fullmatch(r"retry: ?(\d+)\n+", answer.text)[1]) <= 60_000


async def test_nobody_is_told_of_a_stream_that_asks_for_too_much(start):
    access = AccessConfig(key=KEYED.key, anonymous=True, subscriptions=True)
    running = await start(listen=BEHIND_PROXY, access=access, limits=Limits(selectors_per_address=10))

    assert (await answer_to(running, topics(20), of("192.0.2.7"))).status == 429
    assert await running.stored() == []


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


# Bodies.


async def test_unfinished_bodies_of_one_address_take_no_room_from_honest_publishers(start):
    running = await start(listen=BEHIND_PROXY, limits=Limits(body=1000, bodies=4000))
    statuses = []
    for _ in range(5):  # without a token, which is looked at once a body is there
        client = await running.connect()
        await client.request("POST", "/events", f"Content-Type: {FORM}", "Content-Length: 1000", of("192.0.2.7"))
        await client.send(b"topic=t&data=".ljust(999, b"x"))
        statuses.append(client)
    for client in statuses[1:]:
        answer = await client.answer()
        assert (answer.status, answer.headers["retry-after"]) == (429, "1")
        assert answer.text == "expected room for this request, got too many of one address\n"
    honest = await running.connect()

    assert (await honest.post(b"topic=t&data=".ljust(1000, b"x"), FORM, of("192.0.2.8"))).status == 200
    assert refused(running) == {"bodies_address": 4}
    assert running.site.bodies.held == 999


@pytest.mark.parametrize(("method", "target", "status"), [("POST", "/event", 404), ("PUT", "/events", 405)])
async def test_body_that_nobody_wants_is_not_waited_for(start, method, target, status):
    running = await start()
    client = await running.connect()

    await client.request(method, target, "Content-Length: 1000000", "Expect: 100-continue")
    assert (await client.answer()).status == status
    await client.ended()


async def test_body_that_somebody_wants_is_asked_for(start):
    running = await start()
    client = await running.connect()

    await client.request("POST", "/events", f"Content-Type: {FORM}", "Content-Length: 7", "Expect: 100-continue")
    assert (await client.head()).status == 100
    await client.send(b"topic=t")
    assert (await client.answer()).status == 200


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
