"""What each path answers: publishing, health, the console, and everything that is refused."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest

from integration.conftest import until
from longwave.errors import LogUnavailable
from longwave.logs.memory import MemoryLog
from longwave.server.config import Limits

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
NDJSON = "application/x-ndjson"


class FailingLog(MemoryLog):
    """A log whose disk is full for as long as `failure` says so."""

    failure = None

    async def append(self, updates):
        if self.failure is not None:
            raise self.failure
        return await super().append(updates)


# Publishing.


@pytest.mark.parametrize("path", ["/events", "/.well-known/mercure"])
async def test_form_publishes_one_update_and_answers_its_id(start, path):
    running = await start()
    client = await running.connect()

    answer = await client.post("topic=t&topic=u&data=h%C3%A9+llo&type=kind&id=mine&retry=5&private=on", target=path)

    assert (answer.status, answer.text) == (200, "mine")
    (entry,) = (await running.log.read(0, 10)).entries
    update = entry.update
    assert (update.topics, update.private) == (("t", "u"), True)
    assert (update.event.data, update.event.type, update.event.id, update.event.retry) == ("hé llo", "kind", "mine", 5)


async def test_form_without_id_answers_the_one_that_the_log_gave(start):
    running = await start()
    client = await running.connect()

    answer = await client.post("topic=t&data=x")

    assert await running.log.locate(answer.text) == 1


async def test_json_object_publishes_one_update(start):
    running = await start()
    client = await running.connect()

    answer = await client.post(
        json.dumps({"topic": "t", "data": {"a": [1, None]}, "id": "mine"}), JSON + "; charset=utf-8"
    )

    assert (answer.status, json.loads(answer.body)) == (200, {"ids": ["mine"]})
    assert answer.headers["content-type"] == "application/json"
    assert await running.stored() == ['{"a":[1,null]}']


async def test_json_list_and_ndjson_publish_in_order(start):
    running = await start()
    client = await running.connect()
    updates = [{"topics": ["t", "u"], "data": str(number), "id": str(number)} for number in range(5)]

    first = await client.post(json.dumps(updates[:2]), JSON)
    second = await client.post("\r\n".join(map(json.dumps, updates[2:])) + "\n\n", NDJSON)

    assert json.loads(first.body)["ids"] + json.loads(second.body)["ids"] == ["0", "1", "2", "3", "4"]
    assert await running.stored() == ["0", "1", "2", "3", "4"]


async def test_publish_reaches_a_subscriber_as_it_was_sent(start, sink):
    running = await start(sink=sink)
    subscriber = await running.subscribe()
    client = await running.connect()

    answer = await client.post("topic=t&data=a%0Db%0D%0Ac%0A&type=k")

    assert await subscriber.block() == f"event: k\nid: {answer.text}\ndata: a\ndata: b\ndata: c\ndata: \n\n"


BAD = [
    # content type, body, status, what the sentence says
    (FORM, "data=x", 400, "topic: expected at least one topic"),
    (FORM, "topic=", 400, "topic: expected at least one character"),
    (FORM, "topic=t&retry=soon", 400, "retry: expected whole milliseconds from 0 to 9007199254740991, got 'soon'"),
    (FORM, "topic=t&retry=-1", 400, "retry: expected whole milliseconds"),
    (FORM, "topic=t&retry=%2B5", 400, "retry: expected whole milliseconds"),
    (FORM, "topic=t&retry=9999999999999999", 400, "retry: expected whole milliseconds"),
    (FORM, "topic=t&id=a%0Ab", 400, "id: expected no NUL, CR or LF, got LF as character 2"),
    (FORM, "topic=t&id=a%0Db", 400, "got CR as character 2"),
    (FORM, "topic=t&type=%00", 400, "type: expected no NUL, CR or LF, got NUL"),
    (FORM, "topic=a%00", 400, "topic: expected no NUL"),
    (FORM, "topic=t&data=%ff", 400, "body: expected percent-encoded UTF-8"),
    (FORM, b"topic=t&data=\xff", 400, "body: expected UTF-8, got something else at byte 14"),
    (FORM, "&".join(["topic=t"] * 1001), 400, "topic: expected at most 1000 topics, got 1001"),
    (FORM, "", 400, "topic"),
    (JSON, "", 400, "line 1"),
    (JSON, '{"topic": "t",\n "data": }', 400, "line 2, column 10"),
    (JSON, '"text"', 400, "expected a JSON object, got a string"),
    (JSON, "[]", 400, "expected at least one update"),
    (JSON, '[{"topic": "t"}, 7]', 400, "item 2: body: expected a JSON object, got a number"),
    (JSON, '[{"topic": "t"}, {"topic": "t", "colour": 1}]', 400, "'colour'"),
    (JSON, '{"topic": 7}', 400, "topic: expected"),
    (JSON, '{"topic": "t", "topics": ["u"]}', 400, "got both"),
    (JSON, '{"topic": "t", "private": 1}', 400, "private: expected true or false, got a number"),
    (JSON, '{"topic": "t", "id": 7}', 400, "id: expected a string, got a number"),
    (JSON, '{"topic": "t", "id": "a\\nb"}', 400, "id: expected no NUL, CR or LF, got LF"),
    (JSON, '{"topic": "t", "retry": 1.5}', 400, "retry: expected whole milliseconds"),
    (JSON, '{"topic": "t", "retry": true}', 400, "retry: expected whole milliseconds"),
    (JSON, '{"topic": "t", "data": "\\ud800"}', 400, "lone surrogate"),
    (JSON, '{"topic": "t", "data": {"a": "\\ud800"}}', 400, "lone surrogate"),
    (JSON, '{"topic": "t", "data": NaN}', 400, "got NaN"),
    (JSON, '{"topic": "t", "data": [-Infinity]}', 400, "got -Infinity"),
    (JSON, '{"topic": "t", "data": ' + "9" * 5000 + "}", 400, "numbers"),
    (JSON, "[" * 100_000, 400, "depth"),
    (JSON, '{"topic": "t", "data": ' + "[" * 950 + "]" * 950 + "}", {200, 400}, ""),
    (JSON, b'{"topic": "\xff"}', 400, "body: expected UTF-8"),
    (NDJSON, "\n \n", 400, "expected at least one update"),
    (NDJSON, '{"topic": "t"}\n\n{"topic": }', 400, "line 3, column 11"),
    (NDJSON, '{"topic": "t"}\n{"topic": "t", "retry": -1}', 400, "line 2: retry"),
    (NDJSON, '{"topic": "t"}\n' * 10_001, 400, "expected at most 10000 updates"),
    ("text/plain", "topic=t", 415, "Content-Type: expected application/x-www-form-urlencoded"),
    ("", "topic=t", 415, "got none"),
]


@pytest.mark.parametrize(("content_type", "body", "status", "says"), BAD)
async def test_bad_input_is_refused_with_a_sentence_and_nothing_is_stored(start, content_type, body, status, says):
    running = await start()
    client = await running.connect()

    answer = await client.post(body, content_type)

    assert answer.status in (status if isinstance(status, set) else {status}), answer.text
    assert says in answer.text
    if answer.status != 200:
        assert answer.text.count("\n") == 1
        assert await running.stored() == []
    assert (await client.get("/healthz")).status == 200, "the connection goes on"


async def test_batch_with_one_bad_update_stores_none(start):
    running = await start()
    client = await running.connect()
    good = [json.dumps({"topic": "t", "data": str(number)}) for number in range(50)]

    answer = await client.post("\n".join([*good, '{"topic": ""}']), NDJSON)

    assert answer.status == 400
    assert answer.text.startswith("line 51: topic")
    assert await running.stored() == []


async def test_id_that_is_on_the_log_is_a_conflict(start):
    running = await start()
    client = await running.connect()
    await client.post("topic=t&data=1&id=mine")

    again = await client.post("topic=t&data=2&id=mine")
    twice = await client.post('[{"topic":"t","id":"a"},{"topic":"t","id":"a"}]', JSON)

    assert (again.status, twice.status) == (409, 409)
    assert "'mine'" in again.text
    assert await running.stored() == ["1"]


# A log that fails.


async def test_failing_log_refuses_publishers_keeps_readers_and_recovers(start, sink):
    log = FailingLog()
    running = await start(log, sink=sink)
    await running.publish("1")
    reader = await running.subscribe()
    publisher = await running.connect()

    log.failure = LogUnavailable("expected room on the disk, got none")
    refused = await publisher.post("topic=t&data=lost")
    health = await publisher.get("/healthz")
    late = await running.subscribe("/events?topic=t&lastEventID=earliest")
    replayed = await late.data()
    log.failure = None
    taken = await publisher.post("topic=t&data=2")

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert refused.text == "expected room on the disk, got none\n"
    assert (health.status, health.headers["retry-after"]) == (503, "1")
    assert (replayed, taken.status) == ("1", 200)
    assert [await reader.data(), await late.data()] == ["2", "2"]
    assert (await publisher.get("/healthz")).status == 200
    assert await running.stored() == ["1", "2"]


@pytest.mark.parametrize("target", ["/events", "/healthz"])
async def test_log_that_breaks_its_contract_is_an_error_and_the_server_goes_on(start, caplog, target):
    log = FailingLog()
    running = await start(log)
    client = await running.connect()

    log.failure = RuntimeError("a bug")
    answer = await (client.post("topic=t&data=x") if target == "/events" else client.get(target))
    log.failure = None

    assert answer.status == 500
    assert "a bug" not in answer.text
    assert "a bug" in caplog.text
    caplog.clear()
    assert (await client.post("topic=t&data=x")).status == 200


# Paths and methods.


async def test_health_is_ok_while_the_log_takes_writes(start):
    running = await start()
    client = await running.connect()

    answer = await client.get("/healthz")

    assert (answer.status, answer.body) == (200, b"ok\n")
    assert await running.stored() == []


async def test_unknown_path_is_named(start):
    running = await start()
    client = await running.connect()

    answer = await client.get("/nowhere")

    assert answer.status == 404
    assert "/events" in answer.text
    assert answer.text.endswith("got /nowhere\n")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/events", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/.well-known/mercure", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
    ],
)
async def test_method_that_a_path_does_not_have_is_refused_with_those_that_it_has(start, method, path, allow):
    running = await start()
    client = await running.connect()

    await client.request(method, path, body=b"")
    refused = await client.answer()
    await client.request("OPTIONS", path)
    asked = await client.answer()

    assert (refused.status, refused.headers["allow"]) == (405, allow)
    assert (asked.status, asked.headers["allow"]) == (204, allow)
    assert "content-length" not in asked.headers


@pytest.mark.parametrize(
    ("path", "content_type"), [("/", "text/html"), ("/console.css", "text/css"), ("/console.js", "text/javascript")]
)
async def test_console_is_served_with_its_type_and_a_strict_policy(start, path, content_type):
    running = await start()
    client = await running.connect()

    answer = await client.get(path)
    await client.request("HEAD", path)
    head = await client.answer(head_only=True)

    assert answer.status == 200
    assert answer.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert head.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", 'expected at least one "topic" parameter'),
        ("?topics=t", 'expected at least one "topic" parameter'),
        ("?topic=", "expected at least one character"),
        ("?topic=%ff", "query: expected percent-encoded UTF-8"),
        ("?topic=%00", "NUL"),
        ("?" + "&".join(["topic=t"] * 4), 'at most 3 "topic" parameters, got 4'),
    ],
)
async def test_subscription_that_cannot_be_understood_is_refused_and_the_connection_goes_on(start, query, says):
    running = await start(limits=Limits(topics=3))
    client = await running.connect()

    answer = await client.get(f"/events{query}")

    assert answer.status == 400
    assert says in answer.text
    assert running.hub.subscribers == 0
    assert (await client.get("/healthz")).status == 200


# Web pages of other origins.


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://hub.test", 200),
        ("https://hub.test", 200),
        ("http://evil.test", 403),
        ("http://hub.test.evil.test", 403),
        ("http://hub.test:81", 403),
        ("null", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
async def test_page_of_another_origin_cannot_publish(start, origin, status):
    running = await start()
    client = await running.connect()
    client.host = "hub.test"

    answer = await client.post("topic=t&data=x", FORM, f"Origin: {origin}")

    assert answer.status == status
    assert len(await running.stored()) == (status == 200)


# Connections.


async def test_http_1_1_connection_is_kept(start):
    running = await start()
    client = await running.connect()

    answers = [await client.post(f"topic=t&data={number}") for number in range(3)]

    assert [answer.status for answer in answers] == [200] * 3
    assert all("connection" not in answer.headers for answer in answers)


async def test_connection_close_is_honoured(start):
    running = await start()
    client = await running.connect()

    answer = await client.post("topic=t&data=x", FORM, "Connection: close")

    assert answer.headers["connection"] == "close"
    await client.ended()


async def test_http_1_0_connection_is_kept_only_if_asked(start):
    running = await start()
    client = await running.connect()

    kept = await client.get("/healthz", "Connection: keep-alive", version="1.0")
    closed = await client.get("/healthz", version="1.0")

    assert kept.headers["connection"] == "keep-alive"
    assert closed.headers["connection"] == "close"
    await client.ended()


async def test_client_that_waits_for_permission_gets_it_before_its_body(start):
    running = await start()
    client = await running.connect()
    body = b"topic=t&data=x"
    headers = [f"Content-Type: {FORM}", f"Content-Length: {len(body)}", "Expect: 100-continue"]

    await client.request("POST", "/events", *headers)
    permission = await client.head()
    await client.send(body)

    assert permission.status == 100
    assert (await client.answer()).status == 200


async def test_permission_is_given_to_a_pipelined_request_too(start):
    """Its head comes while the request before is being answered."""
    running = await start()
    client = await running.connect()
    body = b"topic=t&data=x"
    fixed = f"POST /events HTTP/1.1\r\nHost: h\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n".encode()

    await client.send(fixed + b"\r\n" + body + fixed + b"Expect: 100-continue\r\n\r\n")
    first = await client.answer()
    permission = await client.head()
    await client.send(body)

    assert (first.status, permission.status, (await client.answer()).status) == (200, 100, 200)


async def test_client_that_half_closes_after_publishing_is_answered(start):
    running = await start()
    client = await running.connect()

    body = b"topic=t&data=x"
    await client.request("POST", "/events", f"Content-Type: {FORM}", body=body)
    await client.request("POST", "/events", f"Content-Type: {FORM}", body=body)
    client.half_close()

    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 200
    await client.ended()


async def test_stream_for_a_client_that_already_half_closed_is_not_begun(start, sink):
    running = await start(sink=sink)
    client = await running.connect()
    body = b"topic=t&data=x"

    await client.request("POST", "/events", f"Content-Type: {FORM}", body=body)
    await client.request("GET", "/events?topic=t")
    client.half_close()
    await client.rest()

    await until(lambda: running.empty)


async def test_curl_is_answered_in_the_ways_that_it_asks(start):
    """Upgrade to HTTP/2, HTTP/1.0, and a body that comes in chunks."""
    running = await start()
    host, port = running.address
    for option in (["--http2"], ["--http1.0"], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
        command = [
            "curl",
            "-sS",
            "-m",
            "5",
            "-d",
            "topic=t",
            "-d",
            f"data={option[-1]}",
            f"http://{host}:{port}/events",
            *option,
        ]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = await process.communicate()
        assert (process.returncode, err) == (0, b"")
        assert await running.log.locate(out.decode())
    assert len(await running.stored()) == 4
