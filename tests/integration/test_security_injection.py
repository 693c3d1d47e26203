"""What a client writes stays what it wrote: it becomes no field, no event, no header, no page and no line of a log.

Not here: the encoder itself (tests/unit/eventstream), each field of a form (test_mercure_publish.py).
"""

from __future__ import annotations

import io
import json
import logging
from urllib.parse import quote

import pytest

from integration.conftest import until
from integration.mercure_tokens import KEY, MERCURE, bearer
from integration.presence_client import TOLD, Watcher, credential
from integration.wire_answers import read_answers
from longwave.eventstream.parser import Parser
from longwave.server.config import AccessConfig
from longwave.server.messages.log_format import LogFormat
from longwave.server.revoking import _restatement_id
from unit.auth.signed_tokens import hs256

PUBLISHER = bearer(publish=["*"])
KEYED = AccessConfig(key=KEY, anonymous=True, subscriptions=True)
ENDS = [
    "\r",
    "\n",
    "\r\n",
    "\n\n",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
]
FORGED = ["id: forged", "event: gap", "data: forged", "retry: 0", ":", "", "\r\nid: forged\r\n\r\n"]


def form(**fields):
    return "&".join(f"{name}={quote(value)}" for name, value in {"topic": "t", **fields}.items()), "form"


def as_json(**fields):
    return json.dumps({"topic": "t", **fields}), "JSON"


def as_ndjson(**fields):
    return f"\n{json.dumps({'topic': 't', **fields})}\n\n", "NDJSON"


TYPES = {
    "form": "application/x-www-form-urlencoded",
    "JSON": "application/json",
    "NDJSON": "application/x-ndjson",
}


@pytest.mark.parametrize("write", [form, as_json, as_ndjson])
@pytest.mark.parametrize("end", ENDS, ids=ascii)
async def test_no_field_of_a_publication_becomes_another(start, write, end):
    """As a client reads the stream: each publication is one event, with the data, type and id that were given."""
    running = await start(access=KEYED)
    client = await running.connect()
    given = []
    for field in ("data", "type", "id"):
        for number, forged in enumerate(FORGED):
            value = f"{number}{end}{forged}"
            body, kind = write(**{field: value})
            answer = await client.post(body, TYPES[kind], PUBLISHER)
            if answer.status == 200:
                given.append((field, value))
            else:
                assert (answer.status, field != "data") == (400, True)
    await client.post("topic=t&data=the end", TYPES["form"], PUBLISHER)
    reader = await running.subscribe("/events?topic=t&lastEventID=earliest")

    events = []
    parser = Parser()
    while not (events and events[-1].data == "the end"):
        events += parser.feed(await reader.piece())

    assert len(events) == len(given) + 1
    for event, (field, value) in zip(events, given, strict=False):
        expected = value.replace("\r\n", "\n").replace("\r", "\n") if field == "data" else value
        assert getattr(event, field) == expected
        assert event.type == (value if field == "type" else "message")


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\n\r\n", "\u2028", "\x85", "\x00", "\t", "é", " "], ids=ascii)
@pytest.mark.parametrize("place", ["header", "query", "published id"])
async def test_an_id_becomes_no_header_of_an_answer(start, place, end):
    running = await start(access=KEYED)
    event_id = f"a{end}X-Injected: yes{end}b"
    if place == "published id":
        client = await running.connect()
        await client.post(f"topic=t&id={quote(event_id)}", TYPES["form"], PUBLISHER)
    client = await running.connect()
    raw = event_id.encode() if place == "header" else b"x"
    target = f"{MERCURE}?topic=t&lastEventID={quote(event_id)}"

    await client.send(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: hub.test\r\nLast-Event-ID: " + raw + b"\r\n\r\n")
    await client.receive()
    client.half_close()
    (answer,) = read_answers(await client.rest())

    assert answer.status in (200, 400)  # the parser of heads refuses some
    assert "x-injected" not in answer.headers


REFLECTED = {
    "path": ("GET", "/{}", ()),
    "topic": ("GET", "/events?topic={}", ()),
    "unknown key": ("POST", "/events", ("Content-Type: application/json",)),
    "content type": ("POST", "/events", ("Content-Type: {}",)),
    "host": ("GET", "/events?topic=t", ("Host: {}",)),
    "cursor": ("GET", "/events?topic=t&lastEventID={}", ()),
}
MARKUP = "<script>alert(1)</script>"


@pytest.mark.parametrize("door", REFLECTED)
async def test_what_an_answer_repeats_is_no_page(start, door):
    running = await start()
    client = await running.connect()
    method, target, headers = REFLECTED[door]
    hosts = [] if door == "host" else ["Host: hub.test"]
    body = json.dumps({MARKUP: 1}) if door == "unknown key" else ""
    lines = [f"{method} {target.format(MARKUP)} HTTP/1.1", *hosts, *(header.format(MARKUP) for header in headers)]

    await client.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode())
    head = await client.head()

    assert head.headers["content-type"].partition(";")[0] in ("text/plain", "text/event-stream")
    assert head.headers["x-content-type-options"] == "nosniff"
    assert head.headers["content-security-policy"] == "default-src 'self'"


# The operator's log.


FORMATTERS = {form.value: form.formatter() for form in LogFormat} | {"plain": logging.Formatter("%(message)s")}


@pytest.fixture(params=FORMATTERS)
def written(request):
    """What an operator sees on standard error, in each of the formats; and in that of a program with this hub in it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(FORMATTERS[request.param])
    logger = logging.getLogger("longwave")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


EVIL = "a\r\n2026-11-20 07:23:32,118 WARNING all is well\x1b[2J\u2028\x85\x00b"
REFUSED = {
    "topic": lambda: ("topic=" + quote(EVIL), [bearer(publish=["other"])], ""),
    "key id": lambda: ("topic=t", [f"Authorization: Bearer {hs256({'alg': 'HS256', 'kid': EVIL}, {})}"], ""),
    "algorithm": lambda: ("topic=t", [f"Authorization: Bearer {hs256({'alg': EVIL}, {})}"], ""),
    "claim": lambda: ("topic=t", [f"Authorization: Bearer {signed({'mercure': {'publish': [EVIL * 20]}})}"], ""),
    "subject": lambda: ("topic=t", [f"Authorization: Bearer {signed({'sub': EVIL})}"], ""),
    "head": lambda: ("topic=t", [f"Authorization: Bearer {hs256(EVIL, {})}"], ""),
    "query": lambda: ("topic=t", [], "?authorization=" + quote(EVIL + "a" * 50)),
    "origin": lambda: ("topic=t", ["Cookie: mercureAuthorization=x", "Origin: https://a\t\x85\x9b2J"], ""),
}


def signed(claims):
    return hs256({"alg": "HS256"}, claims, KEY.encode())


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal_is_one_line_of_the_log_whatever_was_sent(start, written, what):
    running = await start(access=KEYED)
    client = await running.connect()
    body, headers, query = REFUSED[what]()
    lines = [f"POST /events{query} HTTP/1.1", "Host: hub.test", f"Content-Type: {TYPES['form']}", *headers]

    await client.send("\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode("latin-1"))
    assert (await client.answer()).status == 401
    text = written.getvalue()

    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()
    assert len(text) < 2000


@pytest.mark.parametrize("path", ["/events", MERCURE])
@pytest.mark.parametrize(
    "where", ["/.well-known/mercure/subscriptions/t/1", "/.well-known/mercure/longwave/revocations"]
)
async def test_nobody_speaks_for_the_hub(start, path, where):
    """Whatever a token grants, it publishes nothing about subscriptions and no note that hubs would believe."""
    running = await start(access=KEYED)
    client = await running.connect()
    for body, kind in (form(topic=where, private="on"), form(topic=f"https://h{where}"), as_json(topic=["t", where])):
        if kind == "form" or path == "/events":
            answer = await client.post(body, TYPES[kind], PUBLISHER, target=path)
            assert answer.status == 403

    assert await running.stored() == []


# Ids that hubs over one log agree on, so that one of them tells a thing once.


async def test_no_publisher_hides_the_end_of_a_subscription_by_taking_its_id(start):
    running = await start(access=TOLD)
    watcher = await Watcher.connect(await running.connect())
    client = await running.subscribe("/events?topic=a")
    _, _, subscriber = await watcher.next()
    publisher = await running.connect()

    await publisher.post(
        f"topic=mine&id={quote(f'urn:longwave:end:{subscriber}#0')}", TYPES["form"], bearer(publish=["mine"])
    )
    client.close()
    await until(lambda: running.hub.subscribers == 1)
    await running.subscribe("/events?topic=b")

    assert (await watcher.next())[:2] == ("a", False)


async def test_no_publisher_lets_a_revocation_be_forgotten_by_taking_its_id(start, tmp_path, monkeypatch):
    monkeypatch.setattr("longwave.core.statements.WINDOW", 10)
    running = await start(f"sqlite:{tmp_path}/log.db", access=TOLD)
    client = await running.connect()
    await client.post("subject=user-7", TYPES["form"], credential(revoke=["*"]), target="/events/revoke")
    statements = running.site.revoking._statements
    await running.publish(*map(str, range(20)))
    ((position, stated),) = statements.due(first=1, last=21, now=0.0, limit=1)

    taken = quote(_restatement_id(position, stated))
    await client.post(f"topic=mine&id={taken}", TYPES["form"], bearer(publish=["mine"]))
    await running.site.revoking._restate()
    last = (await running.log.read(0, 0)).last
    await until(lambda: running.hub.census().position == last)

    assert statements.due(first=1, last=last, now=0.0, limit=1) == []
