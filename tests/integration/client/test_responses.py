"""What the client makes of each answer: the standard's table, and what `resilient` makes of it.

Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface
"""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from integration.client.sources import END, Recorder, take, take_all
from longwave.client import Patience, State, resilient, standard
from longwave.errors import RequestFailed
from longwave.testing import Answer, Cut, Framing, Gate, Redirect, Refuse, ScriptedServer, Send, Silence, Stall

pytestmark = pytest.mark.usefixtures("quick")

EVENT = Answer(steps=[Send(b"id: 1\ndata: a\n\n")])
OTHER = Answer(steps=[Send(b"id: 2\ndata: b\n\n")])
TWICE = Patience(attempts=2)
POLICIES = pytest.mark.parametrize("policy", [standard, resilient])


# Aborted by the user.


async def test_close_ends_the_source_for_good(serve, connect):
    server = serve([Answer(steps=[Send(b"data: a\n\n"), Stall()])])
    source = connect(server.url)
    await source.next()
    await source.close()

    assert await source.next() is END
    assert source.wrapped.state is State.CLOSED
    await asyncio.to_thread(server.wait_until_gone)
    assert len(server.requests) == 1


# Network errors.


@POLICIES
async def test_refused_connection_is_tried_again(serve, connect, policy):
    with ScriptedServer() as gone:
        url = gone.url
    recorder = Recorder()
    source = connect(url, policy=policy, observer=recorder)
    waiting = asyncio.create_task(source.next())
    await recorder.until("retry", 2)
    serve([EVENT], port=int(url.split(":")[2].split("/")[0]))

    assert (await waiting).data == "a"


@POLICIES
@pytest.mark.parametrize("failing", [Refuse(), Answer(steps=[Cut()])], ids=["no byte", "cut after the head"])
async def test_connection_that_breaks_is_tried_again(serve, connect, policy, failing):
    server = serve([failing, failing, EVENT])

    assert await take(connect(server.url, policy=policy), 1) == ["a"]


@POLICIES
async def test_server_that_does_not_answer_in_time_is_tried_again(serve, connect, policy):
    recorder = Recorder()
    source = connect(serve([Silence(), EVENT]).url, policy=policy, idle=0.5, observer=recorder)

    assert await take(source, 1) == ["a"]
    assert "no byte came in time" in recorder.reasons("retry")[0]


async def test_tls_handshake_that_is_not_answered_in_time_is_a_network_error(serve, connect):
    url = serve().url.replace("http:", "https:")
    source = connect(url, patience=TWICE, connect_timeout=0.05)

    with pytest.raises(RequestFailed, match=r"not made in time \(gave up after 2 failed attempts") as caught:
        await source.next()
    assert caught.value.status is None


# Statuses.


@POLICIES
async def test_204_ends_the_iteration(serve, connect, policy):
    server = serve([EVENT])
    source = connect(server.url, policy=policy)

    assert [event.data for event in await take_all(source)] == ["a"]
    assert await source.next() is END
    assert source.wrapped.state is State.CLOSED
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "status", [201, 202, 205, 206, 226, 300, 304, 400, 401, 403, 404, 408, 410, 425, 429, 500, 502, 503, 504, 599]
)
async def test_any_other_status_fails_for_good_under_the_standard(serve, connect, status):
    server = serve([EVENT, Answer(status, {"Content-Type": "text/event-stream"})], last=OTHER)
    source = connect(server.url, policy=standard)
    assert await take(source, 1) == ["a"]

    with pytest.raises(RequestFailed, match=f"answered {status}") as caught:
        await source.next()
    assert caught.value.status == status
    assert await source.next() is END
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_resilient_tries_again_what_may_get_better(serve, connect, status):
    recorder = Recorder()
    server = serve([EVENT, Answer(status), Answer(status), OTHER])
    source = connect(server.url, policy=resilient, observer=recorder)

    assert await take(source, 2) == ["a", "b"]
    assert f"{server.url}: the server answered {status}" in recorder.reasons("retry")
    assert [request.headers.get("last-event-id") for request in server.requests] == [None, b"1", b"1", b"1"]


@pytest.mark.parametrize("status", [201, 205, 304, 400, 403, 404, 405, 410, 451])
async def test_resilient_fails_for_good_where_nothing_gets_better(serve, connect, status):
    source = connect(serve([Answer(status)], last=EVENT).url, policy=resilient)

    with pytest.raises(RequestFailed, match=f"answered {status}") as caught:
        await source.next()
    assert caught.value.status == status


async def test_failure_says_what_the_server_said(serve, connect):
    answer = Answer(403, steps=[Send(b"no grant\nfor orders " + b"x" * 1000)])

    with pytest.raises(RequestFailed, match=r"answered 403: no grant for orders x+$") as caught:
        await connect(serve([answer]).url).next()
    assert len(str(caught.value)) < 600


# A new token.


def numbered():
    numbers = count(1)
    return lambda: f"token-{next(numbers)}"


async def test_401_asks_for_a_new_token_and_resumes_after_the_same_event(serve, connect):
    server = serve([EVENT, Answer(401), OTHER])
    source = connect(server.url, token=numbered())

    assert await take(source, 2) == ["a", "b"]
    seen = [(request.headers["authorization"], request.headers.get("last-event-id")) for request in server.requests]
    assert seen == [(b"Bearer token-1", None), (b"Bearer token-2", b"1"), (b"Bearer token-3", b"1")]


async def test_401_twice_in_a_row_fails(serve, connect):
    server = serve([EVENT], last=Answer(401))
    source = connect(server.url, token=numbered())
    await source.next()

    with pytest.raises(RequestFailed, match="401") as caught:
        await source.next()
    assert caught.value.status == 401
    assert len(server.requests) == 3


async def test_401_may_come_again_once_a_stream_was_open(serve, connect):
    source = connect(serve([Answer(401), EVENT, Answer(401), OTHER]).url, token=numbered())

    assert await take(source, 2) == ["a", "b"]


async def test_401_fails_at_once_with_a_token_that_cannot_change(serve, connect):
    server = serve(last=Answer(401))

    with pytest.raises(RequestFailed, match="401"):
        await connect(server.url, token="fixed").next()
    assert len(server.requests) == 1


# Types.


@pytest.mark.parametrize(
    "content_type",
    ["text/event-stream;", "TEXT/Event-Stream", "text/event-stream ; charset=utf-8", " text/event-stream;x\t"],
)
@POLICIES
async def test_type_is_told_by_its_essence(serve, connect, policy, content_type):
    answer = Answer(headers={"Content-Type": content_type}, steps=EVENT.steps)

    assert await take(connect(serve([answer]).url, policy=policy), 1) == ["a"]


@pytest.mark.parametrize(
    "content_type", [None, "", "text/html", "text/event-streams", "text/event-stream, x", "application/json"]
)
@POLICIES
async def test_wrong_type_fails_for_good(serve, connect, policy, content_type):
    server = serve([Answer(headers={"Content-Type": content_type}, steps=EVENT.steps)], last=EVENT)

    with pytest.raises(RequestFailed, match="expected text/event-stream") as caught:
        await connect(server.url, policy=policy).next()
    assert caught.value.status == 200
    assert len(server.requests) == 1


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_is_followed_and_the_first_url_asked_again(serve, connect, status):
    server = serve([Redirect("/elsewhere", status), EVENT, OTHER])

    assert await take(connect(server.url), 2) == ["a", "b"]
    assert [request.target for request in server.requests] == ["/events", "/elsewhere", "/events"]


async def test_origin_is_that_of_the_final_url(serve, connect):
    other = serve([EVENT])
    server = serve([Redirect(other.url), OTHER])
    source = connect(server.url)

    assert [(await source.next()).origin for _ in range(2)] == [other.origin, server.origin]


@pytest.mark.parametrize(
    ("status", "second"), [(303, ("GET", b"")), (307, ("POST", b"question")), (308, ("POST", b"question"))]
)
async def test_redirect_keeps_or_drops_the_body_as_http_says(serve, connect, status, second):
    server = serve([Redirect("/elsewhere", status), EVENT])

    await connect(server.url, method="POST", body=b"question").next()
    assert [(request.method, request.body) for request in server.requests] == [("POST", b"question"), second]


async def test_redirect_to_another_origin_takes_the_id_but_not_the_token(serve, connect):
    other = serve([EVENT])
    server = serve([Redirect(other.url)])

    await connect(server.url, token="secret", last_event_id="7").next()
    assert server.requests[0].headers["authorization"] == b"Bearer secret"
    assert "authorization" not in other.requests[0].headers
    assert other.requests[0].headers["last-event-id"] == b"7"


async def test_redirects_without_end_fail(serve, connect):
    server = serve(last=Redirect("/events"))

    with pytest.raises(RequestFailed):
        await connect(server.url).next()
    assert len(server.requests) <= 25


# Ends of the body.


@POLICIES
@pytest.mark.parametrize("framing", Framing, ids=lambda framing: framing.value)
async def test_clean_end_is_no_end_but_a_reconnection(serve, connect, policy, framing):
    """Under the standard a clean end always reconnects; only 204 and failures end a source."""
    answers = [Answer(steps=[Send(b"data: %d\n\n" % number)], framing=framing) for number in range(3)]
    server = serve(answers)

    assert [event.data for event in await take_all(connect(server.url, policy=policy))] == ["0", "1", "2"]
    assert len(server.requests) == 4


@POLICIES
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH], ids=lambda framing: framing.value)
@pytest.mark.parametrize("cut", [Cut(), Cut(reset=False)], ids=["reset", "cut off"])
async def test_error_in_the_middle_reconnects_and_drops_the_half_event(serve, connect, policy, framing, cut):
    headers = {"Content-Length": "1000"} if framing is Framing.LENGTH else {}
    steps = [Send(b"id: 1\ndata: a\n\n"), Gate(), Send(b"id: 2\ndata: half\n"), cut]
    server = serve([Answer(headers=headers, steps=steps, framing=framing), Answer(steps=[Send(b"data: b\n\n")])])
    source = connect(server.url, policy=policy)
    first = await take(source, 1)
    server.release()

    assert [*first, *await take(source, 1)] == ["a", "b"]
    assert server.requests[1].headers["last-event-id"] == b"1"


async def test_error_in_the_framing_reconnects(serve, connect):
    broken = Answer(headers={"Transfer-Encoding": "chunked"}, steps=[Send(b"zz\r\ndata: x\n\n")], framing=Framing.CLOSE)

    assert await take(connect(serve([broken, EVENT]).url), 1) == ["a"]
