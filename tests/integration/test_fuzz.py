"""Whatever is sent to a hub, only documented answers come back, nobody learns a secret, and nothing is left behind.

The same requests each time. With LONGWAVE_FUZZ_SECONDS=60 each test goes on for so long, with new ones; a failure names
the seed that made its request.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import os
import random
import re
import sys
import time
from contextlib import contextmanager

import pytest

from docs.pages import page
from integration.conftest import OPEN, until
from integration.hostile_requests import FOLDER, HostileClient
from integration.raw_client import RawClient
from integration.wire_answers import read_answers
from longwave.auth.revocation_note import read_revocations
from longwave.core.note import is_note, read_note
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.logs.memory import MemoryLog
from longwave.logs.retention import Retention
from longwave.server.config import AccessConfig, Limits
from longwave.server.messages.log_format import LogFormat
from unit.auth.signed_tokens import hs256, pair, token_of

SECONDS = float(os.environ.get("LONGWAVE_FUZZ_SECONDS", "0"))
CASES = 1500  # with one seed
CASES_AGAIN = 250  # that are sent again and again
ROUNDS = 3
AT_ONCE = 25
PUBLISHER_SECRET = "the publishers' secret, of more than 32 bytes"
SUBSCRIBER_SECRET = "the subscribers' secret, of more than 32 bytes"
PRIVATE = "nobody has a token that lets them see this"
PUBLIC = "everybody may see this"
HEALTHY = "still here"

KEYED = AccessConfig(
    publisher_key=PUBLISHER_SECRET,
    subscriber_key=SUBSCRIBER_SECRET,
    anonymous=True,
    subscriptions=True,
    cors_origins=("https://app.test",),
    publish_origins=("https://app.test",),
)
ACCESS = {
    "open": OPEN,
    "keyed": KEYED,
    "only subscribers": AccessConfig(subscriber_key=SUBSCRIBER_SECRET),
    "only publishers": AccessConfig(publisher_key=PUBLISHER_SECRET, cors_origins=("*",), publish_origins=("*",)),
}
LIMITS = Limits(head=12_000, body=100_000, bodies=2_000_000)

# What may come back, by path and method, from a request whose head is in order.
EVERYWHERE = {400, 405, 408, 413, 421, 431, 503}
STREAM = EVERYWHERE | {200, 401, 429}
PUBLISH = EVERYWHERE | {200, 401, 403, 409, 415, 429}
ANSWERS = {
    "/events": {"GET": STREAM, "HEAD": STREAM, "POST": PUBLISH},
    "/.well-known/mercure": {"GET": STREAM, "HEAD": STREAM, "POST": PUBLISH - {415}},
    "/events/revoke": {"POST": EVERYWHERE | {200, 401, 404, 415, 429}},
    FOLDER: {"GET": STREAM | {304, 404}, "HEAD": STREAM | {304, 404}},
    "/healthz": {"GET": EVERYWHERE | {200}, "HEAD": EVERYWHERE | {200}},
    "/readyz": {"GET": EVERYWHERE | {200}, "HEAD": EVERYWHERE | {200}},
    "/metrics": {"GET": EVERYWHERE | {200, 403, 404}, "HEAD": EVERYWHERE | {200, 403, 404}},
    **{path: {"GET": EVERYWHERE | {200}, "HEAD": EVERYWHERE | {200}} for path in ("/", "/console.css", "/console.js")},
    "/console.svg": {"GET": EVERYWHERE | {200}, "HEAD": EVERYWHERE | {200}},
}
OPTIONAL = {FOLDER, "/events/revoke", "/metrics"}  # not there unless asked for
ANY = {status for methods in ANSWERS.values() for statuses in methods.values() for status in statuses} | {204, 404}


def allowed(case):
    """The statuses that may answer a case."""
    if case.path is None:
        return ANY
    path = FOLDER if case.path.startswith(FOLDER) else case.path
    if path not in ANSWERS:
        return EVERYWHERE | {404, 204}
    if case.method == "OPTIONS":
        return EVERYWHERE | {204} | ({404} if path in OPTIONAL else set())
    return ANSWERS[path].get(case.method, EVERYWHERE | {404} if path in OPTIONAL else EVERYWHERE)


# Tokens.


def signed(secret, claims, **header):
    return hs256({"typ": "JWT", "alg": "HS256", **header}, claims, secret.encode())


GOOD = (
    signed(SUBSCRIBER_SECRET, {"mercure": {"subscribe": ["fuzz/{x}", f"{FOLDER}{{/a,b}}"]}, "sub": "somebody"}),
    signed(PUBLISHER_SECRET, {"mercure": {"publish": ["fuzz/{x}"], "revoke": ["fuzz/{x}", "x"]}}),
)
CLAIMS = [
    {"mercure": {"publish": []}},
    {"mercure": {"publish": None, "subscribe": None}},
    {"mercure": {"publish": "*"}},
    {"mercure": {"publish": [["*"]]}},
    {"mercure": ["*"]},
    {"mercure": {"publish": ["{", "{a*}{b*}"], "subscribe": ["\x00"]}},
    {"mercure": {"publish": ["*"]}, "exp": 1},
    {"mercure": {"publish": ["*"]}, "exp": "never"},
    {"mercure": {"publish": ["*"]}, "nbf": 2**52},
    {"mercure": {"publish": ["*"]}, "exp": float("nan")},
    {"mercure": {"subscribe": ["fuzz/{x}"], "payload": {"a": ["b"] * 50}}, "sub": "a\nb"},
    {"mercure": {"subscribe": ["fuzz/{x}"] * 1001}},
    {},
]
TOKENS = [
    *GOOD,
    *(signed(secret, claims) for claims in CLAIMS for secret in (PUBLISHER_SECRET, SUBSCRIBER_SECRET)),
    *(token_of({"mercure": {"publish": ["*"], "subscribe": ["*"]}}, alg=name) for name in ("HS256", "none", "RS256")),
    hs256('{"alg":"HS256","kid":"../../etc/passwd"}', {"mercure": {"publish": ["*"]}}),
    hs256('{"alg":"HS256"', {"mercure": {"publish": ["*"]}}),
    token_of({"mercure": {"publish": ["*"]}}, jwk={"kty": "oct", "k": "AAAA"}, jku="http://127.0.0.1/"),
    hs256('{"alg":"HS256","kid":"a\\r\\nX-Injected: yes"}', {}, PUBLISHER_SECRET.encode()),
    pair("P-256").public_pem.replace("\n", ""),
    "",
    "x",
    "." * 50,
    "a" * 5000,
    "e30." * 20,
    base64.b64encode(bytes(range(256))).decode(),
]
SECRETS = [PUBLISHER_SECRET, SUBSCRIBER_SECRET, PRIVATE]
SIGNATURES = [token.rpartition(".")[2] for token in GOOD]


# The server and what it tells its operator.


@contextmanager
def hearing():
    """All that is logged meanwhile, as records; none is kept by anybody else, as they would be counted as memory."""
    records = []
    root = logging.getLogger()
    kept, level = root.handlers, root.level
    handler = logging.Handler()
    handler.emit = records.append
    root.handlers, root.level = [handler], logging.DEBUG
    try:
        yield records
    finally:
        root.handlers, root.level = kept, level


def check_messages(records):
    """Nothing failed, nobody could write a line of his own, and no secret is told."""
    for record in records:
        line = LogFormat.HUMAN.formatter().format(record)
        assert record.levelno < logging.ERROR, line
        assert record.exc_info is None, line
        assert record.name.startswith(("longwave", "asyncio")), line
        for form in (LogFormat.HUMAN, LogFormat.JSON):
            line = form.formatter().format(record)
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line), line
            assert [secret for secret in [*SECRETS, *SIGNATURES] if secret in line] == [], line
    records.clear()


async def hub_with_a_secret(start, name, *, events=10_000, **more):
    """A server with something to see for everybody, and something for nobody; it keeps so many updates."""
    running = await start(
        MemoryLog(Retention(events=events)),
        access=ACCESS[name],
        limits=LIMITS,
        head=0.2,
        body=0.2,
        keep_alive=0.3,
        **more,
    )
    await running.hub.append([Update(("t", "secret"), Event(PRIVATE), private=True), Update(("t",), Event(PUBLIC))])
    return running


# Sending a case.


async def converse(running, case):
    """Send a case and, after it, a good request that ends the connection; return all that came back."""
    client = await RawClient.connect(running.address)
    try:
        await client.send(case.data + b"GET /healthz HTTP/1.1\r\nHost: hub.test\r\nConnection: close\r\n\r\n")
        while not is_stream(client.received) and await client.receive():
            pass
        if is_stream(client.received):  # whoever says no more is taken to be gone, so it ends
            client.half_close()
        return await client.rest()
    except (BrokenPipeError, ConnectionResetError):  # it was refused before it was complete
        return await client.rest()
    finally:
        client.close()


def is_stream(received):
    return b"X-Accel-Buffering: no\r\n" in received and b"\r\n\r\n" in received.rpartition(b"X-Accel-Buffering")[2]


async def check_case(running, case, seed):
    data = await converse(running, case)
    try:
        answers = read_answers(data, heads=b"HEAD " in case.data)
        assert answers, "no answer"
        assert answers[0].status in allowed(case), answers[0]
        assert {answer.status for answer in answers} <= ANY, answers
        assert not [secret for secret in SECRETS if secret.encode() in data], data
        if case.path is not None:
            assert not [signature for signature in SIGNATURES if signature.encode() in data], data
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {case!r} was answered {data[:3000]!r}") from error


async def check_all(running, name, seed, records, count=CASES):
    """Send the cases of one seed, many at a time; then the server must be as good as new."""
    source = HostileClient(random.Random(seed), sorted(ANSWERS.keys() - {FOLDER}), GOOD, TOKENS)
    cases = [source.case() for _ in range(count)]
    for start in range(0, count, AT_ONCE):
        together = [check_case(running, case, seed) for case in cases[start : start + AT_ONCE]]
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*together)
        except AssertionError as error:
            told = map(LogFormat.HUMAN.formatter().format, records)
            error.add_note("\n".join(line for line in told if "\n" in line))
            raise
        check_messages(records)
    await check_log(running, name)
    await check_health(running)


async def check_health(running):
    if not running.site.access.is_open and not running.site.config.access.anonymous:
        client = await running.connect()
        assert (await client.get("/healthz")).text == "ok\n"
        client.close()
        return
    subscriber = await running.subscribe("/events?topic=health")
    await running.publish(HEALTHY, topic="health")
    assert await subscriber.data() == HEALTHY
    subscriber.close()
    await until(lambda: running.empty)


async def check_log(running, name):
    """Nothing was published without a token for it, nor about the hub itself."""
    updates = [entry.update for entry in (await running.log.read(0, 20_000)).entries]
    own = [update for update in updates if "/.well-known/mercure" in "".join(update.topics)]
    by_clients = [one for one in updates if one not in own and one.event.data not in (PRIVATE, PUBLIC, HEALTHY)]
    topics = {topic for update in by_clients for topic in update.topics}

    assert not own if name == "open" else all(is_the_hubs_own(update) for update in own)
    assert name == "open" or not [topic for topic in topics if not topic.startswith("fuzz/")]
    assert bool(topics) == (name != "only subscribers")


def is_the_hubs_own(update):
    """Whether it tells what only the hub does: of a subscription or of a revocation. No client has such data."""
    if update.event.data.startswith('{\n  "@context": "https://mercure.rocks/"'):
        return update.private
    return is_note(update) and bool(list(read_revocations(read_note(update))))


@pytest.mark.slow
@pytest.mark.timeout(90 + 3 * SECONDS)
@pytest.mark.parametrize("name", ACCESS)
async def test_whatever_is_sent_gets_a_documented_answer_and_leaves_nothing_behind(start, name):
    running = await hub_with_a_secret(start, name)
    end = time.monotonic() + SECONDS
    seed = random.randrange(2**32) if SECONDS else 1

    with hearing() as records:
        await check_all(running, name, seed, records)
        while time.monotonic() < end:
            seed += 1
            await check_all(running, name, seed, records)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["open", "keyed"])
async def test_the_same_hostile_requests_again_take_no_more_memory(start, name, monkeypatch):
    """All that may be remembered of them is known by then, so whatever is still there grows with each request."""
    monkeypatch.setattr("longwave.replay_pages.KEPT", 0.02)
    running = await hub_with_a_secret(
        start, name, events=50, heartbeat=0.02
    )  # until it is due, a stream that ended is known
    due, pages = running.hub.delivery._wheel._buckets, running.hub._replays._pages._pages

    with hearing() as records:
        held = []
        for _ in range(3 * ROUNDS):
            await check_all(running, name, 2, records, CASES_AGAIN)
            await until(lambda: not due and not pages)
            gc.collect()
            held.append((sys.getallocatedblocks(), len(gc.get_objects())))
    before, after = held[ROUNDS : 2 * ROUNDS], held[2 * ROUNDS :]
    blocks, objects = (
        min(late) - min(early) for early, late in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True)
    )

    sent = ROUNDS * CASES_AGAIN
    assert objects < sent / 10
    assert blocks < sent * 3 / 2


async def test_each_entry_point_of_the_server_is_tried(start):
    running = await start()

    assert set(running.site._routes._table) <= set(ANSWERS)


def test_each_answer_that_may_come_is_documented():
    rows = re.findall(r"^\| `(\d{3})` \|", page("docs/reference/http.md").section("Statuses"), re.MULTILINE)

    assert {str(status) for status in ANY} <= set(rows)
