"""No token but the right one opens a door, wherever it is presented; and a refusal tells a stranger nothing.

Not here: each rule of the protocol about tokens (test_mercure_authorization.py), tokens themselves (tests/unit/auth).
"""

from __future__ import annotations

import time
from urllib.parse import quote

import jwt
import pytest

from integration.conftest import until
from integration.mercure_tokens import KEY, MERCURE, OTHER_KEY
from integration.stopped_clock import StoppedClock
from longwave.core.subscriber import State
from longwave.server.config import AccessConfig
from unit.auth.signed_tokens import pair

PUBLISHER_KEY = KEY
SUBSCRIBER_KEY = OTHER_KEY
ANOTHER_HUBS = "the secret of a hub that has nothing to do with this one"
LISTING = f"{MERCURE}/subscriptions"
EVERYTHING = {"publish": ["*"], "subscribe": ["*"], "revoke": ["*"]}
HUB = AccessConfig(
    publisher_key=PUBLISHER_KEY,
    subscriber_key=SUBSCRIBER_KEY,
    subscriptions=True,
    publish_origins=("https://app.test",),
)

# Each door: method, path, body, and the key whose tokens open it.
DOORS = {
    "stream": ("GET", "/events?topic=t", None, SUBSCRIBER_KEY),
    "protocol's stream": ("GET", f"{MERCURE}?topic=t", None, SUBSCRIBER_KEY),
    "head of a stream": ("HEAD", f"{MERCURE}?topic=t", None, SUBSCRIBER_KEY),
    "replay": ("GET", f"{MERCURE}?topic=t&lastEventID=earliest", None, SUBSCRIBER_KEY),
    "listing": ("GET", LISTING, None, SUBSCRIBER_KEY),
    "listing of a topic": ("GET", f"{LISTING}/t", None, SUBSCRIBER_KEY),
    "publication": ("POST", "/events", b"topic=t&data=forged", PUBLISHER_KEY),
    "protocol's publication": ("POST", MERCURE, b"topic=t&data=forged", PUBLISHER_KEY),
    "revocation": ("POST", "/events/revoke", b"subject=somebody", PUBLISHER_KEY),
}
FORM = "Content-Type: application/x-www-form-urlencoded"


def signed(key, algorithm="HS256", **claims):
    return jwt.encode({"mercure": EVERYTHING, **claims}, key, algorithm)


def unsigned():
    return jwt.encode({"mercure": EVERYTHING}, None, "none") + "A" * 43


# What is wrong with a token, given the key that would be right and the other one of the hub.
BAD = {
    "of the other kind": lambda right, other: signed(other),
    "of another hub": lambda right, other: signed(ANOTHER_HUBS),
    "signed by nobody": lambda right, other: unsigned(),
    "of another algorithm": lambda right, other: signed(right * 2, "HS512"),
    "signed by a key pair": lambda right, other: signed(pair("P-256").private, "ES256"),
    "expired": lambda right, other: signed(right, exp=int(time.time()) - 1),
    "not yet": lambda right, other: signed(right, nbf=int(time.time()) + 1000),
    "claims of another": lambda right, other: swapped(signed(right, sub="a"), signed(other, sub="b")),
    "the key itself": lambda right, other: right + "." * 50,
}
PLACES = {
    "header": lambda token, path: (f"Authorization: Bearer {token}", path),
    "query": lambda token, path: ("X: y", f"{path}{'&' if '?' in path else '?'}authorization={quote(token)}"),
    "cookie": lambda token, path: (f"Cookie: mercureAuthorization={token}\r\nOrigin: https://app.test", path),
}


def swapped(token, other):
    """The head and claims of one token with the signature of another."""
    return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"


async def ask(client, door, *headers, path=None):
    method, target, body, _ = DOORS[door]
    await client.request(method, path or target, FORM, *headers, body=body)
    return await client.answer(head_only=method == "HEAD")


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("door", DOORS)
async def test_a_bad_token_opens_no_door_wherever_it_is(start, door, bad):
    running = await start(access=HUB)
    client = await running.connect()
    _, target, _, right = DOORS[door]
    token = BAD[bad](right, SUBSCRIBER_KEY if right == PUBLISHER_KEY else PUBLISHER_KEY)

    for place in PLACES.values():
        header, path = place(token, target)
        assert (await ask(client, door, header, path=path)).status == 401

    assert await running.stored() == []
    assert running.hub.subscribers == 0


@pytest.mark.parametrize("door", DOORS)
async def test_without_a_token_no_door_is_open(start, door):
    running = await start(access=HUB)
    client = await running.connect()

    assert (await ask(client, door)).status == 401
    assert await running.stored() == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("door", DOORS)
async def test_the_right_token_opens_its_door(start, door, place):
    """Or else the tests above would pass with doors that never open."""
    running = await start(access=HUB)
    client = await running.connect()
    method, target, body, right = DOORS[door]
    header, path = PLACES[place](signed(right), target)

    await client.request(method, path, FORM, header, body=body)

    assert (await client.head()).status == 200


@pytest.mark.parametrize("door", DOORS)
async def test_a_good_cookie_does_not_make_up_for_a_bad_header(start, door):
    running = await start(access=HUB)
    client = await running.connect()
    cookie, _ = PLACES["cookie"](signed(DOORS[door][3]), "")

    assert (await ask(client, door, cookie, "Authorization: Bearer nonsense")).status == 401
    assert await running.stored() == []


@pytest.mark.parametrize("door", DOORS)
async def test_a_stranger_cannot_tell_what_is_wrong_with_a_token(start, door):
    """The answers differ in the date and the random id only, so they are no oracle for keys, claims or revocations."""
    running = await start(access=HUB)
    client = await running.connect()
    right = DOORS[door][3]
    tokens = [make(right, SUBSCRIBER_KEY if right == PUBLISHER_KEY else PUBLISHER_KEY) for make in BAD.values()]
    tokens.append(jwt.encode({"mercure": {"publish": ["other"], "subscribe": ["other"]}}, right))
    tokens.append(jwt.encode({"mercure": {"publish": 1, "subscribe": 1}}, right))

    answers = set()
    for token in tokens if DOORS[door][1].startswith(LISTING) or right == PUBLISHER_KEY else tokens[:-2]:
        answer = await ask(client, door, f"Authorization: Bearer {token}")
        request_id = answer.headers.pop("x-request-id")
        answer.headers.pop("date")
        answers.add((answer.status, answer.text.replace(request_id, "ID"), *sorted(answer.headers.items())))

    assert len(answers) == 1


async def test_a_key_for_one_kind_gives_the_other_kind_nothing(start):
    """Without a key of their own publishers are not let in by that of subscribers, nor the other way round."""
    for_subscribers = await start(access=AccessConfig(subscriber_key=KEY))
    for_publishers = await start(access=AccessConfig(publisher_key=KEY))
    header = f"Authorization: Bearer {signed(KEY)}"

    publisher = await for_subscribers.connect()
    assert (await ask(publisher, "publication", header)).status == 405
    assert (await ask(publisher, "revocation", header)).status in (401, 404)
    subscriber = await for_publishers.connect()
    assert (await ask(subscriber, "stream", header)).status == 405
    assert await for_subscribers.stored() == []


async def test_a_stream_of_a_token_does_not_outlive_it_whatever_else_happens(start, sink):
    """Its client may keep up or be stalled: nothing that is published after the expiry reaches it."""
    running = await start(access=HUB, sink=sink)
    clock = StoppedClock(running.site)
    expiring = f"Authorization: Bearer {signed(SUBSCRIBER_KEY, exp=clock.now + 0.1)}"
    live = await running.subscribe("/events?topic=t", expiring)
    stalled = await running.subscribe("/events?topic=t", expiring, receive_buffer=4096)
    for number in range(40):
        await running.hub.publish("t", f"{number}" + "x" * 50_000, private=True)
    clock.now += 0.1
    await until(lambda: all(one.state is State.CLOSING for one in running.site.streams()))
    await running.hub.publish("t", "after its time", private=True)

    for client in (live, stalled):
        assert b"after its time" not in await client.rest()
