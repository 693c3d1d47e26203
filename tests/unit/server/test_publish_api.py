"""Three content types to updates. What is refused, and how, is shown by the integration tests on the wire."""

from __future__ import annotations

import json

import pytest

from longwave.errors import InvalidValue
from longwave.server.publish_api import (
    FORM,
    JSON,
    MAX_BATCH,
    MAX_ID,
    NDJSON,
    ReservedTopic,
    UnsupportedType,
    check_not_reserved,
    read_batch,
)
from longwave.transports.exchange import Request


def read(body, content_type=FORM):
    data = body if isinstance(body, bytes) else body.encode()
    return read_batch(Request("POST", "/events", headers=((b"content-type", content_type.encode()),), body=data))


def only(batch):
    (update,) = batch.updates
    return update


@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=utf-8", FORM.upper(), f" {FORM} ; a=b"])
def test_content_type_is_read_without_case_and_parameters(content_type):
    assert only(read("topic=t&data=x", content_type)).event.data == "x"


def test_content_type_must_be_known():
    with pytest.raises(UnsupportedType, match="got multipart/form-data"):
        read("", "multipart/form-data")


def test_form_has_every_field():
    update = only(read("topic=a&topic=b&data=d&type=k&id=i&retry=9&private"))

    assert (update.topics, update.private) == (("a", "b"), True)
    assert (update.event.data, update.event.type, update.event.id, update.event.retry) == ("d", "k", "i", 9)


def test_form_needs_a_topic_only():
    update = only(read("topic=a"))

    assert (update.private, update.event.data, update.event.type, update.event.id) == (False, "", "message", "")
    assert update.event.retry is None


def test_first_of_equal_fields_counts_and_unknown_ones_do_not():
    assert only(read("topic=a&data=1&data=2&other=3")).event.data == "1"


def test_empty_fields_are_as_if_left_out():
    update = only(read("topic=a&type=&id=&retry="))

    assert (update.event.type, update.event.id, update.event.retry) == ("message", "", None)


@pytest.mark.parametrize(
    ("data", "text"),
    [("x", "x"), (None, "null"), (1.5, "1.5"), ({"é": [True]}, '{"é":[true]}'), ("", ""), ("\u2028", "\u2028")],
)
def test_json_data_is_text_as_it_is_and_anything_else_as_json(data, text):
    assert only(read(json.dumps({"topic": "t", "data": data}), JSON)).event.data == text


@pytest.mark.parametrize("topics", [{"topic": "a"}, {"topic": ["a"]}, {"topics": ["a"]}, {"topics": "a"}])
def test_json_topic_is_one_or_a_list(topics):
    assert only(read(json.dumps(topics), JSON)).topics == ("a",)


def test_json_null_is_as_if_left_out():
    update = only(read('{"topic": "t", "id": null, "type": null, "retry": null}', JSON))

    assert (update.event.id, update.event.type, update.event.retry) == ("", "message", None)


def test_json_may_have_its_own_white_space_around_it():
    assert only(read(' \t\r\n{"topic":"t"}\n\r\t ', JSON)).topics == ("t",)


@pytest.mark.parametrize("more", ["x", " {}", "\xa0", "\x0b"])
def test_json_with_anything_else_behind_it_is_refused(more):
    with pytest.raises(InvalidValue, match="expected JSON, got Extra data at line 1, column "):
        read(f'{{"topic":"t"}}{more}', JSON)


def test_ndjson_lines_may_be_blank_and_end_with_crlf():
    assert [
        update.event.data
        for update in read('{"topic":"t","data":"1"}\r\n\r\n {"topic":"t","data":"2"}', NDJSON).updates
    ] == ["1", "2"]


def test_ndjson_line_is_not_ended_by_other_separators():
    """U+2028 is text in JSON, though Python would split lines there."""
    assert only(read('{"topic":"t","data":"a\u2028b\x85c"}', NDJSON)).event.data == "a\u2028b\x85c"


def test_batch_is_as_large_as_allowed_and_no_larger():
    line = '{"topic":"t"}\n'

    assert len(read(line * MAX_BATCH, NDJSON).updates) == MAX_BATCH
    with pytest.raises(InvalidValue, match=f"at most {MAX_BATCH} updates"):
        read(line * (MAX_BATCH + 1), NDJSON)


def test_form_is_answered_with_the_id_and_json_with_all_ids():
    assert read("topic=t").answer(["é"]).body == "é".encode()
    assert json.loads(read('{"topic":"t"}', JSON).answer(["a"]).body) == {"ids": ["a"]}
    assert json.loads(read('{"topic":"t"}', NDJSON).answer(["a", "b"]).body) == {"ids": ["a", "b"]}


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_know_are_refused(constant):
    with pytest.raises(InvalidValue, match=f"expected JSON, got {constant}"):
        read(f'{{"topic": "t", "data": {constant}}}', JSON)


# What is refused.


def test_retry_of_0_in_a_form_is_none_as_in_the_protocol():
    assert only(read("topic=t&retry=0")).event.retry is None
    assert only(read('{"topic": "t", "retry": 0}', JSON)).event.retry == 0


@pytest.mark.parametrize(("body", "content_type"), [("topic=t&id={}", FORM), ('{{"topic": "t", "id": "{}"}}', JSON)])
def test_id_is_bounded_as_clients_send_it_back_in_a_head(body, content_type):
    assert only(read(body.format("x" * MAX_ID), content_type)).event.id == "x" * MAX_ID
    with pytest.raises(InvalidValue, match="id: expected at most 1024 characters, got 1025"):
        read(body.format("x" * (MAX_ID + 1)), content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("topic=bad&id=a%0Ab", FORM),
        ('{"topic": "bad", "id": "a\\nb"}', JSON),
        ('{"topics": ["t", "bad"], "id": 5}', JSON),
        ('{"topic": "t"}\n{"topic": "bad", "id": "a\\nb"}', NDJSON),
    ],
)
def test_topics_are_authorised_before_the_rest_is_judged(body, content_type):
    class NotYoursError(Exception):
        pass

    def authorise(topics):
        if "bad" in topics:
            raise NotYoursError

    request = Request("POST", "/events", headers=((b"content-type", content_type.encode()),), body=body.encode())
    with pytest.raises(NotYoursError):
        read_batch(request, authorise)


@pytest.mark.parametrize(
    "topic", ["/.well-known/mercure", "https://e.test/.well-known/mercure/x", "a/.well-known/mercureb"]
)
def test_topics_of_the_hub_itself_are_reserved(topic):
    with pytest.raises(ReservedTopic):
        check_not_reserved(("t", topic))
    check_not_reserved(("t", "/.well-known", "mercure"))
