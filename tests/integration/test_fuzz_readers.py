"""The readers of what strangers send, without a socket between: any input gives a value that is sound, or a refusal.

The same thousands of inputs each time; with LONGWAVE_FUZZ_SECONDS as many as fit into that time, and new ones.
Not here: the properties of one reader with shrinking examples (tests/unit/auth, tests/unit/server).
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
from functools import partial

import pytest

from integration.hostile_requests import CLAIMS_OF_ALL_KINDS, NUMBERS, ORIGINS, TEXTS, HostileClient, quoted
from longwave.auth.claims import read_grants
from longwave.auth.credentials import Credential, Presented, check_page, find_credential
from longwave.auth.grants import Grants
from longwave.auth.keys import Key, OneKey
from longwave.auth.origins import Origins, may_publish, origin_of
from longwave.auth.tokens import TokenReader
from longwave.errors import InvalidConfiguration, InvalidValue, LongwaveError, TokenRefused
from longwave.eventstream.encoder import encode
from longwave.eventstream.parser import Parser
from longwave.server.mercure import read_publication
from longwave.server.publish_api import MAX_BATCH, check_not_reserved, read_batch
from longwave.transports.exchange import Request
from unit.auth.signed_tokens import NOW, SECRET, hs256, pair, segment

SECONDS = float(os.environ.get("LONGWAVE_FUZZ_SECONDS", "0"))
CASES = 3000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60 + 2 * SECONDS)]


def sources():
    """A source of randomness for each case, each of a seed of its own that is told by the failing test's variables."""
    first = random.randrange(2**32) if SECONDS else 0
    end = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < end if SECONDS else number < CASES:
        yield random.Random(first + number)
        number += 1


def outcome(call):
    """What the call returns and None, or None and the refusal that it raises."""
    try:
        return call(), None
    except LongwaveError as error:
        return None, error


# Tokens.

PAYLOADS = [{"mercure": {"publish": ["a"], "subscribe": ["b"]}, "sub": "s"}, {"mercure": {"subscribe": ["*"]}}, {}]
SIGNED = {
    name: [hs256({"alg": name, "typ": "JWT"}, payload) for payload in PAYLOADS]
    for name in ("HS256", "HS384", "none", "RS256")
}
ALPHABET = "ABab01-_.=+/ \n\x00é\u2028"


def mutated(source, token):
    """The token with some of its characters or parts changed."""
    parts = token.split(".")
    kind = source.randrange(6)
    if kind == 0:
        source.shuffle(parts)
    elif kind == 1:
        parts[source.randrange(len(parts))] = source.choice(["", "e30", "bnVsbA", segment(source.randbytes(20)), "é"])
    elif kind == 2:
        parts.insert(source.randrange(4), source.choice(parts))
    elif kind == 3:
        other = source.choice(SIGNED[source.choice(list(SIGNED))]).split(".")
        place = source.randrange(3)
        parts[place] = other[place]
    else:
        for _ in range(source.randint(1, 3)):
            place = source.randrange(len(token))
            token = token[:place] + source.choice([*ALPHABET, ""]) + token[place + source.randint(0, 2) :]
        return token
    return ".".join(parts)


def decoded(token):
    """The claims, and nothing verified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


@pytest.mark.parametrize("kind", ["secret", "P-256", "RSA", "Ed25519"])
def test_a_changed_token_is_refused_or_grants_what_was_signed(kind):
    """A signature's last characters may be written in several ways; what they sign may not."""
    algorithms = {"secret": "HS256", "P-256": "ES256", "RSA": "RS256", "Ed25519": "EdDSA"}
    material = SECRET.encode() if kind == "secret" else pair(kind).private.public_key()
    reader = TokenReader(OneKey(Key((algorithms[kind],), material)))
    signed = {token.rpartition(".")[0] for token in SIGNED["HS256"]} if kind == "secret" else set()

    for source in sources():
        token = mutated(source, source.choice(SIGNED[source.choice(["HS256", "HS256", *SIGNED])]))
        try:
            grants = reader.read(token, NOW)
        except TokenRefused:
            continue
        assert token.rpartition(".")[0] in signed, token
        assert grants == read_grants(decoded(token), NOW)


def test_any_claims_give_grants_that_can_be_told_or_a_refusal():
    for source in sources():
        claims = {name: any_json(source) for name in source.sample(CLAIMS_OF_ALL_KINDS, 4)}
        claims["mercure"] = {
            name: any_json(source) for name in source.sample(["publish", "subscribe", "revoke", "payload", "x"], 3)
        }
        grants, refused = outcome(lambda claims=claims: read_grants(claims, NOW))
        if refused is not None:
            assert isinstance(refused, TokenRefused)
            assert len(str(refused)) < 1000
            continue
        assert isinstance(grants, Grants)
        json.dumps(grants.payload, allow_nan=False).encode()
        assert grants.issued is None or grants.issued <= NOW


def any_json(source, levels=3):
    kind = source.randrange(8 if levels else 5)
    if kind < 3:
        return source.choice(TEXTS)
    if kind < 5:
        return source.choice([*NUMBERS, "\ud800", float("nan"), float("-inf"), 1.5e9])
    items = [any_json(source, levels - 1) for _ in range(source.randrange(4))]
    return items if kind < 7 else {source.choice(TEXTS): item for item in items}


# Where tokens are, and which pages send them.


def any_text(source):
    token = source.choice(["a" * 41, "b" * 40, "Bearer " + "c" * 41, "Bearer ", "bearer " + "d" * 50, "é" * 41])
    pieces = [token, *TEXTS[:26], "mercureAuthorization=", "=", ";", '"', " ", ",", "\t"]
    return "".join(source.choice(pieces) for _ in range(source.randrange(4)))


def test_a_credential_is_part_of_what_was_presented_where_it_counts_first():
    for source in sources():
        headers = [any_text(source) for _ in range(source.choice([0, 0, 1, 1, 2]))]
        parameters = [any_text(source) for _ in range(source.choice([0, 0, 1, 2]))]
        cookies = any_text(source)
        try:
            found = find_credential(Presented(headers, parameters, cookies))
        except TokenRefused:
            assert headers or parameters
            continue
        if found is None:
            assert not headers
            assert not parameters
            continue
        assert found.ambient == (not headers and not parameters)
        assert found.token in (headers or parameters or [cookies])[0]
        assert found.ambient or len(found.token) >= 41


LISTS = [["https://app.test"], ["https://*.app.test"], ["null"], ["capacitor://"], ["http://localhost:3000"], []]
SCHEMES = ["https", "http", "HTTPS", "null", "capacitor", "file", "", "javascript"]
HOSTS = ["app.test", "a.app.test", "a.b.app.test", "app.test.evil.example", "evil-app.test", "app.test@evil.example"]
HOSTS += ["evil.example#app.test", "app.test.", "localhost", "127.0.0.1", "[::1]", "*.app.test", "", "APP.TEST", "é"]
PORTS = ["", "", "", ":443", ":80", ":3000", ":", ":x", ":99999"]
TAILS = ["", "", "", "", "/", "/a", "?b", "#c", " ", "\n", "\x00", ",https://app.test"]


def any_origin(source):
    if source.random() < 0.1:
        return source.choice([*TEXTS, *ORIGINS])
    parts = (source.choice(SCHEMES), "://", source.choice(HOSTS), source.choice(PORTS), source.choice(TAILS))
    return "".join(parts) if source.random() < 0.95 else parts[0]


def test_only_origins_of_the_list_are_allowed_whatever_they_look_like():
    for source in sources():
        (*pattern,) = source.choice(LISTS)
        origin = any_origin(source)
        if not Origins.parse("o", pattern).allow(origin):
            continue
        plain = origin.lower().removesuffix(":443" if origin.lower().startswith("https") else ":80")
        if pattern == ["https://*.app.test"]:
            assert plain == "https://a.app.test", origin
        else:
            assert [plain] == pattern, origin


def test_a_page_of_another_site_is_never_the_hubs_own():
    for source in sources():
        origin, host = any_origin(source), source.choice(HOSTS) + source.choice(PORTS)
        if may_publish(origin, host):
            origin = origin.replace("\n", "")  # no header holds one
            local = ("localhost", "127.0.0.1", "[::1]")
            assert origin.partition("://")[2].partition("/")[0].partition("?")[0].partition("#")[0] == host or (
                any(name in origin for name in local) and any(name in host for name in local)
            ), (origin, host)


def test_a_list_of_origins_is_read_or_refused():
    for source in sources():
        text = any_origin(source)
        try:
            listed = Origins.parse("o", [text])
        except InvalidConfiguration:
            continue
        assert listed.any or not listed.allow("https://evil.example") or text.lower() == "https://evil.example"


def test_a_cookie_is_taken_from_a_page_of_the_list_only():
    listed = Origins.parse("o", ["https://app.test"])
    for source in sources():
        origin = source.choice([None, "", any_origin(source)])
        referer = source.choice([None, "", any_origin(source) + source.choice(["", "/page", "?q"])])
        try:
            check_page(Credential("x", ambient=True), source.choice(["POST", "PUT", "post"]), (origin, referer), listed)
        except TokenRefused:
            continue
        told = origin or origin_of(referer or "")
        assert told.lower().removesuffix(":443") == "https://app.test", (origin, referer)


# Publishing.


def any_request(source):
    client = HostileClient(source, ["/events"], ("", ""), [""])
    body = client.body()
    content_type = client.content_type(body).encode("latin-1")
    return Request("POST", "/events", headers=((b"content-type", content_type),), body=body)


def any_form(source):
    pairs = (
        quoted(source.choice(["topic", "data", "id", "type", "retry", "private", ""]))
        + b"="
        + quoted(any_field(source))
        for _ in range(source.randrange(6))
    )
    return Request(
        "POST",
        "/events",
        headers=((b"content-type", b"application/x-www-form-urlencoded"),),
        body=b"&".join(pairs),
    )


def any_field(source):
    ends = ["", "\r", "\n", "\r\n", "\n\n", "\x00", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ufeff"]
    return (
        source.choice(["a", "topic", "5", *TEXTS[:20]]) + source.choice(ends) + source.choice(["", "id: forged", ":"])
    )


@pytest.mark.parametrize("read", [read_batch, read_publication], ids=["plain", "mercure"])
@pytest.mark.parametrize("make", [any_request, any_form], ids=["any", "form"])
def test_what_is_published_was_authorised_and_is_one_event_each(read, make):
    """No topic escapes the check of its token, and no field ends the event that it is in."""
    taken = 0
    for source in sources():
        request = make(source)
        authorised = []
        judge = partial(check, authorised)
        batch, refused = outcome(lambda request=request, judge=judge: read(request, judge))
        if refused is not None:
            assert isinstance(refused, InvalidValue)
            assert len(str(refused)) < 10_000
            continue
        taken += 1
        assert 1 <= len(batch.updates) <= MAX_BATCH
        assert [update.topics for update in batch.updates] == authorised
        for update in batch.updates:
            assert_one_event(update.event)
        batch.answer([update.event.id or "1" for update in batch.updates])
    assert taken > CASES / 50


def check(authorised, topics):
    check_not_reserved(topics)
    authorised.append(topics)


def assert_one_event(event):
    (seen,) = Parser().feed(encode(event))
    lines = event.data.replace("\r\n", "\n").replace("\r", "\n")
    assert (seen.data, seen.type, seen.id) == (lines, event.type, event.id)
