"""The Mercure protocol's endpoints: which methods there are, what other sites' pages may do, what all answers say.

Protocol: https://mercure.rocks/spec (draft 07) and what its own hub 0.24 answers.
"""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from integration.mercure_tokens import ANONYMOUS, KEY, KEYED, MERCURE, OTHER_KEY, PUBLISHER, SUBSCRIBER, bearer, post
from longwave.auth import key_set
from longwave.server.config import AccessConfig, Limits, Listen

APP = "https://app.test"
PATHS = [MERCURE, "/events"]
SUBSCRIBE = {"GET", "HEAD"}
PUBLISH = {"POST"}


async def ask(client, method, target, *headers):
    await client.request(method, target, *headers, body=b"" if method == "POST" else None)
    return await client.answer(head_only=method == "HEAD")


# Which methods there are.


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("access", "methods"),
    [
        (AccessConfig(), SUBSCRIBE | PUBLISH),
        (AccessConfig(key=KEY), SUBSCRIBE | PUBLISH),
        (AccessConfig(publisher_key=KEY), PUBLISH),
        (AccessConfig(subscriber_key=KEY), SUBSCRIBE),
        (AccessConfig(publisher_key=KEY, anonymous=True), SUBSCRIBE | PUBLISH),
        (AccessConfig(publisher_key=KEY, subscriber_key=KEY), SUBSCRIBE | PUBLISH),
        (AccessConfig(subscriber_key=KEY, anonymous=True), SUBSCRIBE),
    ],
)
async def test_what_has_no_key_is_405(start, access, methods, path):
    running = await start(access=access)
    client = await running.connect()

    options = await ask(client, "OPTIONS", path)
    answers = {method: (await ask(client, method, path)).status for method in sorted(SUBSCRIBE | PUBLISH)}

    assert options.status == 204
    assert set(options.headers["allow"].split(", ")) == methods | {"OPTIONS"}
    assert {method for method, status in answers.items() if status != 405} == methods


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "QUERY"])
async def test_other_methods_are_405_and_the_answer_lists_those_there_are(start, method):
    running = await start(access=KEYED)
    client = await running.connect()

    answer = await ask(client, method, MERCURE)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize(
    "path",
    [
        f"{MERCURE}/",
        f"/{MERCURE}",
        "/.well-known/./mercure",
        "/.well-known/x/../mercure",
        "/.well-known%2Fmercure",
        "/.well-known/MERCURE",
        f"{MERCURE}/other",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_path_is_taken_as_it_is_written(start, path, method):
    """A path that was cleaned or decoded here, and not by a proxy before, would get around what that one forbids."""
    running = await start(access=AccessConfig(key=KEY, anonymous=True, subscriptions=True))
    client = await running.connect()

    assert (await ask(client, method, path, PUBLISHER)).status == 404


async def test_jwk_set_from_a_file_serves_publishers_and_subscribers(start, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(
        '{"keys": [{"kty": "oct", "alg": "HS256", "k": "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIHRoaXJ0eS10d28gYnl0ZXM"}]}'
    )
    running = await start(access=AccessConfig(jwks=f"file://{keys}"))
    client = await running.connect()

    assert (await ask(client, "GET", "/healthz")).status == 200
    assert (await post(client, "topic=t", PUBLISHER)).status == 200
    assert (await ask(client, "HEAD", f"{MERCURE}?topic=t", SUBSCRIBER)).status == 200
    assert (await ask(client, "HEAD", f"{MERCURE}?topic=t")).status == 401


async def test_hub_whose_jwk_set_was_never_read_refuses_tokens_and_wants_no_clients_but_is_well(
    start, tmp_path, caplog
):
    """Starting it again would not help, so whoever does that to hubs that are not well must not."""
    running = await start(access=AccessConfig(jwks=f"file://{tmp_path}/none.json"))
    client = await running.connect()

    health, ready = await ask(client, "GET", "/healthz"), await ask(client, "GET", "/readyz")

    assert (health.status, health.text) == (200, "ok\n")
    assert (ready.status, ready.text) == (503, "expected the keys that verify tokens, got none yet\n")
    assert (await post(client, "topic=t", PUBLISHER)).status == 401
    caplog.clear()  # that the set could not be read is an error, and told as one


async def test_keys_of_publishers_and_subscribers_are_kept_apart(start):
    other = "the secret of subscribers, which is another"
    running = await start(access=AccessConfig(publisher_key=KEY, subscriber_key=other))
    client = await running.connect()

    assert (await post(client, "topic=t", bearer(publish=["*"], key=other))).status == 401
    assert (await post(client, "topic=t", PUBLISHER)).status == 200
    assert (await ask(client, "HEAD", f"{MERCURE}?topic=t", SUBSCRIBER)).status == 401
    assert (await ask(client, "HEAD", f"{MERCURE}?topic=t", bearer(subscribe=[], key=other))).status == 200


def set_of(*secrets):
    """A JWK set of secrets, as text."""
    encoded = [base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode() for secret in secrets]
    return json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "k": key} for key in encoded]})


async def test_sets_of_publishers_and_subscribers_are_kept_apart_and_rotated_apart(start, tmp_path, monkeypatch):
    """The issuer of subscribers' tokens must not be able to sign for publishers, also after either set changed."""
    monkeypatch.setattr(key_set, "LEAST", 0.01)
    ours, theirs = tmp_path / "publishers.json", tmp_path / "subscribers.json"
    ours.write_text(set_of(KEY))
    theirs.write_text(set_of(OTHER_KEY))
    running = await start(access=AccessConfig(publisher_jwks=f"file://{ours}", subscriber_jwks=f"file://{theirs}"))
    client = await running.connect()
    third = "the third secret, which was made for a rotation"

    async def statuses(key):
        published = await post(client, "topic=t", bearer(publish=["*"], key=key))
        subscribed = await ask(client, "HEAD", f"{MERCURE}?topic=t", bearer(subscribe=["*"], key=key))
        return published.status, subscribed.status

    async def eventually(key, expected):
        async with asyncio.timeout(10):
            while await statuses(key) != expected:
                pass  # each asks anew

    assert await statuses(KEY) == (200, 401)
    assert await statuses(OTHER_KEY) == (401, 200)
    theirs.write_text(set_of(third))
    await eventually(third, (401, 200))
    assert await statuses(OTHER_KEY) == (401, 401)
    assert await statuses(KEY) == (200, 401)
    ours.write_text(set_of(OTHER_KEY))
    await eventually(OTHER_KEY, (200, 401))
    assert await statuses(KEY) == (401, 401)
    assert await statuses(third) == (401, 200)


async def test_health_is_told_without_a_token(start):
    running = await start(access=KEYED)
    client = await running.connect()

    answer = await client.get("/healthz")

    assert (answer.status, answer.text) == (200, "ok\n")


async def test_head_has_the_head_of_a_stream_and_opens_none(start):
    running = await start(access=KEYED)
    client = await running.connect()

    answer = await ask(client, "HEAD", f"{MERCURE}?topic=t", SUBSCRIBER)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert running.hub.subscribers == 0
    assert (await ask(client, "HEAD", f"{MERCURE}?topic=t")).status == 401, "the connection goes on"


# What all answers say.


async def test_every_response_forbids_framing_guessing_and_loading_from_elsewhere(start):
    running = await start(access=ANONYMOUS, limits=Limits(topics=1))
    client = await running.connect()
    answers = {
        "refused token": await post(client, "topic=t"),
        "publication": await post(client, "topic=t", PUBLISHER),
        "bad request": await client.get(MERCURE),
        "no path": await client.get("/nowhere"),
        "no method": await ask(client, "PUT", MERCURE),
        "options": await ask(client, "OPTIONS", MERCURE),
        "health": await client.get("/healthz"),
        "head": await ask(client, "HEAD", f"{MERCURE}?topic=t"),
        "stream": await client.subscribe(f"{MERCURE}?topic=t"),
    }
    broken = await running.connect()
    await broken.send(b"nonsense\r\n\r\n")
    answers["no HTTP"] = await broken.head()

    for name, answer in answers.items():
        assert answer.headers["x-frame-options"] == "DENY", name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["content-security-policy"] == "default-src 'self'", name


async def test_console_page_keeps_its_own_policy(start):
    running = await start(access=KEYED)
    client = await running.connect()

    page = await client.get("/")

    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


# Pages of other origins.


@pytest.mark.parametrize("path", PATHS)
async def test_page_of_a_listed_origin_may_read_streams_with_credentials(start, sink, path):
    running = await start(sink=sink, access=AccessConfig(key=KEY, anonymous=True, cors_origins=(APP,)))
    client = await running.connect()

    head = await client.subscribe(f"{path}?topic=t", f"Origin: {APP}")

    assert head.headers["access-control-allow-origin"] == APP
    assert head.headers["access-control-allow-credentials"] == "true"
    assert "last-event-id" in head.headers["access-control-expose-headers"]
    assert head.headers["vary"] == "Origin"


async def test_page_of_another_origin_may_not_read(start):
    running = await start(access=AccessConfig(key=KEY, anonymous=True, cors_origins=(APP,)))
    client = await running.connect()

    head = await client.subscribe(f"{MERCURE}?topic=t", "Origin: https://evil.test")

    assert "access-control-allow-origin" not in head.headers
    assert head.headers["vary"] == "Origin"


async def test_star_never_goes_with_credentials(start):
    running = await start(access=AccessConfig(key=KEY, anonymous=True, cors_origins=("*",)))
    client = await running.connect()

    head = await client.subscribe(f"{MERCURE}?topic=t", f"Origin: {APP}")

    assert head.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in head.headers


async def test_without_cors_origins_no_answer_speaks_of_them(start):
    running = await start(access=ANONYMOUS)
    client = await running.connect()

    head = await client.subscribe(f"{MERCURE}?topic=t", f"Origin: {APP}")

    assert not [name for name in head.headers if name.startswith("access-control") or name == "vary"]


async def test_each_answer_tells_a_listed_page_once_that_it_may_read_it(start):
    """A header that comes twice would be refused by browsers."""
    running = await start(access=AccessConfig(key=KEY, cors_origins=(APP,)))
    client = await running.connect()
    origin = f"Origin: {APP}"

    for method, target, headers in [
        ("GET", f"{MERCURE}?topic=t", (origin,)),  # 401
        ("GET", MERCURE, (origin, SUBSCRIBER)),  # 400
        ("HEAD", f"{MERCURE}?topic=t", (origin, SUBSCRIBER)),
        ("POST", MERCURE, (origin, PUBLISHER)),  # 400
        ("PUT", MERCURE, (origin,)),
        ("GET", "/nowhere", (origin,)),
        ("GET", f"{MERCURE}?topic=t", (origin, SUBSCRIBER)),
    ]:
        await client.request(method, target, *headers, body=b"" if method == "POST" else None)
        raw = await client.until(b"\r\n\r\n")
        assert raw.lower().count(b"\r\naccess-control-allow-origin: https://app.test\r\n") == 1, (method, target, raw)
        assert raw.lower().count(b"\r\nvary: ") == 1
        found = raw.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await client.exactly(int(found) if found and method != "HEAD" else 0)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (413, (f"Content-Length: {2**20 + 1}",)),
        (408, ("Content-Length: 10",)),
    ],
)
async def test_page_of_a_listed_origin_may_read_why_its_request_was_not_read(start, status, headers):
    """Without leave to read it, a script only sees 'Failed to fetch'."""
    running = await start(access=AccessConfig(key=KEY, cors_origins=(APP,)), body=0.05)
    client = await running.connect()

    await client.request("POST", MERCURE, f"Origin: {APP}", PUBLISHER, *headers)
    answer = await client.answer()

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["vary"] == "Origin"


async def test_space_around_the_value_of_a_header_is_no_part_of_it(start):
    """RFC 9112 section 5: neither of a token, nor of the last event id, nor of an origin."""
    running = await start(access=AccessConfig(key=KEY, cors_origins=(APP,)))
    event_id = await running.hub.publish("t", "x")
    client = await running.connect()
    values = (SUBSCRIBER, f"Last-Event-ID:\t {event_id}", f"Origin: {APP}")

    head = await client.subscribe(f"{MERCURE}?topic=t", *(f"{value} \t " for value in values))

    assert head.headers["last-event-id"] == event_id
    assert head.headers["access-control-allow-origin"] == APP


async def test_preflight_is_answered_without_a_token(start):
    running = await start(access=AccessConfig(key=KEY, cors_origins=(APP,)))
    client = await running.connect()

    answer = await ask(
        client,
        "OPTIONS",
        MERCURE,
        f"Origin: {APP}",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type",
    )

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"authorization", "cache-control", "content-type", "last-event-id"} <= set(allowed)


async def test_page_of_a_listed_origin_that_finds_the_hub_full_may_read_when_to_come_back(start):
    """Without leave to read it, EventSource would take the answer for an error, and never come back."""
    running = await start(access=AccessConfig(key=KEY, cors_origins=(APP,)), limits=Limits(connections=1))
    await (await running.connect()).get("/healthz")
    client = await running.connect()

    await client.request("GET", f"{MERCURE}?topic=t", f"Origin: {APP}", "Accept: text/event-stream")
    head = await client.head()

    assert head.status == 200
    assert head.headers["access-control-allow-origin"] == APP
    assert head.headers["access-control-allow-credentials"] == "true"


# DNS rebinding: a page whose own name now stands for this machine.


@pytest.mark.parametrize("target", [f"{MERCURE}?topic=t", "/events?topic=t", "/", "/healthz", "/nowhere"])
async def test_hub_without_a_key_answers_no_foreign_name(start, target):
    running = await start(access=AccessConfig())
    client = await running.connect()
    client.host = "hub.test"

    answer = await client.get(target)

    assert answer.status == 421
    assert answer.text == "expected localhost, an IP address or a name of --allowed-host as Host, got 'hub.test'\n"


async def test_page_of_a_foreign_name_cannot_publish_to_a_hub_without_a_key(start):
    running = await start(access=AccessConfig())
    client = await running.connect()
    client.host = "hub.test"

    answer = await post(client, "topic=t&data=x", "Origin: http://hub.test")

    assert answer.status == 421
    assert await running.stored() == []


@pytest.mark.parametrize("host", [b"localhost", b"localhost:8080", b"127.0.0.1:8080", b"[::1]:80", b"192.0.2.7"])
async def test_hub_without_a_key_answers_local_names_and_addresses(start, host):
    running = await start(access=AccessConfig())
    client = await running.connect()

    await client.send(b"GET /healthz HTTP/1.1\r\nHost: %b\r\n\r\n" % host)

    assert (await client.answer()).status == 200


async def test_hub_without_a_key_answers_names_that_were_allowed(start):
    running = await start(access=AccessConfig(allowed_hosts=("hub.test", "other.test")))
    client = await running.connect()
    client.host = "hub.test"

    assert (await client.get("/healthz")).status == 200


@pytest.mark.parametrize("access", [KEYED, ANONYMOUS])
async def test_hub_with_a_key_answers_any_name(start, access):
    running = await start(access=access)
    client = await running.connect()
    client.host = "hub.test"

    assert (await client.get("/healthz")).status == 200


async def test_unix_socket_answers_any_name_as_no_browser_reaches_it(start, tmp_path):
    running = await start(access=AccessConfig(), listen=Listen(uds=str(tmp_path / "hub.sock")))
    client = await running.connect()
    client.host = "hub.test"

    assert (await client.get("/healthz")).status == 200


# Pages that publish where nobody needs a token.


async def test_page_of_a_publish_origin_may_publish_to_a_hub_without_a_key(start):
    running = await start(access=AccessConfig(publish_origins=(APP,)))
    client = await running.connect()

    assert (await post(client, "topic=t&data=x", f"Origin: {APP}")).status == 200
    assert (await post(client, "topic=t&data=x", "Origin: https://evil.test")).status == 403
