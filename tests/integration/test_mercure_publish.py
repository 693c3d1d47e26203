"""The Mercure protocol's publications: fields, checks in their order, and answers to the byte.

Protocol: https://mercure.rocks/spec#publication (draft 07) and what its own hub 0.24 answers.
"""

from __future__ import annotations

import asyncio
import random
from urllib.parse import urlencode

import pytest

from integration.mercure_tokens import ANONYMOUS, KEYED, MERCURE, PUBLISHER, bearer, post
from longwave.errors import LogUnavailable
from longwave.logs.memory import MemoryLog
from longwave.server.config import AccessConfig

TOO_MANY = "&".join(["topic=t"] * 1001)
RESERVED = "%2F.well-known%2Fmercure"


class FailingLog(MemoryLog):
    """A log whose disk is full for as long as `failure` says so, and that waits while it is told to."""

    def __init__(self):
        super().__init__()
        self.failure = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def append(self, updates):
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return await super().append(updates)


@pytest.fixture
async def publisher(start):
    """A connection to a hub that wants tokens."""
    running = await start(access=KEYED)
    client = await running.connect()
    client.running = running
    return client


# What is published.


async def test_every_field_reaches_the_log(publisher):
    form = "topic=t&topic=u&data=h%C3%A9+llo&type=kind&id=mine&retry=5&private=on"

    answer = await post(publisher, form, PUBLISHER)

    assert (answer.status, answer.body) == (200, b"mine")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    (entry,) = (await publisher.running.log.read(0, 10)).entries
    update = entry.update
    assert (update.topics, update.private) == (("t", "u"), True)
    assert (update.event.data, update.event.type, update.event.id, update.event.retry) == ("hé llo", "kind", "mine", 5)


@pytest.mark.parametrize("field", ["private", "private=", "private=on", "private=off", "private=0"])
async def test_private_is_what_has_the_field_whatever_its_value(publisher, field):
    await post(publisher, f"topic=t&{field}", PUBLISHER)

    (entry,) = (await publisher.running.log.read(0, 10)).entries
    assert entry.update.private


async def test_data_is_optional_and_the_hub_gives_an_id(publisher):
    answer = await post(publisher, "topic=t", PUBLISHER)

    assert answer.status == 200
    assert await publisher.running.log.locate(answer.text) == 1
    assert await publisher.running.stored() == [""]


async def test_empty_id_is_none(publisher):
    answer = await post(publisher, "topic=t&id=", PUBLISHER)

    assert await publisher.running.log.locate(answer.text) == 1


async def test_content_type_may_have_a_charset(publisher):
    content_type = "application/x-www-form-urlencoded; charset=UTF-8"

    assert (await post(publisher, "topic=t", PUBLISHER, content_type=content_type)).status == 200


async def test_retry_of_0_is_not_sent(publisher):
    assert (await post(publisher, "topic=t&retry=0", PUBLISHER)).status == 200

    (entry,) = (await publisher.running.log.read(0, 10)).entries
    assert entry.update.event.retry is None


@pytest.mark.parametrize(
    "data",
    [
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_E",
        '{"protected": "eyJhbGciOiJkaXIifQ",\n "iv": "48V1_ALb6US04U3b",\n "ciphertext": "5eym8TW-_c8", "tag": "WiGe"}',
    ],
    ids=["compact", "JSON"],
)
async def test_data_that_publisher_and_subscriber_encrypt_is_passed_on_as_it_came(publisher, data):
    subscriber = await publisher.running.subscribe(f"{MERCURE}?topic=t", bearer())

    assert (await post(publisher, urlencode({"topic": "t", "data": data}), PUBLISHER)).status == 200
    assert await subscriber.data() == data


async def test_text_of_a_selector_may_be_a_topic(publisher):
    assert (await post(publisher, "topic=books%2F%7Bid%7D", bearer(publish=["books/{id}"]))).status == 200


# Checks, in their order: each request breaks a rule and all those after it.

LATER = f"topic={RESERVED}&topic=uncovered&retry=soon&id=a%0Ab"


@pytest.mark.parametrize(
    ("rule", "form", "content_type", "answer"),
    [
        ("a form", b"topic=\xff", "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        ("a form", b"topic=%ff", "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        ("a form", b"topic=t&data=100%", "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        ("a form", b"topic=t&x=%zz", "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        ("a form", b"topic=t&%a=x", "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        ("a form", b"topic=t&" + b"x&" * 10_001, "application/x-www-form-urlencoded", (400, "Bad Request\n")),
        (
            "a thousand topics",
            b"topic=t&" * 10_001,
            "application/x-www-form-urlencoded",
            (400, 'Too many "topic" parameters\n'),
        ),
        ("a form", b"topic=t", "text/plain", (400, "Bad Request\n")),
        ("a form", b'{"topic": "t"}', "application/json", (400, "Bad Request\n")),
        ("a topic", b"", "application/x-www-form-urlencoded", (400, 'Missing "topic" parameter\n')),
        ("a topic", b"retry=soon&id=a%0Ab", "application/x-www-form-urlencoded", (400, 'Missing "topic" parameter\n')),
        (
            "a thousand topics",
            f"{TOO_MANY}&{LATER}".encode(),
            "application/x-www-form-urlencoded",
            (400, 'Too many "topic" parameters\n'),
        ),
        ("a retry", LATER.encode(), "application/x-www-form-urlencoded", (400, 'Invalid "retry" parameter\n')),
        (
            "topics that are covered",
            LATER.replace("&retry=soon", "").encode(),
            "application/x-www-form-urlencoded",
            (401, "Unauthorized\n"),
        ),
        (
            "topics that are not reserved",
            f"topic={RESERVED}&id=a%0Ab".encode(),
            "application/x-www-form-urlencoded",
            (403, f"topic: expected none that contains {'/.well-known/mercure'}, got '/.well-known/mercure'\n"),
        ),
        (
            "an id of one line",
            b"topic=t&id=a%0Ab",
            "application/x-www-form-urlencoded",
            (400, "id: expected no NUL, CR or LF, got LF as character 2\n"),
        ),
    ],
)
async def test_checks_come_in_the_protocols_order(publisher, rule, form, content_type, answer):
    token = bearer(publish=["t", "/.well-known/mercure"])

    got = await post(publisher, form, token, content_type=content_type)

    assert (got.status, got.text) == answer, f"expected {rule}"
    assert await publisher.running.stored() == []
    assert (await post(publisher, form, content_type=content_type)).status == 401, "the token comes first of all"


@pytest.mark.parametrize(
    "retry", ["soon", "-1", "+5", "1.5", "%20", "1_000", "18446744073709551616", "99999999999999999"]
)
async def test_retry_must_be_a_number(publisher, retry):
    answer = await post(publisher, f"topic=t&retry={retry}", PUBLISHER)

    assert (answer.status, answer.text) == (400, 'Invalid "retry" parameter\n')


@pytest.mark.parametrize("grants", [["t"], ["{x}"], ["other", "t"]])
async def test_each_topic_must_be_covered_not_only_the_canonical_one(publisher, grants):
    token = bearer(publish=grants)

    assert (await post(publisher, "topic=t", token)).status == 200
    assert (await post(publisher, "topic=t&topic=u%2Fv", token)).status == 401
    assert (await post(publisher, "topic=u%2Fv&topic=t", token)).status == 401


async def test_each_topic_may_be_covered_by_another_selector(publisher):
    assert (await post(publisher, "topic=t&topic=u", bearer(publish=["u", "t"]))).status == 200


async def test_star_covers_all_topics(publisher):
    assert (await post(publisher, "topic=t&topic=u%2Fv", bearer(publish=["other", "*"]))).status == 200


@pytest.mark.parametrize("private", ["", "&private=on"])
async def test_empty_list_covers_nothing_and_no_list_is_no_publisher(publisher, private):
    for token in (bearer(publish=[]), bearer(subscribe=["*"]), bearer()):
        answer = await post(publisher, f"topic=t{private}", token)
        assert (answer.status, answer.body) == (401, b"Unauthorized\n")


@pytest.mark.parametrize(
    "topic",
    [
        RESERVED,
        f"{RESERVED}%2Fsubscriptions%2Ft%2Fs",
        f"https%3A%2F%2Fe.test{RESERVED}",
        f"a{RESERVED}b",
        f"{RESERVED}XXX",
    ],
)
@pytest.mark.parametrize("place", ["topic={}", "topic=t&topic={}"])
async def test_reserved_topic_is_403_wherever_it_stands_and_whatever_is_granted(publisher, topic, place):
    assert (await post(publisher, place.format(topic), PUBLISHER)).status == 403


@pytest.mark.parametrize("path", [MERCURE, "/events"])
async def test_reserved_topic_is_403_on_a_hub_without_a_key_too(start, path):
    running = await start()
    client = await running.connect()

    assert (await post(client, f"topic={RESERVED}", target=path)).status == 403


@pytest.mark.parametrize(
    "body", ['{{"topic": "{0}"}}', '[{{"topic": "t"}}, {{"topic": "{0}"}}]', '{{"topics": ["t", "{0}"]}}']
)
async def test_reserved_topic_is_403_in_json_too(publisher, body):
    text = body.format("/.well-known/mercure/x")

    answer = await post(publisher, text, PUBLISHER, content_type="application/json", target="/events")

    assert answer.status == 403
    assert await publisher.running.stored() == []


@pytest.mark.parametrize(
    ("body", "content_type", "target"),
    [
        ("topic=t&type=gap", "application/x-www-form-urlencoded", MERCURE),
        ("topic=t&type=gap", "application/x-www-form-urlencoded", "/events"),
        ('{"topic": "t", "type": "gap"}', "application/json", "/events"),
        ('[{"topic": "t"}, {"topic": "t", "type": "gap"}]', "application/json", "/events"),
        ('{"topic": "t"}\n{"topic": "t", "type": "gap"}', "application/x-ndjson", "/events"),
    ],
)
async def test_type_by_which_the_hub_tells_of_loss_is_403(publisher, body, content_type, target):
    """Clients believe it, and would throw away what they have."""
    answer = await post(publisher, body, PUBLISHER, content_type=content_type, target=target)

    assert answer.status == 403
    assert answer.text == "type: expected another than 'gap', by which a hub tells that events were lost\n"
    assert await publisher.running.stored() == []


@pytest.mark.parametrize(
    ("body", "content_type", "target"),
    [
        ("topic=t&id=earliest", "application/x-www-form-urlencoded", MERCURE),
        ("topic=t&id=earliest", "application/x-www-form-urlencoded", "/events"),
        ('[{"topic": "t"}, {"topic": "t", "id": "earliest"}]', "application/json", "/events"),
        ('{"topic": "t", "id": "earliest"}', "application/x-ndjson", "/events"),
    ],
)
async def test_id_by_which_clients_ask_for_everything_is_400(publisher, body, content_type, target):
    answer = await post(publisher, body, PUBLISHER, content_type=content_type, target=target)

    assert answer.status == 400
    assert answer.text == "id: expected another than 'earliest', by which clients ask for all that a hub keeps\n"
    assert await publisher.running.stored() == []


async def test_id_may_begin_with_a_number_sign_as_in_the_protocols_own_hub(publisher):
    """The specification forbids it; the hub that everybody uses does not look."""
    answer = await post(publisher, "topic=t&id=%23a", PUBLISHER)

    assert (answer.status, answer.text) == (200, "#a")


@pytest.mark.parametrize("character", ["%00", "%0D", "%0A"])
@pytest.mark.parametrize("field", ["id", "type"])
async def test_control_characters_cannot_forge_fields_of_an_event(publisher, field, character):
    answer = await post(publisher, f"topic=t&{field}=a{character}data:+forged", PUBLISHER)

    assert answer.status == 400
    assert await publisher.running.stored() == []


async def test_id_that_no_client_could_send_back_is_refused(publisher):
    assert (await post(publisher, f"topic=t&id={'x' * 1024}", PUBLISHER)).status == 200
    answer = await post(publisher, f"topic=t&id={'x' * 1025}", PUBLISHER)

    assert (answer.status, answer.text) == (400, "id: expected at most 1024 characters, got 1025\n")


async def test_id_that_is_on_the_log_is_409_and_its_update_is_stored_once(publisher):
    first = await post(publisher, "topic=t&data=1&id=mine", PUBLISHER)
    again = await post(publisher, "topic=t&data=1&id=mine", PUBLISHER)

    assert (first.status, again.status) == (200, 409)
    assert again.text == "id: expected an id that is not on the log, got 'mine' again\n"
    assert await publisher.running.stored() == ["1"]


async def test_log_that_fails_is_500(start):
    log = FailingLog()
    running = await start(log, access=KEYED)
    client = await running.connect()
    log.failure = LogUnavailable("expected room on the disk, got none")

    answer = await post(client, "topic=t", PUBLISHER)

    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert answer.headers["retry-after"] == "1"


async def test_hub_that_fails_says_no_more_than_that(start, caplog):
    log = FailingLog()
    running = await start(log, access=KEYED)
    client = await running.connect()
    log.failure = ZeroDivisionError()

    answer = await post(client, "topic=t", PUBLISHER)
    other = await post(client, "topic=t", PUBLISHER, target="/events")

    assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
    assert (other.status, other.text) == (500, "this hub failed; its own messages say why\n")
    assert caplog.messages == ["answering a request failed"] * 2
    caplog.clear()


async def test_publication_is_finished_though_its_publisher_leaves(start):
    log = FailingLog()
    running = await start(log, access=ANONYMOUS)
    subscriber = await running.subscribe(f"{MERCURE}?topic=t")
    client = await running.connect()
    log.gate.clear()
    await client.request(
        "POST", MERCURE, PUBLISHER, "Content-Type: application/x-www-form-urlencoded", body=b"topic=t&data=x"
    )
    await (await running.connect()).get("/nowhere")  # by then the request was read, too
    client.close()
    log.gate.set()

    assert await subscriber.data() == "x"


async def test_events_takes_json_with_the_same_token_and_the_same_rights(publisher):
    one = {"content_type": "application/json", "target": "/events"}

    assert (await post(publisher, '{"topic": "t"}', bearer(publish=["t"]), **one)).status == 200
    assert (await post(publisher, '[{"topic": "t"}, {"topic": "u"}]', bearer(publish=["t"]), **one)).status == 401
    assert (await post(publisher, '{"topic": "t"}', **one)).status == 401
    assert len(await publisher.running.stored()) == 1


async def test_hub_without_a_key_takes_publications_without_a_token(start):
    running = await start(access=AccessConfig())
    client = await running.connect()

    assert (await post(client, "topic=t&data=x")).status == 200


async def test_whatever_bytes_come_are_published_under_their_id_or_refused(publisher):
    """Only 200 with the id that was given, or 400 (409 if the id came before)."""
    chance = random.Random(7)
    for _ in range(60):
        event_id = "".join(chance.choices('ab é\n\r\0%"[]€\u2028', k=chance.randrange(8)))
        form = urlencode({"topic": "t", "id": event_id}).encode() + b"&data=" + chance.randbytes(chance.randrange(20))
        answer = await post(publisher, form, PUBLISHER)
        assert answer.status in (200, 400, 409), form
        if answer.status == 200 and event_id:
            assert answer.text == event_id
