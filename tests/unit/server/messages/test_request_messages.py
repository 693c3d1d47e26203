"""What messages say of a request: who, what and whose token; short and printable, whatever was sent."""

from __future__ import annotations

import re

from longwave.server.messages.log_format import MAX_SHOWN
from longwave.server.messages.request_messages import fields_of, headers_of, new_request_id, place_of
from longwave.transports.exchange import Request

REQUEST = Request("POST", "/events", query="authorization=secret", client="192.0.2.7")


def test_fields_tell_who_asked_for_what_and_nothing_of_the_query():
    assert fields_of(REQUEST, "5f", "expired", {"expired_for": 61.0}) == {
        "request_id": "5f",
        "client": "192.0.2.7",
        "method": "POST",
        "path": "/events",
        "reason": "expired",
        "expired_for": 61.0,
    }


def test_what_is_not_known_is_left_out():
    assert fields_of(Request("GET", "/"), "5f", "", {"subject": ""}) == {
        "request_id": "5f",
        "method": "GET",
        "path": "/",
    }


def test_what_a_client_sent_is_shortened_and_printable():
    request = Request("GET", "/" + "x" * 10_000)
    fields = fields_of(request, "5f", "", {"subject": "a\n\u202eb\x1b" + "y" * 10_000, "topic": "\u2028"})

    assert len(fields["path"]) == MAX_SHOWN
    assert fields["subject"].startswith("a\\n\\u202eb\\x1byyy")
    assert len(fields["subject"]) < 2 * MAX_SHOWN
    assert fields["topic"] == "\\u2028"
    assert all(value.isprintable() for value in fields.values())


def test_place_names_the_client_its_token_and_the_request():
    facts = {"subject": "user-7", "token_id": "a1"}

    assert place_of(fields_of(REQUEST, "5f", "", facts)) == (
        "192.0.2.7 (subject 'user-7', token id 'a1'): POST /events"
    )
    assert place_of(fields_of(Request("GET", "/x"), "5f", "", {})) == "a client: GET /x"


def test_ids_are_new_each_time_and_are_a_header():
    ids = {new_request_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)
    assert headers_of("5f") == ((b"X-Request-Id", b"5f"),)
