"""What one request of a publisher holds, and how its answer reads."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.publication import (
    MAX_ANSWER,
    MAX_BATCH,
    MAX_BATCH_SIZE,
    MAX_REASON,
    Publication,
    batches,
    describe_refusal,
    encode_update,
    new_id,
    prepare,
)
from longwave.core.update import Update
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream import Event

ONE = Publication(b"", "", ("",))


def simple(data="x", event_id=""):
    return Update(("t",), Event(data, id=event_id))


@pytest.mark.parametrize(
    ("update", "fields"),
    [
        (simple("x"), {"topics": ["t"], "data": "x"}),
        (
            Update(("a", "b"), Event("é\n☃", "kind", "id-1", 0), private=True),
            {"topics": ["a", "b"], "data": "é\n☃", "type": "kind", "id": "id-1", "retry": 0, "private": True},
        ),
        (Update(("a",), Event("", "message", "message")), {"topics": ["a"], "data": "", "id": "message"}),
    ],
)
def test_update_becomes_one_line_of_json_without_defaults(update, fields):
    line = encode_update(update)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == fields


def test_new_ids_are_short_ascii_and_differ():
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", event_id) for event_id in ids)


def test_one_update_is_json_and_several_are_lines():
    assert prepare([simple()]).content_type == "application/json"
    assert prepare([simple(), simple()]).content_type == "application/x-ndjson"
    assert prepare([simple("1"), simple("2")]).body == encode_update(simple("1")) + encode_update(simple("2"))


def test_only_updates_without_an_id_get_one():
    publication = prepare([simple(), simple(event_id="mine"), simple()], iter("abc").__next__)

    assert publication.ids == ("a", "mine", "b")
    assert [json.loads(line)["id"] for line in publication.body.splitlines()] == ["a", "mine", "b"]


@pytest.mark.parametrize(
    ("given_ids", "makes", "repeatable", "stored_if_known"),
    [
        (["", ""], True, True, True),
        (["", ""], False, False, False),
        ([""], False, False, True),
        (["mine"], False, True, True),
        (["mine", "", ""], True, True, False),
        (["mine", "other"], True, True, False),
        (["mine", ""], False, False, False),
    ],
)
def test_ids_decide_what_may_be_sent_again_and_what_a_known_id_proves(given_ids, makes, repeatable, stored_if_known):
    publication = prepare([simple(event_id=event_id) for event_id in given_ids], new_id if makes else None)

    assert publication.repeatable is repeatable
    assert publication.stored_if_known is stored_if_known


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
def test_no_update_or_too_many_are_refused(count):
    with pytest.raises(InvalidValue, match=f"^updates: expected at most {MAX_BATCH} updates.* got {count}$"):
        prepare([simple()] * count)


def test_several_updates_above_the_size_of_a_request_are_refused():
    half = simple("x" * (MAX_BATCH_SIZE // 2))
    with pytest.raises(InvalidValue, match=f"^updates: expected at most {MAX_BATCH_SIZE} bytes of several updates"):
        prepare([half, half])


def test_one_update_may_be_of_any_size_as_the_hub_decides():
    assert len(prepare([simple("x" * MAX_BATCH_SIZE)]).body) > MAX_BATCH_SIZE


# Batches.


def test_batches_are_bounded_by_count():
    sizes = [len(batch) for batch in batches([simple("x")] * (2 * MAX_BATCH + 1))]

    assert sizes == [MAX_BATCH, MAX_BATCH, 1]


def test_batches_are_bounded_by_bytes():
    third = simple("x" * (MAX_BATCH_SIZE // 3))

    assert [len(batch) for batch in batches([third] * 5)] == [2, 2, 1]


def test_update_too_large_for_any_batch_stands_alone():
    large = simple("x" * MAX_BATCH_SIZE)

    assert list(batches([simple("1"), large, simple("2")])) == [[simple("1")], [large], [simple("2")]]


@given(st.lists(st.tuples(st.integers(0, MAX_BATCH_SIZE // 2), st.sampled_from(["", "mine"])), max_size=12))
def test_batches_keep_every_update_in_order_and_each_fits_a_request_with_ids(sizes):
    updates = [simple("x" * size, event_id) for size, event_id in sizes]
    found = list(batches(updates))

    assert [update for batch in found for update in batch] == updates
    assert all(len(prepare(batch, new_id).body) <= MAX_BATCH_SIZE for batch in found)


# Answers.


def test_ids_are_read_in_order():
    assert Publication(b"", "", ("", "")).read_ids(b'{"ids": ["a", "b"]}\n') == ["a", "b"]


@pytest.mark.parametrize(
    "answer",
    [b"", b"e-1", b"[]", b'{"id": 1}', b'{"ids": "a"}', b'{"ids": [1]}', b"\xff", b"[" * 100_000, b"null"],
    ids=lambda answer: repr(answer[:10]),
)
def test_answer_without_ids_is_an_error(answer):
    with pytest.raises(RequestFailed, match=r"^expected .*ids from the hub, got ") as caught:
        ONE.read_ids(answer)

    assert caught.value.status == 200


def test_answer_with_another_number_of_ids_is_an_error():
    with pytest.raises(RequestFailed, match=r"^expected 1 ids from the hub, got 2$"):
        ONE.read_ids(b'{"ids": ["a", "b"]}')


def test_answer_beyond_the_bound_is_an_error():
    with pytest.raises(RequestFailed, match=f"^expected an answer of at most {MAX_ANSWER} bytes"):
        ONE.read_ids(b'{"ids": ["a"]}' + b" " * MAX_ANSWER)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"topic: expected one,\r\n got none\n", "the hub answered 400: topic: expected one, got none"),
        (b"", "the hub answered 400: Bad Request"),
        (b"\xff", "the hub answered 400: \ufffd"),
        (b"x" * 10_000, "the hub answered 400: " + "x" * MAX_REASON),
    ],
)
def test_refusal_is_one_line_with_the_text_of_the_hub(answer, sentence):
    assert describe_refusal(400, "Bad Request", answer) == sentence
