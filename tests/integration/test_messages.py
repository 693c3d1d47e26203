"""What the operator finds in the hub's messages: whose request was refused and why, and who revoked what."""

from __future__ import annotations

import json
import logging
import time

import pytest

from integration.mercure_tokens import KEY, bearer
from integration.presence_client import SUBSCRIPTIONS, TOLD, credential
from longwave.server.config import AccessConfig, Limits, Listen
from longwave.server.limits.rate_limits import Rate
from longwave.server.messages.log_format import LogFormat

FORM = "application/x-www-form-urlencoded"
KEYED = AccessConfig(key=KEY, allowed_hosts=("h", "hub.test"))
REVOKE = "/events/revoke"
WHO = {"sub": "user-7", "jti": "token-9"}


@pytest.fixture(autouse=True)
def debug(caplog):
    caplog.set_level(logging.DEBUG, "longwave.server")


def line_of(caplog, answer):
    """The one message about an answer: its level, and its fields as `--log-format json` has them."""
    request_id = answer.headers["x-request-id"]
    (record,) = [record for record in caplog.records if getattr(record, "request_id", None) == request_id]
    fields = json.loads(LogFormat.JSON.formatter().format(record))
    assert f"(request {request_id})" in fields["message"]
    assert fields["client"] == "127.0.0.1"
    return record.levelno, fields


def facts(fields, *names):
    return tuple(fields.get(name) for name in names)


# Tokens.


async def test_refusal_of_an_expired_token_says_whose_it_was_and_for_how_long(start, caplog):
    running = await start(access=KEYED)
    expired = bearer(subscribe=["*"], exp=int(time.time()) - 61, **WHO)
    answer = await (await running.connect()).get("/events?topic=t", expired)
    level, fields = line_of(caplog, answer)

    assert (answer.status, level) == (401, logging.WARNING)
    assert facts(fields, "method", "path", "reason", "subject", "token_id") == (
        "GET",
        "/events",
        "expired",
        "user-7",
        "token-9",
    )
    assert fields["expired_for"] == pytest.approx(61, abs=5)
    assert "127.0.0.1 (subject 'user-7', token id 'token-9'): GET /events: expired: it expired" in fields["message"]


async def test_refusal_of_a_topic_says_which_and_what_the_token_covers(start, caplog):
    running = await start(access=KEYED)
    token = bearer(publish=["a", "b/{x}", "c", "d", "e"], **WHO)
    answer = await (await running.connect()).post("topic=users/8", FORM, token)
    _, fields = line_of(caplog, answer)

    assert facts(fields, "reason", "topic", "subject") == ("uncovered", "users/8", "user-7")
    assert "expected mercure.publish to cover 'users/8', got 'a', 'b/{x}', 'c' and 2 more" in fields["message"]


async def test_refusal_of_a_list_says_which_and_what_the_token_covers(start, caplog):
    running = await start(access=TOLD)
    answer = await (await running.connect()).get(SUBSCRIPTIONS, bearer(subscribe=["a"], **WHO))
    _, fields = line_of(caplog, answer)

    assert facts(fields, "reason", "topic", "path", "token_id") == (
        "uncovered",
        SUBSCRIPTIONS,
        SUBSCRIPTIONS,
        "token-9",
    )
    assert f"expected mercure.subscribe to cover '{SUBSCRIPTIONS}', got 'a'" in fields["message"]


@pytest.mark.parametrize("claims", [{"mercure": {"publish": "*"}}, {}])
async def test_refusal_of_a_claim_says_whose_it_was(start, caplog, claims):
    running = await start(access=KEYED)
    answer = await (await running.connect()).post("topic=t", FORM, bearer(**WHO | claims))
    _, fields = line_of(caplog, answer)

    assert facts(fields, "reason", "subject", "token_id") == ("claim", "user-7", "token-9")


async def test_refusal_of_a_revoked_token_says_whose_it_was(start, caplog):
    running = await start(access=KEYED)
    client = await running.connect()
    await client.post("token=token-9", FORM, credential(revoke=["*"]), target=REVOKE)
    answer = await client.get("/events?topic=t", bearer(subscribe=["*"], iat=1, **WHO))
    _, fields = line_of(caplog, answer)

    assert facts(fields, "reason", "aspect", "subject", "token_id") == ("revoked", "token", "user-7", "token-9")


async def test_nothing_is_believed_of_a_token_that_no_key_signed(start, caplog):
    running = await start(access=KEYED)
    forged = bearer(subscribe=["*"], key="another secret of more than thirty-two bytes", **WHO)
    answer = await (await running.connect()).get("/events?topic=t", forged)
    _, fields = line_of(caplog, answer)

    assert fields["reason"] == "signature"
    assert fields.keys().isdisjoint({"subject", "token_id"})
    assert "user-7" not in caplog.text


async def test_names_in_a_token_make_no_second_line_and_no_long_one(start, caplog):
    running = await start(access=KEYED)
    named = {"sub": "user\n2026 ERROR forged\u202e" + "x" * 800, "jti": "y" * 1000}
    answer = await (await running.connect()).get("/events?topic=t", bearer(subscribe=["*"], exp=1, **named))
    _, fields = line_of(caplog, answer)

    assert fields["message"].isprintable()
    assert len(fields["message"]) < 800
    assert fields["subject"].startswith("user\\n2026 ERROR forged\\u202exxx")


# Other refusals.


async def test_client_above_a_limit_is_found_by_the_id_of_its_answer_and_by_its_subject(start, caplog):
    running = await start(access=KEYED, limits=Limits(publish_rate_per_subject=Rate(1 / 3600, 1)))
    client = await running.connect()
    token = bearer(publish=["*"], sub="shop-12")
    answers = [await client.post("topic=t", FORM, token) for _ in range(2)]
    level, fields = line_of(caplog, answers[1])

    assert [answer.status for answer in answers] == [200, 429]
    assert level == logging.INFO
    assert facts(fields, "reason", "subject", "method") == ("publish_rate_subject", "shop-12", "POST")


async def test_event_source_above_a_limit_is_found_too(start, caplog):
    """It is told to come back later by a stream that ends at once."""
    running = await start(
        access=KEYED, listen=Listen(port=0), limits=Limits(connect_rate_per_subject=Rate(1 / 3600, 1))
    )
    token = bearer(subscribe=["*"], sub="ada")
    await running.subscribe("/events?topic=t", token)
    answer = await (await running.connect()).get("/events?topic=t", token, "Accept: text/event-stream")
    level, fields = line_of(caplog, answer)

    assert (answer.status, level) == (200, logging.INFO)
    assert facts(fields, "reason", "subject") == ("connect_rate_subject", "ada")


async def test_client_of_a_full_hub_is_found(start, caplog):
    running = await start(limits=Limits(connections=1))
    await running.subscribe("/events?topic=t")
    answer = await (await running.connect()).get("/healthz")
    level, fields = line_of(caplog, answer)

    assert (answer.status, level, fields["reason"]) == (503, logging.INFO, "connections")


async def test_name_of_another_hub_is_found_and_counted(start, caplog):
    running = await start()
    client = await running.connect()
    client.host = "evil.test"
    answer = await client.get("/events?topic=t")
    level, fields = line_of(caplog, answer)

    assert (answer.status, level, fields["reason"]) == (421, logging.INFO, "host")
    assert "got 'evil.test'" in fields["message"]
    assert running.hub.counters.refusals["host"] == 1


async def test_page_of_another_site_is_found_and_counted(start, caplog):
    running = await start()
    answer = await (await running.connect()).post("topic=t", FORM, "Origin: https://evil.test")
    level, fields = line_of(caplog, answer)

    assert (answer.status, level, fields["reason"]) == (403, logging.INFO, "origin")
    assert running.hub.counters.refusals["origin"] == 1


@pytest.mark.parametrize(
    ("body", "reason"), [("topic=/.well-known/mercure/x", "reserved_topic"), ("topic=t&type=gap", "reserved_type")]
)
async def test_publisher_who_would_speak_for_the_hub_is_found_and_counted(start, caplog, body, reason):
    running = await start()
    answer = await (await running.connect()).post(body, FORM)
    level, fields = line_of(caplog, answer)

    assert (answer.status, level, fields["reason"]) == (403, logging.INFO, reason)
    assert running.hub.counters.refusals[reason] == 1


async def test_what_the_answer_says_itself_is_a_line_for_those_who_debug(start, caplog):
    running = await start()
    answer = await (await running.connect()).post("data=1", FORM, target="/.well-known/mercure")
    level, fields = line_of(caplog, answer)

    assert (answer.status, level) == (400, logging.DEBUG)
    assert "reason" not in fields


async def test_what_is_no_request_is_counted(start):
    running = await start()
    client = await running.connect()
    await client.send(b"POST /events HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")

    assert (await client.answer()).status == 400
    assert running.hub.counters.refusals["unreadable"] == 1


async def test_unknown_path_is_repeated_in_part_only(start):
    """Somebody may have put a token into it."""
    running = await start()
    answer = await (await running.connect()).get("/" + "x" * 5000)

    assert answer.status == 404
    assert answer.text.endswith("got /" + "x" * 199 + "\n")


# Revocations.


@pytest.mark.parametrize("streams", [0, 2])
async def test_each_revocation_is_one_line_that_says_who_did_it(start, caplog, streams):
    running = await start(access=KEYED)
    user = credential(claims={"sub": "user-7", "iat": 1}, subscribe=["*"])
    for _ in range(streams):
        await running.subscribe("/events?topic=t", user)
    admin = credential(claims={"sub": "admin", "jti": "a1"}, revoke=["*"])
    answer = await (await running.connect()).post("subject=user-7", FORM, admin, target=REVOKE)
    level, fields = line_of(caplog, answer)

    assert (answer.status, level) == (200, logging.INFO)
    assert facts(fields, "aspect", "value", "closed", "subject", "token_id", "path") == (
        "subject",
        "user-7",
        streams,
        "admin",
        "a1",
        REVOKE,
    )
    assert fields["message"].startswith(
        f"revoked subject 'user-7', which ended streams here: {streams}, as asked by 127.0.0.1 (subject 'admin', token"
    )


async def test_revocation_that_is_not_covered_says_what_the_admin_may(start, caplog):
    running = await start(access=KEYED)
    admin = credential(claims={"sub": "admin"}, revoke=["user-8"])
    answer = await (await running.connect()).post("subject=user-7", FORM, admin, target=REVOKE)
    _, fields = line_of(caplog, answer)

    assert facts(fields, "reason", "topic", "subject") == ("uncovered", "user-7", "admin")
    assert "expected mercure.revoke to cover 'user-7', got 'user-8'" in fields["message"]
