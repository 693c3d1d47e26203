"""Oversized everything: each thing that a client can make long has an answer of its own, and costs little.

Not here: slow clients (test_abuse.py), bodies and connections together (test_limits.py), rates (test_rate_limits.py).
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from urllib.parse import quote

import pytest

from integration.conftest import OPEN, until
from integration.mercure_tokens import KEY, MERCURE, bearer
from longwave.core.subscriber import Subscriber
from longwave.server.config import AccessConfig, Limits

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
NDJSON = "Content-Type: application/x-ndjson"
KEYED = AccessConfig(key=KEY, subscriptions=True, publish_origins=("https://app.test",))
LONG_HEADS = Limits(head=200_000)  # so that what is in a head meets its own limit, as behind a generous proxy
EVERYTHING = bearer(publish=["*"], subscribe=["*"])


def get(target, *headers):
    return "GET", target, headers, None


def post(body, content_type=FORM, *headers, path="/events"):
    return "POST", path, (content_type, *headers), body.encode()


def granting(**mercure):
    return get(f"{MERCURE}?topic=t", bearer(mercure=mercure))


def deep(levels):
    return "[" * levels + "]" * levels


# Each with the status that it gets at a hub with heads of the usual size, and one of long ones.
HEADS = {
    "path": (get("/" + "a" * 70_000), 431, 404),
    "query": (get("/events?topic=t&x=" + "a" * 70_000), 431, 200),
    "parameters": (get("/events?topic=t" + "&a" * 10_001), 400, 400),
    "selector": (get("/events?topic=" + "a" * 4097), 400, 400),
    "selector of bytes": (get("/events?topic=" + quote("é" * 4097)), 400, 400),
    "selectors": (get("/events?" + "&topic=a" * 1001), 400, 400),
    "templates": (get("/events?topic=" + "%7Ba%7D" * 1500), 400, 400),
    "cursor": (get("/events?topic=t", "Last-Event-ID: " + "a" * 15_000), 200, 200),
    "cursor in the query": (get("/events?topic=t&lastEventID=" + "a" * 15_000), 200, 200),
    "header": (get("/events?topic=t", "X: " + "a" * 70_000), 431, 200),
    "header's name": (get("/events?topic=t", "X" * 70_000 + ": a"), 431, 200),
    "headers": (get("/events?topic=t", *["X: y"] * 200), 431, 431),
    "cookie": (get("/events?topic=t", "Cookie: " + "a=b; " * 3000), 200, 200),
    "cookies": (get("/events?topic=t", *["Cookie: a=b"] * 100), 200, 200),
    "method": (("A" * 20_000, "/events", (), None), 400, 400),
    "type": (post("topic=t", "Content-Type: " + "a" * 15_000), 415, 415),
    "origin": (post("topic=t", FORM, "Origin: https://" + "a" * 15_000), 403, 403),
    "length": (post("topic=t", FORM, "Content-Length: " + "9" * 19), 400, 400),
    "hops": (get("/events?topic=t", "X-Forwarded-For: " + "1.1.1.1, " * 1500), 200, 200),
}
BODIES = {
    "body": (post("topic=t&data=" + "x" * 2**20), 413),
    "fields": (post("topic=t" + "&a" * 10_001), 400),
    "topics": (post("topic=t&" * 1001), 400),
    "topic": (post("topic=" + "a" * 4097), 400),
    "id": (post("topic=t&id=" + "a" * 1025), 400),
    "retry": (post("topic=t&retry=" + "1" * 5000), 400),
    "topics in JSON": (post(json.dumps({"topics": ["t"] * 1001}), JSON), 400),
    "topic in JSON": (post(json.dumps({"topic": "a" * 4097}), JSON), 400),
    "id in JSON": (post(json.dumps({"topic": "t", "id": "a" * 1025}), JSON), 400),
    "retry in JSON": (post('{"topic": "t", "retry": ' + "1" * 5000 + "}", JSON), 400),
    "number in JSON": (post('{"topic": "t", "data": ' + "1" * 5000 + "}", JSON), 400),
    "depth": (post(f'{{"topic": "t", "data": {deep(100_000)}}}', JSON), 400),
    "depth of the whole": (post(deep(500_000), JSON), 400),
    "objects in each other": (post('{"topic":' * 100_000, JSON), 400),
    "batch": (post(json.dumps([{"topic": "t"}] * 10_001), JSON), 400),
    "batch of lines": (post('{"topic":"t"}\n' * 10_001, NDJSON), 400),
    "depth of a line": (post('{"topic":"t"}\n' + deep(100_000), NDJSON), 400),
    "key": (post(json.dumps({"a" * 500_000: 1}), JSON), 400),
    "protocol's topics": (post("topic=t&" * 1001, path=MERCURE), 400),
    "protocol's body": (post("topic=t&data=" + "x" * 2**20, path=MERCURE), 413),
}
TOKENS = {
    "token": (get(f"{MERCURE}?topic=t", "Authorization: Bearer " + "a" * 66_000), 401),
    "token in the query": (get(f"{MERCURE}?topic=t&authorization=" + "a" * 66_000), 401),
    "token in a cookie": (get(f"{MERCURE}?topic=t", "Cookie: mercureAuthorization=" + "a" * 66_000), 401),
    "parts of a token": (get(f"{MERCURE}?topic=t", "Authorization: Bearer " + "a." * 30_000), 401),
    "selectors of a token": (granting(subscribe=[f"a{number}" for number in range(1001)]), 401),
    "selector of a token": (granting(subscribe=["a" * 4097]), 401),
    "payload of a token": (granting(payload=json.loads(deep(33))), 401),
    "subject": (get(f"{MERCURE}?topic=t", bearer(subscribe=["*"], sub="a" * 1025)), 401),
    "time": (get(f"{MERCURE}?topic=t", bearer(subscribe=["*"], exp=10**300)), 401),
    "path of a listing": (get(f"{MERCURE}/subscriptions/" + "a" * 100_000, EVERYTHING), 200),
    "origin beside a cookie": (post("topic=t", FORM, "Cookie: mercureAuthorization=a", "Origin: " + "a" * 60_000), 401),
    "referer beside a cookie": (
        post("topic=t", FORM, "Cookie: mercureAuthorization=a", "Referer: " + "a:" * 30_000),
        401,
    ),
    "what is revoked": (
        post("subject=" + "a" * 1025, FORM, bearer(mercure={"revoke": ["*"]}), path="/events/revoke"),
        400,
    ),
}


async def status(running, method, target, headers, body):
    client = await running.connect()
    try:
        announced = any(header.startswith("Content-Length") for header in headers)
        await client.request(method, target, *headers, body=None if announced else body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it was refused before it was complete
    answer = await client.head()
    client.close()
    return answer.status


async def check_nothing_is_left(running):
    await until(lambda: running.empty)
    assert not [data for data in await running.stored() if "@context" not in data]
    client = await running.connect()
    assert (await client.get("/healthz")).text == "ok\n"


@pytest.mark.parametrize("what", HEADS)
async def test_what_is_too_long_in_a_head_gets_its_answer(start, what):
    request, usual, generous = HEADS[what]
    for limits, expected in ((Limits(), usual), (LONG_HEADS, generous)):
        running = await start(access=OPEN, limits=limits)
        assert await status(running, *request) == expected
        await check_nothing_is_left(running)


@pytest.mark.parametrize("what", BODIES)
async def test_what_is_too_long_in_a_body_gets_its_answer(start, what):
    running = await start()
    request, expected = BODIES[what]

    assert await status(running, *request) == expected
    await check_nothing_is_left(running)


@pytest.mark.parametrize("what", TOKENS)
async def test_what_is_too_long_about_a_token_gets_its_answer(start, what):
    running = await start(access=KEYED, limits=LONG_HEADS)
    request, expected = TOKENS[what]

    assert await status(running, *request) == expected
    await check_nothing_is_left(running)


# Selectors.

HOSTILE_TEMPLATES = {
    "many variables": lambda number: "{a}" * (1000 + number) + "!",
    "literals everywhere": lambda number: "{+a}" + "a{+a}" * (600 + number) + "!",
    "late failure": lambda number: "{+a}" + "a" * (3000 + number) + "{b}",
    "segments": lambda number: "{/a*}" * (600 + number) + "/b",
    "separators": lambda number: "{x,y*}" * (500 + number) + "!",
}
HOSTILE_TOPICS = ["a" * 4090 + "é!", "," * 4095 + "!", "/a" * 2040 + "!/b", "%41" * 1360 + "!", "a!" * 2000]


@pytest.mark.parametrize("kind", HOSTILE_TEMPLATES)
async def test_templates_of_strangers_delay_nobody(start, kind):
    """Each could keep a backtracking matcher busy for ever; here all of them together take no time."""
    running = await start()
    make = HOSTILE_TEMPLATES[kind]
    for number in range(20):
        await running.subscribe("/events?topic=" + quote(make(number), safe="{}+*/,!"))
    subscriber = await running.subscribe("/events?topic=good")
    began = time.process_time()

    for topic in HOSTILE_TOPICS:
        publishing = asyncio.create_task(running.hub.publish(topic, "x"))
        await running.publish("on time", topic="good")
        assert await subscriber.data() == "on time"
        await publishing

    assert time.process_time() - began < 2.0


async def test_connections_that_come_and_go_keep_nothing_once_they_are_due(start):
    """What a stream asked for is forgotten with it, at the latest when its next heartbeat would have been."""
    running = await start(heartbeat=0.2)
    delivery = running.hub.delivery
    for number in range(50):
        client = await running.subscribe("/events?topic=" + f"{number:04}" * 1000)
        client.close()
    await until(lambda: running.empty and not (delivery._wheel._buckets or delivery._due))
    gc.collect()

    audiences = [one.feed.audience for one in gc.get_objects() if type(one) is Subscriber]
    assert not [selector for audience in audiences for selector in audience.selectors if len(selector.text) == 4000]
