"""The documents and topics of the Mercure protocol, draft 07, section "Active subscriptions"."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.core.member import Member
from longwave.core.subscription_document import (
    begin_updates,
    describe,
    describe_collection,
    describe_item,
    end_updates,
    is_tellable,
    join_items,
    subscription_topic,
)
from longwave.core.topic import MAX_LENGTH

ID = "urn:uuid:bb3de268-05b0-4c65-b44e-8f9acefc29d6"
TOPIC = f"/.well-known/mercure/subscriptions/https%3A%2F%2Fe.com%2F%7Bid%7D/{ID.replace(':', '%3A')}"
MEMBER = Member(ID, ("https://e.com/{id}",), '{"name":"Ada","roles":["a","b"]}')
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


def test_event_is_the_protocols_example():
    (update,) = begin_updates(MEMBER)

    assert update.topics == (TOPIC,)
    assert update.private
    assert update.event.type == "message"
    assert update.event.data == (
        "{\n"
        '  "@context": "https://mercure.rocks/",\n'
        f'  "id": "{TOPIC}",\n'
        '  "type": "Subscription",\n'
        f'  "subscriber": "{ID}",\n'
        '  "topic": "https://e.com/{id}",\n'
        '  "active": true,\n'
        '  "payload": {\n'
        '    "name": "Ada",\n'
        '    "roles": [\n'
        '      "a",\n'
        '      "b"\n'
        "    ]\n"
        "  }\n"
        "}"
    )


def test_payload_that_is_none_is_left_out():
    (update,) = begin_updates(Member(ID, ("t",)))

    assert "payload" not in json.loads(update.event.data)


def test_payload_that_is_too_large_is_left_out():
    (update,) = begin_updates(Member(ID, ("t",), f'"{"x" * 20_000}"'))

    assert "payload" not in json.loads(update.event.data)


def test_end_differs_by_its_flag_and_has_an_id_of_its_own():
    member = Member(ID, ("a", "b"))
    begins, ends = begin_updates(member), end_updates(member)

    for begin, end in zip(begins, ends, strict=True):
        assert begin.topics == end.topics
        assert json.loads(end.event.data) == json.loads(begin.event.data) | {"active": False}
    assert [end.event.id for end in ends] == [member.end_id(0), member.end_id(1)]
    assert [begin.event.id for begin in begins] == ["", ""]


@pytest.mark.parametrize(
    ("selector", "escaped"), [("a b", "a+b"), ("~*", "~%2A"), ("ä/é", "%C3%A4%2F%C3%A9"), ("a+b%", "a%2Bb%25")]
)
def test_parts_of_a_topic_are_escaped_as_in_a_query(selector, escaped):
    assert subscription_topic(selector, "s") == f"/.well-known/mercure/subscriptions/{escaped}/s"


def test_one_subscription_names_the_last_event():
    document = json.loads(describe(MEMBER, MEMBER.selectors[0], "epoch-7"))

    assert document["lastEventID"] == "epoch-7"
    assert document["active"] is True
    assert document["@context"] == "https://mercure.rocks/"


def test_collection_has_items_without_a_context():
    member = Member(ID, ("a", "b"))
    parts = [join_items([describe_item(member, selector)]) for selector in member.selectors]
    text = describe_collection("/path", "earliest", parts).decode()
    document = json.loads(text)

    assert {name: document[name] for name in ("@context", "id", "type", "lastEventID")} == {
        "@context": "https://mercure.rocks/",
        "id": "/path",
        "type": "Subscriptions",
        "lastEventID": "earliest",
    }
    assert [item["topic"] for item in document["subscriptions"]] == ["a", "b"]
    assert all("@context" not in item for item in document["subscriptions"])
    assert text == json.dumps(document, indent=2)


def test_empty_collection_is_an_empty_list():
    text = describe_collection("/path", "earliest", []).decode()

    assert text == json.dumps(json.loads(text), indent=2)
    assert json.loads(text)["subscriptions"] == []


@given(
    TEXT, st.none() | st.recursive(st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT, st.lists)
)
def test_whatever_is_subscribed_to_makes_json_laid_out_as_json_is(selector, payload):
    text = "" if payload is None else json.dumps(payload, ensure_ascii=False)
    (update,) = begin_updates(Member(ID, (selector,), text))
    document = json.loads(update.event.data)

    assert document["topic"] == selector
    assert document.get("payload") == payload
    assert update.event.data == json.dumps(document, indent=2, ensure_ascii=False)


def test_only_what_fits_into_a_topic_can_be_told_of():
    assert is_tellable("x" * 3900, ID)
    assert not is_tellable("ä" * 1000, ID)
    assert is_tellable("\U0010ffff" * 330, ID)
    for selector in ("\U0010ffff" * 400, "ä" * 400):
        if is_tellable(selector, ID):
            assert len(subscription_topic(selector, ID)) <= MAX_LENGTH
