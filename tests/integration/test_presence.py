"""Presence on the wire: the events, the three-level API, and clients that vanish; of a hub that is one process.

Protocol: https://mercure.rocks/spec#active-subscriptions (draft 07). Several processes: test_presence_workers.py.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from urllib.parse import quote_plus
from uuid import RFC_4122, UUID

import pytest

from integration.conftest import until
from integration.mercure_tokens import KEY
from integration.presence_client import EVERY, SUBSCRIPTIONS, TOLD, WATCHER, Watcher, credential, listed, topics_listed
from longwave.errors import LogUnavailable
from longwave.logs.memory import MemoryLog
from longwave.server.config import AccessConfig

STREAMS = 20


class GatedLog(MemoryLog):
    """A log whose appends wait until the test opens the gate."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, updates):
        await self.gate.wait()
        return await super().append(updates)


class BrokenIndexLog(MemoryLog):
    """A log that takes updates, and cannot say where one is."""

    async def locate(self, event_id):
        raise LogUnavailable("expected a disk, got none")


# Events


async def test_coming_and_leaving_is_told_once_for_each_selector(start, sink):
    running = await start(access=TOLD, sink=sink)
    watcher = await Watcher.connect(await running.connect())
    client = await running.subscribe("/events?topic=a&topic=b%7Bid%7D&topic=a")

    came = [await watcher.next() for _ in range(2)]
    client.close()
    left = [await watcher.next() for _ in range(2)]

    assert [(topic, active) for topic, active, _ in came] == [("a", True), ("b{id}", True)]
    assert [(topic, active) for topic, active, _ in left] == [("a", False), ("b{id}", False)]
    assert len({subscriber for _, _, subscriber in came + left}) == 1
    assert came[0][2].startswith("urn:uuid:")


async def test_event_is_as_in_the_protocol(start):
    running = await start(access=TOLD)
    watcher = await Watcher.connect(await running.connect())
    payload = {"name": "Ada", "id": 7}
    await running.subscribe("/.well-known/mercure?topic=a%2Fb", credential(payload=payload))

    fields = dict(line.partition(": ")[::2] for line in (await watcher.client.block()).splitlines() if line)
    assert fields.keys() == {"id", "data"}
    client = await running.connect()
    (document,) = await listed(client, f"{SUBSCRIPTIONS}/a%2Fb")
    assert document["id"] == f"{SUBSCRIPTIONS}/a%2Fb/{quote_plus(document['subscriber'])}"
    assert document["payload"] == payload


@pytest.mark.parametrize("headers", [[], [credential(subscribe=["a"])], [credential()]])
async def test_who_has_no_grant_gets_a_stream_and_no_events(start, headers):
    running = await start(access=TOLD)
    client = await running.subscribe(f"/events?topic={quote_plus(EVERY)}&topic=news", *headers)
    await running.subscribe("/events?topic=a")
    await running.publish("public", topic="news")

    assert await client.data() == "public"


async def test_events_can_be_watched_for_one_selector(start):
    running = await start(access=TOLD)
    watcher = await Watcher.connect(await running.connect(), f"{SUBSCRIPTIONS}/chat{{/subscriber}}")
    await running.subscribe("/events?topic=news")
    await running.subscribe("/events?topic=chat")

    assert (await watcher.next())[0] == "chat"


async def test_watcher_that_comes_back_is_told_what_it_missed(start):
    running = await start(access=TOLD)
    client = await running.connect()
    answer = await client.get(SUBSCRIPTIONS, WATCHER)
    seen = json.loads(answer.text)["lastEventID"]
    (await running.subscribe("/events?topic=a")).close()
    await until(lambda: not running.hub.subscribers)
    watcher = await Watcher.connect(await running.connect(), EVERY, f"Last-Event-ID: {seen}")

    assert [(await watcher.next())[:2] for _ in range(2)] == [("a", True), ("a", False)]


async def test_resuming_after_the_end_of_a_subscription_works(start):
    """Its id is one that hubs agree on, so it must be one that a client can come back with."""
    running = await start(access=TOLD)
    watcher = await Watcher.connect(await running.connect())
    (await running.subscribe("/events?topic=a")).close()
    await watcher.next()
    block = await watcher.client.block()
    (event_id,) = [line.removeprefix("id: ") for line in block.splitlines() if line.startswith("id: ")]
    await running.subscribe("/events?topic=b")
    again = await Watcher.connect(await running.connect(), EVERY, f"Last-Event-ID: {event_id}")

    assert [(await again.next())[:2] for _ in range(1)] == [("b", True)]


async def test_nothing_is_told_without_the_option(start):
    running = await start(access=AccessConfig(key=KEY, anonymous=True, allowed_hosts=("hub.test",)))
    watcher = await Watcher.connect(await running.connect())
    await running.subscribe("/events?topic=a")
    client = await running.connect()

    assert (await client.get(SUBSCRIPTIONS, WATCHER)).status == 404
    assert await running.stored() == []
    watcher.client.close()


async def test_head_request_subscribes_nobody(start):
    running = await start(access=TOLD)
    client = await running.connect()
    await client.request("HEAD", "/events?topic=a")
    assert (await client.answer(head_only=True)).status == 200

    assert await running.stored() == []


@pytest.mark.parametrize("target", ["/events", "/.well-known/mercure?topic="])
async def test_request_that_is_refused_is_not_told(start, target):
    running = await start(access=TOLD)
    client = await running.connect()

    assert (await client.get(target)).status == 400
    assert await running.stored() == []


async def test_memory_log_gets_events_and_no_notes(start):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a")
    await asyncio.sleep(0)

    assert len(await running.stored()) == 1


async def test_no_note_reaches_a_subscriber_with_every_grant(start, tmp_path):
    running = await start(f"sqlite:{tmp_path}/log.db", access=TOLD)
    everything = credential(subscribe=["*"])
    live = await running.subscribe("/events?topic=*", everything)
    await running.subscribe("/events?topic=a")
    await running.publish("the last", topic="news")
    replayed = await running.subscribe("/events?topic=*", everything, "Last-Event-ID: earliest")
    texts = await running.stored()

    assert any('"by"' in text for text in texts), "there are notes on the log"
    for client, first in ((live, "a"), (replayed, "*")):
        assert json.loads(await client.data())["topic"] == first
        while (text := await client.data()) != "the last":
            assert '"by"' not in text


async def test_selector_too_long_to_tell_of_is_served_all_the_same(start, caplog):
    running = await start(access=TOLD)
    long = "x" * 4090
    client = await running.subscribe(f"/events?topic={long}")
    await running.publish("hello", topic=long)

    assert await client.data() == "hello"
    assert await running.stored() == ["hello"]
    assert "served and not told" in caplog.text


async def test_each_subscriber_gets_a_random_uuid_of_the_hub(start):
    """Also those who come with the same token; an id that the client sends along means nothing."""
    running = await start(access=TOLD)
    header = credential(subscribe=["a"], claims={"jti": "mine"})
    for _ in range(3):
        await running.subscribe("/events?topic=a&subscriber=mine", header)
    client = await running.connect()

    ids = [document["subscriber"] for document in await listed(client)]
    assert len(set(ids)) == 3
    for subscriber in ids:
        uuid = UUID(subscriber)
        assert (uuid.urn, uuid.version, uuid.variant) == (subscriber, 4, RFC_4122)


async def test_stream_that_the_log_does_not_let_begin_is_no_ghost(start):
    log = BrokenIndexLog()
    running = await start(log, access=TOLD)
    client = await running.connect()

    answer = await client.get("/.well-known/mercure?topic=a", "Last-Event-ID: unknown")

    assert (answer.status, answer.text) == (503, "Service Unavailable\n")
    await until(lambda: log.last == 2)
    assert [json.loads(text)["active"] for text in await running.stored()] == [True, False]
    assert await topics_listed(client) == []


# The API


async def test_collection_lists_all_and_names_the_last_event(start):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a&topic=b")
    await running.subscribe("/events?topic=a")
    client = await running.connect()
    answer = await client.get(SUBSCRIPTIONS, WATCHER)
    document = json.loads(answer.text)

    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.headers["etag"] == document["lastEventID"] == f"{running.log.epoch}-3"
    assert (document["id"], document["type"]) == (SUBSCRIPTIONS, "Subscriptions")
    assert sorted(item["topic"] for item in document["subscriptions"]) == ["a", "a", "b"]


async def test_collection_of_a_topic_excludes_others(start):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a%2Fb")
    await running.subscribe("/events?topic=c")
    client = await running.connect()

    assert await topics_listed(client, f"{SUBSCRIPTIONS}/a%2Fb") == ["a/b"]
    assert await topics_listed(client, f"{SUBSCRIPTIONS}/nothing") == []


async def test_space_may_be_written_in_both_ways(start):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a%20b")
    client = await running.connect()

    for path in ("a+b", "a%20b"):
        assert await topics_listed(client, f"{SUBSCRIPTIONS}/{path}", credential(subscribe=["*"])) == ["a b"]


async def test_one_subscription_is_at_its_own_path(start):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a")
    client = await running.connect()
    (item,) = await listed(client)
    answer = await client.get(item["id"], WATCHER)

    assert json.loads(answer.text) == item | {
        "@context": "https://mercure.rocks/",
        "lastEventID": f"{running.log.epoch}-1",
    }
    for path in (f"{item['id']}x", item["id"].replace("/a/", "/b/")):
        assert (await client.get(path, WATCHER)).status == 404


async def test_who_left_is_listed_no_more(start, sink):
    running = await start(access=TOLD, sink=sink)
    subscriber = await running.subscribe("/events?topic=a")
    client = await running.connect()
    assert await topics_listed(client) == ["a"]
    subscriber.reset()
    await until(lambda: running.log.last == 2)  # the event of its leaving, some rounds of the loop after it left

    assert await topics_listed(client) == []


@pytest.mark.parametrize("tag", ["{}", '"{}"', 'W/"{}"', 'other, "{}"'])
async def test_client_that_has_the_list_is_told_so(start, tag):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=a")
    client = await running.connect()
    last = (await client.get(SUBSCRIPTIONS, WATCHER)).headers["etag"]
    await client.request("GET", SUBSCRIPTIONS, WATCHER, f"If-None-Match: {tag.format(last)}")
    same = await client.head()
    await running.publish("other", topic="news")
    await client.request("GET", SUBSCRIPTIONS, WATCHER, f"If-None-Match: {tag.format(last)}")
    changed = await client.answer()

    assert (same.status, same.headers["etag"]) == (304, last)
    assert (changed.status, changed.headers["etag"] != last) == (200, True)


async def test_hub_without_history_names_earliest(start, tmp_path):
    running = await start(f"sqlite:{tmp_path}/log.db", access=TOLD)
    client = await running.connect()
    await client.request("GET", SUBSCRIPTIONS, WATCHER, "If-None-Match: earliest")

    assert (await client.head()).status == 304


@pytest.mark.parametrize(
    ("selector", "opened"),
    [
        (EVERY, [True, True, True]),
        ("*", [True, True, True]),
        (SUBSCRIPTIONS, [True, False, False]),
        (f"{SUBSCRIPTIONS}/foo{{/subscriber}}", [False, True, True]),
        (f"{SUBSCRIPTIONS}/bar{{/subscriber}}", [False, False, False]),
        (None, [False, False, False]),
    ],
)
async def test_token_opens_the_paths_that_its_selectors_match(start, selector, opened):
    running = await start(access=TOLD)
    await running.subscribe("/events?topic=foo")
    client = await running.connect()
    (item,) = await listed(client)
    header = credential(subscribe=[selector] if selector else [])

    statuses = [(await client.get(path, header)).status for path in (SUBSCRIPTIONS, f"{SUBSCRIPTIONS}/foo", item["id"])]
    assert statuses == [200 if one else 401 for one in opened]


async def test_path_counts_and_not_its_query(start):
    """Or else a token in the query would change what it allows."""
    running = await start(access=TOLD)
    client = await running.connect()
    token = credential(subscribe=[SUBSCRIPTIONS]).removeprefix("Authorization: Bearer ")
    answer = await client.get(f"{SUBSCRIPTIONS}?authorization={token}")

    assert answer.status == 200
    assert token not in answer.text


async def test_without_a_token_nothing_is_listed(start):
    running = await start(access=TOLD)
    client = await running.connect()

    answer = await client.get(SUBSCRIPTIONS)
    assert (answer.status, answer.text) == (401, "Unauthorized\n")


async def test_api_is_open_where_no_subscriber_needs_a_key(start):
    access = AccessConfig(publisher_key=KEY, anonymous=True, subscriptions=True, allowed_hosts=("hub.test",))
    running = await start(access=access)
    await running.subscribe("/events?topic=a")
    client = await running.connect()

    assert [item["topic"] for item in await listed(client, header="Accept: */*")] == ["a"]


@pytest.mark.parametrize("path", ["/", "/a/b/c", "//", "/a/", "/%FF"])
async def test_other_paths_are_unknown(start, path):
    running = await start(access=TOLD)
    client = await running.connect()

    assert (await client.get(f"{SUBSCRIPTIONS}{path}", WATCHER)).status == 404


LEVELS = ["", "/t", "/t/urn%3Auuid%3Abb3de268-05b0-4c65-b44e-8f9acefc29d6"]


@pytest.mark.parametrize("level", LEVELS)
async def test_no_level_is_there_without_the_option(start, level):
    running = await start(access=replace(TOLD, subscriptions=False))
    client = await running.connect()

    assert (await client.get(SUBSCRIPTIONS + level, WATCHER)).status == 404


@pytest.mark.parametrize("level", LEVELS)
async def test_page_of_a_listed_origin_may_read_each_level(start, level):
    running = await start(access=replace(TOLD, cors_origins=("https://app.test",)))
    client = await running.connect()
    origin = "Origin: https://app.test"
    await client.request("OPTIONS", SUBSCRIPTIONS + level, origin, "Access-Control-Request-Method: GET")
    preflight = await client.answer()
    answer = await client.get(SUBSCRIPTIONS + level, WATCHER, origin)

    assert preflight.status == 204
    assert "GET" in preflight.headers["access-control-allow-methods"].split(", ")
    assert "authorization" in preflight.headers["access-control-allow-headers"].split(", ")
    for one in (preflight, answer):
        assert one.headers["access-control-allow-origin"] == "https://app.test"
        assert one.headers["access-control-allow-credentials"] == "true"
    assert "etag" in answer.headers["access-control-expose-headers"].split(", ")


async def test_only_reading_is_allowed(start):
    running = await start(access=TOLD)
    client = await running.connect()
    await client.request("HEAD", SUBSCRIPTIONS, WATCHER)
    head = await client.answer(head_only=True)
    answer = await client.post("", target=SUBSCRIPTIONS)

    assert (head.status, answer.status, answer.headers["allow"]) == (200, 405, "GET, HEAD, OPTIONS")


# Clients that vanish


async def test_client_that_resets_is_noticed_at_once(start, sink):
    running = await start(access=TOLD, sink=sink)
    watcher = await Watcher.connect(await running.connect())
    client = await running.subscribe("/events?topic=a")
    client.reset()

    assert [(await watcher.next())[:2] for _ in range(2)] == [("a", True), ("a", False)]


async def test_client_that_takes_nothing_is_noticed_within_the_send_timeout(start, sink):
    running = await start(access=TOLD, sink=sink, send=0.4, heartbeat=0.2)
    watcher = await Watcher.connect(await running.connect())
    await running.subscribe("/events?topic=a", receive_buffer=4096)
    assert (await watcher.next())[:2] == ("a", True)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await running.publish(*["x" * 60_000] * 6, topic="a")

    assert (await watcher.next())[:2] == ("a", False)
    assert loop.time() - began < 0.4 + 0.2 + 8.0, "by default it would be after 45 seconds"


async def test_client_that_leaves_before_its_stream_begins_is_no_ghost(start):
    log = GatedLog()
    running = await start(log, access=TOLD)
    log.gate.clear()
    client = await running.connect()
    await client.request("GET", "/events?topic=a")
    await until(lambda: running.site.presence._waiting)
    client.reset()
    await until(lambda: not running.site.connections)
    log.gate.set()
    await until(lambda: log.last == 2)
    flags = [json.loads(text)["active"] for text in await running.stored()]

    assert flags == [True, False]
    assert await topics_listed(await running.connect()) == []


async def test_stream_begins_although_the_log_takes_nothing(start, monkeypatch):
    monkeypatch.setattr("longwave.server.presence.presence_node.JOIN_PATIENCE", 0.0)
    monkeypatch.setattr("longwave.server.presence.presence_node.TICK", 0.05)
    log = GatedLog()
    running = await start(log, access=TOLD)
    log.gate.clear()
    await running.subscribe("/events?topic=a")
    log.gate.set()
    client = await running.connect()

    await until(lambda: not running.site.presence._announcements.waiting)
    assert await topics_listed(client) == ["a"]


async def test_many_that_come_together_share_appends(start):
    appends = []

    class CountingLog(MemoryLog):
        async def append(self, updates):
            appends.append(len(updates))
            return await super().append(updates)

    running = await start(CountingLog(), access=TOLD)
    clients = [await running.connect() for _ in range(STREAMS)]
    for client in clients:
        await client.request("GET", "/events?topic=a")
    for client in clients:
        assert (await client.head()).status == 200

    assert sum(appends) == STREAMS
    assert len(appends) < STREAMS
    reader = await running.connect()
    assert await topics_listed(reader) == ["a"] * STREAMS


async def test_hub_that_stops_tells_of_all_ends(start, tmp_path):
    running = await start(f"sqlite:{tmp_path}/log.db", access=TOLD, drain=1.0)
    for _ in range(STREAMS):
        await running.subscribe("/events?topic=a")
    await running.stop()

    again = await start(f"sqlite:{tmp_path}/log.db", access=TOLD)
    entries = (await again.log.read(0, 10_000)).entries
    documents = [json.loads(entry.update.event.data) for entry in entries]
    flags = [document["active"] for document in documents if "active" in document]
    assert flags.count(True) == flags.count(False) == STREAMS
    client = await again.connect()
    assert await topics_listed(client) == []
