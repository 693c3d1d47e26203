"""Publishing over HTTP, against a scripted server on a real socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.client.publisher import MAX_BATCH, MAX_BATCH_SIZE, Publisher, batches, encode_update
from longwave.core.update import Update
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream import Event
from unit.client.scripted_server import ScriptedServer, answer


def ids(*names):
    return answer(200, json.dumps({"ids": names}), "Content-Type: application/json\r\n")


def simple(data):
    return Update(("t",), Event(data))


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


def test_publish_returns_the_id_that_the_hub_gave():
    with ScriptedServer([[ids("e-1")]]) as server, Publisher(server.url) as publisher:
        assert publisher.publish(simple("hello")) == "e-1"

    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/events")
    assert request.headers["content-type"] == b"application/json"
    assert request.body == encode_update(simple("hello"))


def test_batch_is_one_request_in_order():
    updates = [simple("1"), simple("2"), simple("3")]
    with ScriptedServer([[ids("a", "b", "c")]]) as server, Publisher(server.url) as publisher:
        assert publisher.publish_batch(updates) == ["a", "b", "c"]

    assert server.requests[0].headers["content-type"] == b"application/x-ndjson"
    assert [json.loads(line)["data"] for line in server.requests[0].body.splitlines()] == ["1", "2", "3"]


def test_requests_share_one_connection():
    with ScriptedServer([[ids("a"), ids("b"), ids("c")]]) as server, Publisher(server.url) as publisher:
        assert [publisher.publish(simple(name)) for name in "xyz"] == ["a", "b", "c"]

    assert {request.connection for request in server.requests} == {0}


@pytest.mark.parametrize("body", ["", "e-1", "[]", '{"id": 1}', '{"ids": "a"}', '{"ids": [1]}'])
def test_answer_without_ids_is_an_error(body):
    with (
        ScriptedServer([[answer(200, body)]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed, match=r"expected .*ids from the hub"),
    ):
        publisher.publish(simple("x"))


def test_answer_with_another_number_of_ids_is_an_error():
    with (
        ScriptedServer([[ids("a", "b")]]) as server,
        Publisher(server.url) as publisher,
        pytest.raises(RequestFailed, match="expected 1 ids from the hub, got 2"),
    ):
        publisher.publish(simple("x"))


def test_batch_of_too_many_updates_is_refused_before_it_is_sent():
    with (
        Publisher("http://127.0.0.1:1") as publisher,
        pytest.raises(InvalidValue, match=f"expected at most {MAX_BATCH} updates, got {MAX_BATCH + 1}"),
    ):
        publisher.publish_batch([simple("x")] * (MAX_BATCH + 1))


def test_batches_are_bounded_by_count():
    sizes = [len(batch) for batch in batches([simple("x")] * (2 * MAX_BATCH + 1))]

    assert sizes == [MAX_BATCH, MAX_BATCH, 1]


def test_batches_are_bounded_by_bytes():
    third = simple("x" * (MAX_BATCH_SIZE // 3))

    assert [len(batch) for batch in batches([third] * 5)] == [2, 2, 1]


def test_update_too_large_for_any_batch_stands_alone():
    large = simple("x" * MAX_BATCH_SIZE)

    assert list(batches([simple("1"), large, simple("2")])) == [[simple("1")], [large], [simple("2")]]


@given(st.lists(st.integers(0, MAX_BATCH_SIZE // 2), max_size=12))
def test_batches_keep_every_update_in_order_and_fit(sizes):
    updates = [simple("x" * size) for size in sizes]
    found = list(batches(updates))

    assert [update for batch in found for update in batch] == updates
    assert all(sum(len(encode_update(update)) for update in batch) <= MAX_BATCH_SIZE for batch in found)
