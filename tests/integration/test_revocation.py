"""Revoking on the wire: streams end, later requests are refused, and no restart forgets it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from dataclasses import dataclass
from functools import reduce
from itertools import count

import pytest

from integration.conftest import until
from integration.hub_process import HOST, HubProcess, eventually
from integration.mercure_tokens import KEY, OTHER_KEY
from integration.presence_client import TOLD, Watcher, credential
from integration.process_table import children, server_of
from integration.raw_client import RawClient, closing_all
from longwave.server.config import AccessConfig

KEYED = AccessConfig(key=KEY, allowed_hosts=("hub.test",))
REVOKE = "/events/revoke"
FORM = "application/x-www-form-urlencoded"
ADMIN = credential(revoke=["*"])


def user(name="7", **mercure):
    """A token issued a while ago."""
    claims = {"sub": f"user-{name}", "jti": f"token-{name}", "iat": int(time.time()) - 10}
    return credential(claims=claims, **{"subscribe": [f"users/{name}"]} | mercure)


async def revoke(client, body, header=ADMIN, content_type=FORM):
    return await client.post(body, content_type, header, target=REVOKE)


@pytest.mark.parametrize("body", ["subject=user-7", "token=token-7", "topic=users%2F7"])
async def test_streams_end_at_once_and_cleanly_and_others_go_on(start, sink, body):
    running = await start(access=KEYED, sink=sink)
    mine = [await running.subscribe("/events?topic=t", user()) for _ in range(2)]
    other = await running.subscribe("/events?topic=t", user("8"))
    client = await running.connect()
    answer = await revoke(client, body)

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text)["closed"] == 2
    for stream in mine:
        assert await stream.farewell() == b""
    await running.publish("hello")
    assert await other.data() == "hello"


async def test_later_requests_are_refused_and_only_the_operator_is_told_why(start, caplog):
    running = await start(access=KEYED)
    client = await running.connect()
    assert (await client.post("topic=users/7", FORM, user(publish=["*"]))).status == 200
    await revoke(client, "subject=user-7")
    caplog.set_level(logging.WARNING)
    refused = [await client.get("/events?topic=t", user()), await client.post("topic=t", FORM, user(publish=["*"]))]

    assert [answer.status for answer in refused] == [401, 401]
    assert all("revoked" not in answer.text for answer in refused)
    assert "revoked: it was revoked by its subject" in caplog.text
    await running.subscribe("/events?topic=t", user("8"))


async def test_token_that_is_issued_later_counts_again(start):
    running = await start(access=KEYED)
    client = await running.connect()
    before = json.loads((await revoke(client, "subject=user-7")).text)["before"]
    running.site.access._now = lambda: before + 5
    fresh = credential(claims={"sub": "user-7", "iat": int(before) + 2})

    await running.subscribe("/events?topic=t", fresh)


@dataclass(frozen=True)
class Wait:
    """Something that a stream waits for before it begins; its token was verified before that."""

    access: AccessConfig
    method: str  # of the part of a hub that is waited for
    event_id: str = ""  # of the event that the client has; what follows is at hand


WAITS = {
    "to be told": Wait(TOLD, "presence.join"),
    "to be told and to resume": Wait(TOLD, "presence.join", "known"),
    "for its id": Wait(KEYED, "hub.known_ids.find", "known"),
    "to be told and for its id": Wait(TOLD, "hub.known_ids.find", "known"),
}


@pytest.mark.parametrize("reason", ["revoked", "expired"])
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_stream_that_was_about_to_begin_does_not(start, sink, wait, reason):
    """Not a byte of what is private is sent, though the log has it at hand."""
    running = await start(access=wait.access, sink=sink)
    await running.hub.publish("t", "seen", id="known")
    await running.hub.publish(["t", "users/7"], "private history", private=True)
    gate = hold(running.site, wait.method)
    client = await running.connect()
    await client.subscribe("/events?topic=t&lastEventID=known", user("8"))  # so that it is all at hand
    waiting = await running.connect()
    event_id = [f"Last-Event-ID: {wait.event_id}"] if wait.event_id else []
    header = credential(subscribe=["users/7"], claims={"sub": "user-7", "exp": time.time() + 100})
    await waiting.request("GET", "/events?topic=t", header, *event_id)
    await until(lambda: running.site._tasks)
    if reason == "revoked":
        await revoke(await running.connect(), "subject=user-7")
    else:
        running.site.subscriptions._now = lambda: time.time() + 200
    gate.set()

    answer = await waiting.answer()
    assert (answer.status, b"private" in answer.body) == (401, False)
    assert running.hub.counters.refusals[reason] == 1
    assert running.hub.subscribers == 1


def hold(site, path):
    """Let the first caller of a method through, and the others wait for the event that is returned."""
    *parts, name = path.split(".")
    owner = reduce(getattr, parts, site)
    genuine, gate, calls = getattr(owner, name), asyncio.Event(), count()

    async def held(*of):
        if next(calls):
            await gate.wait()
        return await genuine(*of)

    setattr(owner, name, held)
    return gate


async def test_revoking_is_seen_by_those_who_watch(start):
    running = await start(access=TOLD)
    watcher = await Watcher.connect(await running.connect())
    await running.subscribe("/events?topic=t", user())
    await revoke(await running.connect(), "subject=user-7")

    assert [(await watcher.next())[:2] for _ in range(2)] == [("t", True), ("t", False)]


# Who may, and what


@pytest.mark.parametrize(
    "header",
    [
        "Accept: */*",
        credential(publish=["*"], subscribe=["*"]),
        credential(revoke=[]),
        credential(revoke=["user-8", "tokens/{id}"]),
        credential(revoke=["*"], key=OTHER_KEY),
    ],
)
async def test_only_a_token_whose_own_grant_covers_it_may_revoke(start, header):
    running = await start(access=KEYED)
    stream = await running.subscribe("/events?topic=t", user())
    client = await running.connect()

    assert (await revoke(client, "subject=user-7", header)).status == 401
    await running.publish("hello")
    assert await stream.data() == "hello"


@pytest.mark.parametrize("selector", ["user-7", "user-{number}", "*"])
async def test_grant_is_a_selector(start, selector):
    running = await start(access=KEYED)

    assert (await revoke(await running.connect(), "subject=user-7", credential(revoke=[selector]))).status == 200


async def test_json_says_the_same(start):
    running = await start(access=KEYED)
    answer = await revoke(await running.connect(), '{"subject": "user-7"}', content_type="application/json")

    assert json.loads(answer.text) == {"subject": "user-7", "before": pytest.approx(time.time(), abs=60), "closed": 0}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "sentence"),
    [
        ("", FORM, 400, "body: expected one of subject, token, topic, got none"),
        ("subject=a&token=b", FORM, 400, "body: expected one of subject, token, topic, got 2"),
        ("user=a", FORM, 400, "body: expected one of subject, token, topic, got 'user'"),
        ("subject=", FORM, 400, "subject: expected 1 to 1024 characters, got 0"),
        ("topic=*", FORM, 400, "topic: expected one topic, got '*', which stands for all"),
        ("subject=%FF", FORM, 400, "body: expected percent-encoded UTF-8, got b'\\xff'"),
        ("[]", "application/json", 400, 'body: expected a JSON object with one string, such as {"subject": "user-7"}'),
        ('{"subject": 7}', "application/json", 400, 'body: expected a JSON object with one string, such as {"subject'),
        ("{", "application/json", 400, "body: expected JSON, got something else"),
        ("x", "text/plain", 415, "Content-Type: expected application/x-www-form-urlencoded or application/json, got"),
    ],
)
async def test_body_that_is_wrong_is_told(start, body, content_type, status, sentence):
    running = await start(access=KEYED)
    answer = await revoke(await running.connect(), body, content_type=content_type)

    assert (answer.status, answer.text[: len(sentence)]) == (status, sentence)
    assert await running.stored() == []


async def test_hub_without_keys_has_nothing_to_revoke(start):
    running = await start()

    assert (await revoke(await running.connect(), "subject=user-7")).status == 404


async def test_only_post_is_allowed(start):
    running = await start(access=KEYED)
    answer = await (await running.connect()).get(REVOKE, ADMIN)

    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


async def test_page_of_another_site_cannot_revoke_with_a_cookie(start):
    running = await start(access=KEYED)
    cookie = f"Cookie: mercureAuthorization={ADMIN.removeprefix('Authorization: Bearer ')}"
    client = await running.connect()
    answer = await client.post("subject=user-7", FORM, cookie, "Origin: https://evil.test", target=REVOKE)

    assert answer.status == 401


async def test_no_subscriber_sees_who_was_revoked(start):
    running = await start(access=KEYED)
    everything = credential(subscribe=["*"])
    live = await running.subscribe("/events?topic=*", everything)
    await revoke(await running.connect(), "subject=user-7")
    await running.publish("hello")
    replayed = await running.subscribe("/events?topic=*", everything, "Last-Event-ID: earliest")

    for client in (live, replayed):
        assert await client.data() == "hello"


# Other hubs, and later ones


async def test_restarted_hub_knows_it_again(start, tmp_path):
    path = f"sqlite:{tmp_path}/log.db"
    running = await start(path, access=KEYED)
    await revoke(await running.connect(), "subject=user-7")
    await running.publish(*map(str, range(20)))
    await running.stop()
    again = await start(path, access=KEYED)

    assert (await (await again.connect()).get("/events?topic=t", user())).status == 401


@pytest.mark.slow
async def test_hub_that_was_killed_knows_it_again(tmp_path):
    """What was answered was on the disk before."""
    options = ("--key", KEY, "--allowed-host", "hub.test")
    with closing_all() as clients, HubProcess(f"sqlite:{tmp_path}/log.db", *options) as hub:
        clients.append(await RawClient.connect((HOST, hub.port)))
        assert (await revoke(clients[-1], "subject=user-7")).status == 200
        hub.kill()
        hub.start()
        clients.append(await RawClient.connect((HOST, hub.port)))

        assert (await clients[-1].get("/events?topic=t", user())).status == 401
        await clients[-1].subscribe("/events?topic=t", user("8"))


async def test_revocation_is_stated_anew_before_it_is_too_old_to_be_read(start, tmp_path, monkeypatch):
    monkeypatch.setattr("longwave.server.revoking.LOOK_EVERY", 0.02)
    monkeypatch.setattr("longwave.core.statements.WINDOW", 10)
    path = f"sqlite:{tmp_path}/log.db"
    running = await start(path, access=KEYED)
    others = [await start(path, access=KEYED) for _ in range(2)]
    await revoke(await running.connect(), "subject=user-7")
    await revoke(await running.connect(), "token=token-9")
    for _ in range(4):
        await running.publish(*map(str, range(5)))
        last = (await running.log.read(0, 0)).last
        for one in (running, *others):
            statements = one.site.revoking._statements
            await until(lambda last=last, s=statements: not s.due(first=1, last=last, now=0.0, limit=1))
    for one in (running, *others):
        await one.stop()
    monkeypatch.setattr("longwave.notes.WINDOW", 10)
    again = await start(path, access=KEYED)
    client = await again.connect()

    assert (await client.get("/events?topic=t", user())).status == 401
    assert (await client.get("/events?topic=t", user("9"))).status == 401


async def test_later_revocation_of_the_same_is_not_forgotten_for_an_earlier_one(start):
    running = await start(access=KEYED)
    client = await running.connect()
    for seconds in (100.0, 200.0):
        running.site.revoking.now = lambda seconds=seconds: seconds
        await revoke(client, "subject=user-7")
    statements = running.site.revoking._statements

    assert len(statements) == 1
    assert statements.due(first=10, last=9, now=0.0, limit=1)[0][1].before == 200.0


@pytest.mark.slow
async def test_all_workers_end_the_streams(tmp_path):
    with (
        closing_all() as clients,
        HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", "2", "--key", KEY, "--allowed-host", "hub.test") as hub,
    ):
        streams = {worker: [] for worker in children(hub.pid)}
        while not all(streams.values()):
            client = await RawClient.connect((HOST, hub.port))
            clients.append(client)
            await client.subscribe("/events?topic=t", user())
            streams[server_of(client.sock, streams)].append(client)
        client = await RawClient.connect((HOST, hub.port))
        clients.append(client)
        answer = await revoke(client, "subject=user-7")

        assert 1 <= json.loads(answer.text)["closed"] < sum(map(len, streams.values()))
        for stream in [stream for some in streams.values() for stream in some]:
            assert await stream.farewell() == b""
        victim = next(iter(streams))
        os.kill(victim, 9)
        assert eventually(lambda: len(set(children(hub.pid)) - {victim}) == 2)
        for _ in range(10):
            client = await RawClient.connect((HOST, hub.port))
            clients.append(client)
            assert (await client.get("/events?topic=t", user())).status == 401
