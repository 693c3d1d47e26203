"""Publishing over HTTP, against a scripted server on a real socket; each rule for tasks and for threads."""

from __future__ import annotations

import asyncio
import json
import threading

import httpx
import httpx2
import pytest

from longwave.client import Publisher, SyncPublisher, attempts, reconnection
from longwave.client.publication import MAX_ANSWER, MAX_BATCH
from longwave.client.reconnection import JITTER
from longwave.core.update import Update
from longwave.errors import InvalidValue, RequestFailed
from longwave.eventstream import Event
from longwave.testing import Answer, Cut, Framing, Raw, Redirect, Refuse, ScriptedServer, Send, Silence
from unit.client.hub_answers import answer, ids
from unit.client.publishers import KINDS, InATask, InAThread, Waits

LOST = Refuse()  # an answer that never comes: the connection is closed instead


def simple(data, event_id=""):
    return Update(("t",), Event(data, id=event_id))


def sent(request):
    return [json.loads(line) for line in request.body.splitlines()]


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(reconnection, "SHORTEST", 0.001)


# What is sent.


def test_publish_returns_the_id_that_the_hub_gave(kind):
    with ScriptedServer([ids("e-1")]) as server, kind(server.origin, attempts=1) as publisher:
        assert publisher.publish("t", "hello") == "e-1"

    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/events")
    assert request.headers["content-type"] == b"application/json"
    assert "authorization" not in request.headers
    assert sent(request) == [{"topics": ["t"], "data": "hello"}]


def test_publish_takes_what_a_hub_takes(kind):
    with ScriptedServer([ids("mine")]) as server, kind(server.origin) as publisher:
        publisher.publish(["a", "b"], {"n": [1, None]}, type="kind", id="mine", private=True, retry=5)

    assert sent(server.requests[0]) == [
        {"topics": ["a", "b"], "data": '{"n":[1,null]}', "type": "kind", "id": "mine", "retry": 5, "private": True}
    ]


def test_batch_is_one_request_in_order(kind):
    updates = [simple("1"), simple("2"), simple("3")]
    with ScriptedServer([ids("a", "b", "c")]) as server, kind(server.origin) as publisher:
        assert publisher.append(updates) == ["a", "b", "c"]

    assert server.requests[0].headers["content-type"] == b"application/x-ndjson"
    assert [fields["data"] for fields in sent(server.requests[0])] == ["1", "2", "3"]


def test_no_updates_are_no_request(kind):
    with kind("http://127.0.0.1:1") as publisher:
        assert publisher.append([]) == []


def test_too_many_updates_are_refused_before_anything_is_sent(kind):
    with kind("http://127.0.0.1:1") as publisher, pytest.raises(InvalidValue, match=f"at most {MAX_BATCH} updates"):
        publisher.append([simple("x")] * (MAX_BATCH + 1))


def test_requests_share_one_connection(kind):
    with ScriptedServer([ids("a"), ids("b"), ids("c")]) as server, kind(server.origin) as publisher:
        assert [publisher.publish("t", name) for name in "xyz"] == ["a", "b", "c"]

    assert {request.connection for request in server.requests} == {0}


def test_each_update_without_an_id_gets_one_where_it_may_be_sent_again(kind):
    with ScriptedServer([ids("a", "mine")]) as server, kind(server.origin, attempts=2) as publisher:
        publisher.append([simple("1"), simple("2", "mine")])

    first, second = (fields["id"] for fields in sent(server.requests[0]))
    assert len(first) == 32
    assert second == "mine"


# Sending again.


@pytest.mark.parametrize(
    "failure",
    [LOST, answer(503), answer(500), answer(429), Raw(b"HTTP/1.1 200 OK\r\nContent-")],
    ids=["lost", "503", "500", "429", "half a head"],
)
def test_failed_attempt_is_made_again_with_the_same_bytes(kind, failure):
    with ScriptedServer([failure, ids("a", "b")]) as server, kind(server.origin) as publisher:
        assert publisher.append([simple("1"), simple("2")]) == ["a", "b"]

    first, second = server.requests
    assert first.body == second.body


def test_known_id_after_a_lost_answer_means_that_it_is_stored(kind):
    with ScriptedServer([LOST, answer(409, "again")]) as server, kind(server.origin) as publisher:
        found = publisher.append([simple("1"), simple("2")])

    assert found == [fields["id"] for fields in sent(server.requests[0])]


def test_known_id_of_a_single_update_of_the_users_after_a_lost_answer_means_that_it_is_stored(kind):
    with ScriptedServer([LOST, answer(409, "again")]) as server, kind(server.origin) as publisher:
        assert publisher.publish("t", id="mine") == "mine"


@pytest.mark.parametrize(
    ("script", "updates"),
    [
        ([answer(409, "again")], [simple("1", "mine")]),
        ([answer(503), answer(409, "again")], [simple("1", "mine")]),
        ([LOST, answer(409, "again")], [simple("1", "mine"), simple("2", "other")]),
    ],
)
def test_known_id_that_proves_nothing_is_raised(kind, script, updates):
    with (
        ScriptedServer(script) as server,
        kind(server.origin) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 409: again") as caught,
    ):
        publisher.append(updates)

    assert caught.value.status == 409


def test_answer_that_breaks_off_counts_as_lost(kind):
    half = Answer(200, {"Content-Length": "90"}, [Send(b'{"ids": ["'), Cut(reset=False)], Framing.LENGTH)
    with ScriptedServer([half, answer(409)]) as server, kind(server.origin) as publisher:
        assert publisher.publish("t", id="mine") == "mine"


def test_without_ids_what_may_be_stored_is_not_sent_again(kind):
    with (
        ScriptedServer([answer(503), LOST]) as server,
        kind(server.origin, gives_ids=False) as publisher,
        pytest.raises(RequestFailed, match=r"\(gave up after 2 attempts; it may have been stored\)$"),
    ):
        publisher.publish("t", "x")

    assert len(server.requests) == 2


def test_one_attempt_is_one_request(kind):
    with (
        ScriptedServer([answer(503, "drained")]) as server,
        kind(server.origin, attempts=1) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 503: drained$") as caught,
    ):
        publisher.publish("t", "x")

    assert caught.value.status == 503
    assert len(server.requests) == 1


def test_each_wait_is_told_and_why(kind):
    waits = Waits()
    with ScriptedServer([answer(503, "drained"), ids("a")]) as server, kind(server.origin, observer=waits) as publisher:
        publisher.publish("t", "x")

    assert waits.reasons == ["the hub answered 503: drained"]
    assert waits.delays == [pytest.approx(0.001, rel=JITTER)]


def test_hub_that_cannot_be_reached_is_named(kind):
    with ScriptedServer() as server:
        url = server.origin
    with (
        kind(url) as publisher,
        pytest.raises(RequestFailed, match=f"^{url}/events: .*(refused|failed) .* 3 att") as caught,
    ):
        publisher.publish("t", "x")

    assert caught.value.status is None


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket")  # httpcore2 leaves that socket to the collector
def test_unix_socket_that_is_not_there_is_named(kind, tmp_path):
    path = tmp_path / "hub.sock"
    with kind(f"unix:{path}", attempts=1) as publisher, pytest.raises(RequestFailed, match=f"^{path}: "):
        publisher.publish("t", "x")


def test_silent_hub_is_given_up(kind):
    with (
        ScriptedServer([Silence()]) as server,
        kind(server.origin, timeout=0.05, attempts=1) as publisher,
        pytest.raises(RequestFailed, match=r"/events: no byte came in time \(it may have been stored\)$"),
    ):
        publisher.publish("t", "x")


# Refusals, answers and redirections.


def test_refusal_carries_status_and_text_of_the_server_on_one_line(kind):
    with (
        ScriptedServer([answer(400, "topic: expected one,\r\n got none\n")]) as server,
        kind(server.origin) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 400: topic: expected one, got none$") as caught,
    ):
        publisher.publish("t", "x")

    assert caught.value.status == 400


def test_answer_is_read_up_to_a_bound(kind):
    with (
        ScriptedServer([answer(200, "x" * (MAX_ANSWER + 1))]) as server,
        kind(server.origin) as publisher,
        pytest.raises(RequestFailed, match=f"^expected an answer of at most {MAX_ANSWER} bytes"),
    ):
        publisher.publish("t", "x")


def test_redirection_that_keeps_the_method_is_followed(kind):
    script = [Redirect("/other", 307), ids("a")]
    with ScriptedServer(script) as server, kind(server.origin) as publisher:
        assert publisher.publish("t", "x") == "a"

    assert [(request.method, request.target) for request in server.requests] == [
        ("POST", "/events"),
        ("POST", "/other"),
    ]
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirection_that_publishes_nothing_is_an_error(kind, status):
    script = [Redirect("/other", status), answer(200, "a page")]
    with (
        ScriptedServer(script) as server,
        kind(server.origin) as publisher,
        pytest.raises(RequestFailed, match=f"^expected no redirection but 307 and 308, got {status} to .*/other$"),
    ):
        publisher.publish("t", "x")


# Tokens.


def bearers(server):
    return [request.headers.get("authorization") for request in server.requests]


def test_token_is_sent_as_bearer(kind):
    with ScriptedServer([ids("a")]) as server, kind(server.origin, token="s3cret") as publisher:
        publisher.publish("t", "x")

    assert bearers(server) == [b"Bearer s3cret"]


def test_token_is_asked_for_each_attempt_and_after_a_401_at_once(kind):
    tokens = iter(["one", "two", "three"])
    waits = Waits()
    script = [answer(503), answer(401), ids("a")]
    with ScriptedServer(script) as server, kind(server.origin, token=lambda: next(tokens), observer=waits) as publisher:
        assert publisher.publish("t", "x") == "a"

    assert bearers(server) == [b"Bearer one", b"Bearer two", b"Bearer three"]
    assert len(waits.delays) == 1


@pytest.mark.parametrize(("token", "requests"), [("s3cret", 1), (lambda: "s3cret", 2)])
def test_token_that_is_refused_is_an_error_that_does_not_tell_it(kind, token, requests):
    with (
        ScriptedServer([answer(401, "no")] * 2) as server,
        kind(server.origin, token=token) as publisher,
        pytest.raises(RequestFailed, match=r"^the hub answered 401: no$"),
    ):
        publisher.publish("t", "x")

    assert len(server.requests) == requests


@pytest.mark.parametrize("token", ["s3cret\n", "s3cret ", " s3cret", "", "s3 cret", "s3crét"])
def test_token_that_no_header_carries_is_refused_without_telling_it(kind, token):
    with kind("http://127.0.0.1:1", token=token) as publisher, pytest.raises(InvalidValue, match=r"^token: ") as caught:
        publisher.publish("t", "x")

    assert "s3" not in str(caught.value)


async def test_token_may_be_asked_for_asynchronously():
    async def ask():
        await asyncio.sleep(0)
        return "s3cret"

    with ScriptedServer([ids("a")]) as server:
        async with Publisher(server.origin, token=ask) as publisher:
            await publisher.publish("t", "x")

    assert bearers(server) == [b"Bearer s3cret"]


def test_thread_cannot_ask_for_a_token_asynchronously():
    async def ask():
        return "s3cret"

    with (
        SyncPublisher("http://127.0.0.1:1", token=ask) as publisher,
        pytest.raises(InvalidValue, match="expected a callable that is not async"),
    ):
        publisher.publish("t", "x")


def test_user_and_password_of_the_address_are_sent_unless_there_is_a_token(kind):
    with ScriptedServer([ids("a"), ids("b")]) as server:
        url = server.origin.replace("//", "//me:s3cret@")
        with kind(url) as publisher:
            publisher.publish("t", "x")
        with kind(url, token="t0ken") as publisher:
            publisher.publish("t", "x")

    assert bearers(server) == [b"Basic bWU6czNjcmV0", b"Bearer t0ken"]


def test_password_in_the_address_is_not_told(kind):
    with ScriptedServer() as server:
        url = server.origin.replace("//", "//me:s3cret@")
    with kind(url, attempts=1) as publisher, pytest.raises(RequestFailed) as caught:
        publisher.publish("t", "x")

    assert "s3cret" not in str(caught.value)


# A client of the user's.

CLIENTS = {
    InATask: [httpx2.AsyncClient, httpx.AsyncClient],
    InAThread: [httpx2.Client, httpx.Client],
}


@pytest.mark.parametrize("number", [0, 1], ids=["httpx2", "httpx"])
def test_client_of_the_users_is_used_and_left_open(kind, number):
    client = CLIENTS[kind][number](headers={"X-Mine": "1"})
    with ScriptedServer([LOST, ids("a", Connection="close")]) as server:
        with kind(server.origin, client=client) as publisher:
            assert publisher.publish("t", "x") == "a"

        assert server.requests[0].headers["x-mine"] == b"1"
        assert not client.is_closed


@pytest.mark.parametrize("wrong", [object(), "http"])
def test_client_of_another_library_is_refused(kind, wrong):
    with pytest.raises(InvalidValue, match=r"^client: expected .*httpx"):
        kind("http://127.0.0.1:1", client=wrong)


def test_client_of_the_other_kind_is_refused():
    with pytest.raises(
        InvalidValue, match=r"^client: expected httpx2.Client or httpx.Client, got httpx2.*AsyncClient$"
    ):
        SyncPublisher("http://127.0.0.1:1", client=httpx2.AsyncClient())
    with pytest.raises(InvalidValue, match=r"^client: expected httpx2.AsyncClient or httpx.AsyncClient, got httpx"):
        Publisher("http://127.0.0.1:1", client=httpx.Client())


def test_client_of_the_users_finds_no_unix_socket():
    with httpx2.Client() as client, pytest.raises(InvalidValue, match=r"^client: expected none for a unix: address"):
        SyncPublisher("unix:/run/hub.sock", client=client)


@pytest.mark.parametrize(
    ("options", "field"), [({"attempts": 0}, "attempts"), ({"timeout": 0}, "timeout"), ({"timeout": -1.0}, "timeout")]
)
def test_unusable_options_are_refused_at_once(kind, options, field):
    with pytest.raises(InvalidValue, match=f"^{field}: expected"):
        kind("http://127.0.0.1:1", **options)


# The end.


def test_closed_publisher_says_so(kind):
    with kind("http://127.0.0.1:1") as publisher:
        publisher.close()
        publisher.close()
        with pytest.raises(RequestFailed, match=r"^expected an open publisher, got one that was closed$"):
            publisher.publish("t", "x")


class Told(Waits):
    """Says when a wait begins."""

    def __init__(self, tell):
        super().__init__()
        self._tell = tell

    def retry(self, reason, delay):
        super().retry(reason, delay)
        self._tell()


LONG = answer(503, Retry_After="30")


async def test_close_from_another_task_ends_a_wait():
    waiting = asyncio.Event()
    with ScriptedServer([LONG]) as server:
        async with Publisher(server.origin, observer=Told(waiting.set)) as publisher:
            task = asyncio.ensure_future(publisher.publish("t", "x"))
            await waiting.wait()
            await publisher.close()
            with pytest.raises(RequestFailed, match="got one that was closed"):
                await task

    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_close_from_another_thread_ends_a_wait():
    waiting = threading.Event()
    failures = []

    def publish():
        try:
            publisher.publish("t", "x")
        except RequestFailed as error:
            failures.append(str(error))

    with ScriptedServer([LONG]) as server, SyncPublisher(server.origin, observer=Told(waiting.set)) as publisher:
        thread = threading.Thread(target=publish)
        thread.start()
        assert waiting.wait(10)
        publisher.close()
        thread.join(10)

    assert failures == ["expected an open publisher, got one that was closed"]


async def test_close_during_a_request_ends_it_and_says_what_is_not_known():
    waits = Waits()
    with ScriptedServer([Silence()]) as server:
        async with Publisher(server.origin, observer=waits) as publisher:
            task = asyncio.ensure_future(publisher.publish("t", "x"))
            await asyncio.to_thread(server.wait_for_requests, 1)
            await publisher.close()
            with pytest.raises(RequestFailed, match=r"got one that was closed \(it may have been stored\)$"):
                await task

    assert waits.reasons == []


async def test_cancelled_publish_leaves_nothing_open():
    asked = asyncio.Event()

    async def ask():
        asked.set()
        return "s3cret"

    with ScriptedServer([Silence(), ids("a")]) as server:
        async with Publisher(server.origin, token=ask) as publisher:
            task = asyncio.ensure_future(publisher.publish("t", "x"))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    assert asyncio.all_tasks() == {asyncio.current_task()}
