"""The Mercure protocol's tokens: where a request carries one, which counts, and what is told when one does not.

Signatures, claims and keys have tests of their own (unit/auth); here it is shown what comes of them on the wire.
Protocol: https://mercure.rocks/spec#authorization (draft 07) and what its own hub 0.24 answers.
"""

from __future__ import annotations

import logging
import re
import time
import warnings

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from integration.mercure_tokens import (
    ANONYMOUS,
    KEY,
    KEYED,
    MERCURE,
    OTHER_KEY,
    PUBLISHER,
    SUBSCRIBER,
    bearer,
    post,
    token,
)
from longwave.server.config import AccessConfig
from unit.auth.signed_tokens import hs256

APP = "https://app.test"
GOOD = token(publish=["*"], subscribe=["*"])
BAD = token(publish=["*"], subscribe=["*"], key=OTHER_KEY)
COOKIE = "mercureAuthorization"
PUBLISHES = {"mercure": {"publish": ["*"]}}

HEADER = f"Authorization: Bearer {GOOD}"
HEADERS_THAT_DO_NOT_COUNT = {
    "signed with another key": f"Authorization: Bearer {BAD}",
    "another scheme": f"Authorization: Basic {GOOD}",
    "the scheme in lower case": f"Authorization: bearer {GOOD}",
    "the scheme alone": "Authorization: Bearer",
    "no scheme": f"Authorization: {GOOD}",
    "two spaces": f"Authorization: Bearer  {GOOD}",
    "too short": f"Authorization: Bearer {'x' * 40}",
    "no token": f"Authorization: Bearer {'x' * 60}",
    "empty": "Authorization: ",
    "twice": f"Authorization: Bearer {GOOD}\r\nAuthorization: Bearer {GOOD}",
}


async def subscribed(client, *headers, query=""):
    """The status of a subscription that opens no stream."""
    await client.request("HEAD", f"{MERCURE}?topic=t{query}", *headers)
    return (await client.answer(head_only=True)).status


async def published(client, *headers, query=""):
    return (await post(client, "topic=t", *headers, target=f"{MERCURE}{query}")).status


@pytest.fixture
async def client(start):
    """A connection to a hub that wants tokens."""
    running = await start(access=KEYED)
    client = await running.connect()
    client.running = running
    return client


# Where the token is.


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ((HEADER,), ""),
        ((), f"&authorization={GOOD}"),
        ((f"Cookie: {COOKIE}={GOOD}",), ""),
        ((), f"&%61uthorization={GOOD}"),
    ],
    ids=["header", "query", "cookie", "query, percent-encoded"],
)
async def test_subscriber_may_have_its_token_in_header_query_or_cookie(client, headers, query):
    assert await subscribed(client, *headers, query=query) == 200


async def test_publisher_may_have_its_token_in_header_or_query(client):
    assert await published(client, HEADER) == 200
    assert await published(client, query=f"?authorization={GOOD}") == 200


@pytest.mark.parametrize("name", HEADERS_THAT_DO_NOT_COUNT)
async def test_header_that_does_not_count_is_401_whatever_else_there_is(client, name):
    """The first place that has a token counts, and there is no other."""
    more = f"Cookie: {COOKIE}={GOOD}"

    for headers in ((HEADERS_THAT_DO_NOT_COUNT[name],), (HEADERS_THAT_DO_NOT_COUNT[name], more)):
        assert await subscribed(client, *headers, query=f"&authorization={GOOD}") == 401
        assert await published(client, *headers, query=f"?authorization={GOOD}") == 401


@pytest.mark.parametrize(
    "query",
    [
        f"authorization={BAD}",
        "authorization=",
        "authorization",
        f"authorization={'x' * 40}",
        f"authorization={GOOD}&authorization={GOOD}",
        f"authorization={GOOD}&x=%ff",
    ],
    ids=["another key", "empty", "no value", "too short", "twice", "a query that cannot be read"],
)
async def test_query_that_does_not_count_is_401_whatever_cookie_there_is(client, query):
    assert await subscribed(client, f"Cookie: {COOKIE}={GOOD}", query=f"&{query}") == 401
    assert await published(client, f"Cookie: {COOKIE}={GOOD}", query=f"?{query}") == 401


async def test_good_header_counts_whatever_query_and_cookie_there_are(client):
    assert await subscribed(client, HEADER, f"Cookie: {COOKIE}={BAD}", query=f"&authorization={BAD}") == 200
    assert await published(client, HEADER, f"Cookie: {COOKIE}={BAD}", query=f"?authorization={BAD}") == 200


async def test_good_query_counts_whatever_cookie_there_is(client):
    assert await subscribed(client, f"Cookie: {COOKIE}={BAD}", query=f"&authorization={GOOD}") == 200


@pytest.mark.parametrize("length", [40, 41])
async def test_token_of_41_characters_is_read_and_a_shorter_one_is_not(client, caplog, length):
    assert await subscribed(client, f"Authorization: Bearer {'x' * length}") == 401
    told = "at least 41 characters" in caplog.text

    assert told is (length == 40)


async def test_no_token_is_401_where_one_is_needed(client):
    assert await subscribed(client) == 401
    assert await published(client) == 401
    assert await subscribed(client, "Cookie: other=1") == 401


# Cookies: what any page can have a browser send.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((f"Origin: {APP}",), 200),
        ((f"Referer: {APP}/some/page?x=1",), 200),
        ((f"Origin: {APP}", "Referer: https://evil.test/"), 200),
        (("Origin: https://evil.test", f"Referer: {APP}/"), 401),
        (("Origin: null", f"Referer: {APP}/"), 401),
        ((), 401),
        (("Referer: not an address",), 401),
        (("Referer: https://[",), 401),
        (("Referer: ",), 401),
        ((f"Origin: {APP}", "Origin: https://evil.test"), 401),
        ((f"Origin: {APP}", f"Origin: {APP}", f"Referer: {APP}/"), 401),
        ((f"Referer: {APP}/", "Referer: https://evil.test/"), 401),
        ((f"Referer: https://evil.test/{APP}",), 401),
        (("Origin: https://app.test.evil.test",), 401),
        (("Origin: http://app.test",), 401),
        (("Origin: https://a.sub.test",), 200),
        (("Origin: https://a.b.sub.test",), 401),
        (("Origin: https://sub.test",), 401),
        (("Origin: capacitor://localhost",), 200),
    ],
)
async def test_cookie_publishes_for_pages_of_listed_origins_only(start, headers, status):
    origins = (APP, "https://*.sub.test", "capacitor://localhost")
    running = await start(access=AccessConfig(key=KEY, publish_origins=origins))
    client = await running.connect()

    assert await published(client, f"Cookie: {COOKIE}={GOOD}", *headers) == status


async def test_star_lets_pages_of_all_origins_publish_with_a_cookie_but_they_must_have_one(start):
    running = await start(access=AccessConfig(key=KEY, publish_origins=("*",)))
    client = await running.connect()

    assert await published(client, f"Cookie: {COOKIE}={GOOD}", "Origin: https://any.test") == 200
    assert await published(client, f"Cookie: {COOKIE}={GOOD}") == 401


async def test_without_listed_origins_no_cookie_publishes(client):
    assert await published(client, f"Cookie: {COOKIE}={GOOD}", "Origin: http://hub.test") == 401


async def test_origin_makes_no_difference_to_a_token_that_no_browser_adds_by_itself(client):
    assert await published(client, HEADER, "Origin: https://evil.test") == 200
    assert await published(client, "Origin: https://evil.test", query=f"?authorization={GOOD}") == 200


@pytest.mark.parametrize("origin", ["Origin: https://evil.test", "Origin: null", "X-A: b"])
async def test_cookie_subscribes_from_any_page_as_that_changes_nothing(client, origin):
    assert await subscribed(client, f"Cookie: {COOKIE}={GOOD}", origin) == 200


async def test_cookie_may_have_another_name(start):
    running = await start(access=AccessConfig(key=KEY, cookie_name="hub"))
    client = await running.connect()

    assert await subscribed(client, f"Cookie: a=b; hub={GOOD}; c=d") == 200
    assert await subscribed(client, f"Cookie: a=b\r\nCookie: hub={GOOD}") == 200
    assert await subscribed(client, f"Cookie: {COOKIE}={GOOD}") == 401


# Anonymous subscribers.


async def test_anonymous_subscriber_needs_no_token_but_a_publisher_does(start):
    running = await start(access=ANONYMOUS)
    client = await running.connect()

    assert await subscribed(client) == 200
    assert await published(client) == 401


@pytest.mark.parametrize("name", HEADERS_THAT_DO_NOT_COUNT)
async def test_token_that_does_not_count_is_401_also_where_none_is_needed(start, name):
    running = await start(access=ANONYMOUS)
    client = await running.connect()

    assert await subscribed(client, HEADERS_THAT_DO_NOT_COUNT[name]) == 401


async def test_anonymous_hub_with_a_key_shows_private_updates_to_those_with_a_token(start):
    running = await start(access=ANONYMOUS)
    client = await running.subscribe(f"{MERCURE}?topic=t", SUBSCRIBER)

    await running.hub.publish("t", "secret", private=True)

    assert await client.data() == "secret"


async def test_anonymous_hub_without_a_key_for_subscribers_looks_at_no_token_of_theirs(start):
    running = await start(access=AccessConfig(publisher_key=KEY, anonymous=True))
    client = await running.connect()
    stream = await running.subscribe(f"{MERCURE}?topic=t", SUBSCRIBER)

    assert await subscribed(client, f"Authorization: Bearer {BAD}") == 200
    await running.hub.publish("t", "secret", private=True)
    await running.hub.publish("t", "public")
    assert await stream.data() == "public"


# Claims.


async def test_claim_has_two_names_and_the_longer_one_counts(client):
    def header(**claims):
        return f"Authorization: Bearer {jwt.encode(claims, KEY, 'HS256')}"

    yes, no = {"publish": ["*"]}, {"publish": []}
    assert await published(client, header(**{"https://mercure.rocks/": yes})) == 200
    assert await published(client, header(**{"https://mercure.rocks/": yes, "mercure": no})) == 200
    assert await published(client, header(**{"https://mercure.rocks/": no, "mercure": yes})) == 401


@pytest.mark.parametrize("content", [None, [], "x", 5, {"publish": "*"}, {"publish": [5]}, {"subscribe": {"a": 1}}])
async def test_claim_of_another_shape_is_401(client, content):
    bad = jwt.encode({"mercure": content}, KEY, "HS256")

    assert await published(client, f"Authorization: Bearer {bad}") == 401


@pytest.mark.parametrize(("count", "status"), [(1000, 200), (1001, 401)])
async def test_thousand_selectors_are_taken_and_one_more_is_not(start, count, status):
    running = await start(access=KEYED)
    client = await running.connect()
    many = ["t", *(f"https://example.com/books/{number}" for number in range(count - 1))]

    assert await published(client, bearer(publish=many)) == status
    assert await subscribed(client, bearer(subscribe=many)) == status


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ({"exp": 60}, 200),
        ({"exp": 60.5}, 200),
        ({"exp": -1}, 401),
        ({"exp": -0.5}, 401),
        ({"nbf": -60}, 200),
        ({"nbf": 60}, 401),
        ({"nbf": -60, "exp": 60}, 200),
    ],
)
async def test_token_counts_from_nbf_and_until_exp_with_or_without_fractions(client, times, status):
    claims = {name: (time.time() + seconds) for name, seconds in times.items()}
    claims = {name: value if isinstance(times[name], float) else int(value) for name, value in claims.items()}

    assert await published(client, bearer(publish=["*"], **claims)) == status
    assert await subscribed(client, bearer(subscribe=["*"], **claims)) == status


async def test_audience_issuer_and_type_are_not_looked_at(client):
    claims = {"mercure": {"publish": ["*"]}, "aud": "another", "iss": "anybody", "iat": 2**40}
    odd = jwt.encode(claims, KEY, "HS256", headers={"typ": "at+jwt"})

    assert await published(client, f"Authorization: Bearer {odd}") == 200


# Keys and algorithms.


def pem_pair(private):
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public


@pytest.fixture(scope="module")
def pairs():
    return {
        "RS": pem_pair(rsa.generate_private_key(65537, 2048)),
        "ES": pem_pair(ec.generate_private_key(ec.SECP256R1())),
        "Ed": pem_pair(ed25519.Ed25519PrivateKey.generate()),
    }


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "EdDSA"])
async def test_public_key_verifies_what_the_private_one_signs(start, pairs, algorithm):
    private, public = pairs["RS" if algorithm == "PS512" else algorithm[:2]]
    running = await start(access=AccessConfig(key=f"{algorithm}:{public}"))
    client = await running.connect()

    assert await published(client, bearer(publish=["*"], key=private, algorithm=algorithm)) == 200
    assert await published(client, PUBLISHER) == 401


async def test_public_key_is_never_taken_for_a_secret(start, pairs):
    """The oldest trick: sign with the public key, which everybody has, as if it were a secret."""
    _, public = pairs["RS"]
    running = await start(access=AccessConfig(key=public))
    client = await running.connect()
    forged = hs256({"alg": "HS256"}, PUBLISHES, public.encode())

    assert await published(client, f"Authorization: Bearer {forged}") == 401


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "", None])
async def test_algorithm_is_the_keys_whatever_the_token_says(client, algorithm):
    signed = hs256({"alg": algorithm}, PUBLISHES, KEY.encode())
    unsigned = f"{signed.rpartition('.')[0]}."

    assert await published(client, f"Authorization: Bearer {hs256({'alg': 'HS256'}, PUBLISHES, KEY.encode())}") == 200
    assert await published(client, f"Authorization: Bearer {signed}") == 401
    assert await published(client, f"Authorization: Bearer {unsigned}") == 401


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_algorithm_may_be_configured_and_then_is_the_only_one(start, algorithm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = bearer(publish=["*"], algorithm=algorithm)
    running = await start(access=AccessConfig(key=f"{algorithm}:{KEY}"))
    client = await running.connect()

    assert await published(client, other) == 200
    assert await published(client, PUBLISHER) == 401


# What is told, to whom.


async def test_401_says_nothing_but_a_request_id_by_which_the_log_has_the_reason(client, caplog):
    answer = await client.get(f"{MERCURE}?topic=t", f"Authorization: Bearer {BAD}")

    assert answer.body == b"Unauthorized\n"
    assert answer.headers["www-authenticate"] == "Bearer"
    request_id = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{16}", request_id)
    (record,) = [record for record in caplog.records if record.name == "longwave.server"]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "refused a token of 127.0.0.1: GET /.well-known/mercure: signature: expected a signature of a configured key, "
        f"got one of another (request {request_id})"
    )
    assert (record.request_id, record.client, record.reason) == (request_id, "127.0.0.1", "signature")


async def test_events_says_in_a_sentence_where_the_reason_is(client):
    answer = await client.get("/events?topic=t")

    assert answer.status == 401
    request_id = answer.headers["x-request-id"]
    sentence = f"expected a token that counts; the hub's own messages say what was wrong (request {request_id})\n"
    assert answer.text == sentence


async def test_each_refusal_has_an_id_of_its_own_and_clients_cannot_choose_it(client):
    answers = [await client.get(f"{MERCURE}?topic=t", "X-Request-Id: chosen") for _ in range(3)]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert "chosen" not in ids


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ((f"Authorization: Bearer {BAD}",), ""),
        ((f"Authorization: Basic {GOOD}",), ""),
        ((), f"&authorization={BAD}"),
        ((f"Cookie: {COOKIE}={BAD}; session=secret",), ""),
    ],
)
async def test_no_part_of_a_token_or_key_gets_into_the_log(client, caplog, headers, query):
    caplog.set_level(logging.DEBUG)
    assert await subscribed(client, *headers, query=query) == 401
    assert await published(client, *headers, query=query.replace("&", "?")) == 401

    written = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    for part in (*BAD.split("."), *GOOD.split("."), KEY, "session=secret", "authorization="):
        assert part not in written


async def test_what_a_client_writes_cannot_forge_a_line_of_the_log(client, caplog):
    forged = jwt.encode({"mercure": {"publish": ["t"]}}, KEY, "HS256", headers={"kid": "a\nforged"})
    await post(client, "topic=a%0Aforged+line", f"Authorization: Bearer {forged}")
    await published(client, f"Cookie: {COOKIE}={GOOD}", "Origin: https://a\tforged")

    messages = [record.getMessage() for record in caplog.records if record.name == "longwave.server"]
    assert len(messages) == 2
    assert all(message.isprintable() for message in messages)


async def test_weak_secret_is_warned_of_once_by_the_options_name_and_works(start, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weak = bearer(publish=["*"], key="short")
    running = await start(access=AccessConfig(key="short"))
    client = await running.connect()

    assert await published(client, weak) == 200
    (message,) = [record.getMessage() for record in caplog.records if record.name == "longwave.server"]
    assert message == "--key can be found out from any token: take at least 32 bytes, or 2,048 bits of RSA"
