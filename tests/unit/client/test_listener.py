"""Listening across lost connections, against a scripted server on a real socket."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import pytest

from longwave.client.listener import Listener, resume_after
from longwave.errors import InvalidValue, LineTooLong, RequestFailed
from longwave.eventstream import Event
from longwave.eventstream.parser import MAX_LINE
from unit.client.scripted_server import ENDED, ScriptedServer, answer, stream

END = [answer(204)]


class Waits:
    """Takes the place of waiting: remembers how long it would have been, and why."""

    def __init__(self):
        self.seconds = []
        self.reasons = []

    def listen(self, server, *topics, **options):
        return Listener(
            server.url,
            topics or ("a",),
            on_wait=lambda reason, seconds: self.reasons.append(reason),
            sleep=self.seconds.append,
            chance=lambda: 0.5,
            **options,
        )


@pytest.fixture
def waits():
    return Waits()


def test_events_come_in_order_until_the_hub_says_no_more(waits):
    script = [[stream("id: 1\ndata: x\n\nid: 2\nev", "ent: kind\ndata: y\n\n") + ENDED], END]
    with ScriptedServer(script) as server:
        events = list(waits.listen(server))

    assert events == [Event("x", id="1"), Event("y", "kind", "2")]


def test_request_asks_for_all_topics_and_an_event_stream(waits):
    with ScriptedServer([END]) as server:
        assert list(waits.listen(server, "a", "orders/{id}", "ü&b")) == []

    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/events")
    assert request.query == [("topic", "a"), ("topic", "orders/{id}"), ("topic", "ü&b")]
    assert request.headers["accept"] == b"text/event-stream"
    assert "last-event-id" not in request.headers


def test_query_of_the_address_is_kept(waits):
    with ScriptedServer([END]) as server:
        list(Listener(f"{server.url}/hub?key=1", ["a"]))

    assert server.requests[0].target == "/hub?key=1&topic=a"


@pytest.mark.parametrize("ending", [ENDED, b""], ids=["clean end", "cut off"])
def test_lost_stream_is_resumed_after_the_last_event(waits, ending):
    script = [[stream("id: 1\ndata: x\n\nid: 2\ndata: lost") + ending], [stream("id: 2\ndata: y\n\n") + ENDED], END]
    with ScriptedServer(script) as server:
        events = list(waits.listen(server))

    assert [event.data for event in events] == ["x", "y"]
    assert [request.headers.get("last-event-id") for request in server.requests] == [None, b"1", b"2"]
    assert waits.seconds == [3.0, 3.0]


def test_stream_that_brought_no_event_is_resumed_where_its_head_said_that_it_starts(waits):
    script = [[stream(":\n", headers="Last-Event-ID: s-7") + ENDED], [stream("data: x\n\n") + ENDED], END]
    with ScriptedServer(script) as server:
        events = list(waits.listen(server))

    assert events == [Event("x", id="s-7")]
    assert [request.headers.get("last-event-id") for request in server.requests] == [None, b"s-7", b"s-7"]


def test_retry_of_the_server_is_honoured(waits):
    with ScriptedServer([[stream("retry: 700\n", ":\n") + ENDED], END]) as server:
        list(waits.listen(server))

    assert waits.seconds == [0.7]


def test_last_event_id_is_sent_as_utf_8(waits):
    with ScriptedServer([END]) as server:
        list(waits.listen(server, last_event_id="€7"))

    assert server.requests[0].headers["last-event-id"] == "€7".encode()


@pytest.mark.parametrize("event_id", [" outer", "outer ", "a\x0cb", "a\tb\x7f"])
def test_id_that_no_header_carries_goes_in_the_query(waits, event_id):
    with ScriptedServer([END]) as server:
        list(waits.listen(server, last_event_id=event_id))

    assert ("lastEventID", event_id) in server.requests[0].query
    assert "last-event-id" not in server.requests[0].headers


@pytest.mark.parametrize("event_id", ["a", "a b", "a\tb", "urn:uuid:1", "é"])
def test_ordinary_id_goes_in_the_header(event_id):
    assert resume_after(event_id) == ([(b"Last-Event-ID", event_id.encode())], [])


def test_busy_hub_is_asked_again_no_sooner_than_it_says(waits):
    script = [[answer(503, "drained", "Retry-After: 20\r\n")], [answer(429, "slow down")], END]
    with ScriptedServer(script) as server:
        list(waits.listen(server))

    assert waits.seconds == [20.0, 3.0]
    assert waits.reasons == ["the hub answered 503: drained", "the hub answered 429: slow down"]


def test_each_attempt_has_a_connection_of_its_own(waits):
    """One that was kept over the wait may be dead by then."""
    with ScriptedServer([[answer(503)], END], hold=True) as server:
        list(waits.listen(server, idle=0.5))

    assert [request.connection for request in server.requests] == [0, 1]
    assert len(waits.seconds) == 1


def test_hub_that_cannot_be_reached_is_asked_again():
    with ScriptedServer([]) as server:
        url = server.url
    seen = []

    class Enough(Exception):
        pass

    def wait(seconds):
        seen.append(seconds)
        if len(seen) == 3:
            raise Enough

    with pytest.raises(Enough):
        list(Listener(url, ["a"], sleep=wait, chance=lambda: 1.0))

    assert seen == pytest.approx([3.6, 6.0, 12.0])


def test_stream_that_falls_silent_is_lost(waits):
    with ScriptedServer([[stream("id: 1\ndata: x\n\n")], END], hold=True) as server:
        events = list(waits.listen(server, idle=0.05))

    assert [event.data for event in events] == ["x"]
    assert waits.reasons == [f"{server.url}/events: no byte came in time"]
    assert server.requests[1].headers["last-event-id"] == b"1"


def test_refusal_is_raised_with_the_text_of_the_hub(waits):
    with (
        ScriptedServer([[answer(400, "topic: expected at most 2, got 3")]]) as server,
        pytest.raises(RequestFailed, match=r"^the hub answered 400: topic: expected at most 2, got 3$"),
    ):
        list(waits.listen(server))

    assert waits.seconds == []


def test_another_content_type_is_raised(waits):
    with (
        ScriptedServer([[stream("<p>", content_type="text/html")]], hold=True) as server,
        pytest.raises(RequestFailed, match=r"expected text/event-stream from .*, got text/html"),
    ):
        list(waits.listen(server))


def test_redirect_is_followed_and_the_first_address_asked_again(waits):
    moved = answer(307, "", "Location: /other?topic=a\r\n")
    script = [[moved], [stream("data: x\n\n") + ENDED], END]
    with ScriptedServer(script) as server:
        assert [event.data for event in waits.listen(server)] == ["x"]

    assert [request.path for request in server.requests] == ["/events", "/other", "/events"]


def test_event_beyond_the_limits_is_raised_after_those_before_it(waits):
    too_long = "data: " + "x" * MAX_LINE
    with ScriptedServer([[stream("data: fine\n\n", too_long)]], hold=True) as server:
        events = iter(waits.listen(server))
        with closing(events):
            assert next(events).data == "fine"
            with pytest.raises(LineTooLong):
                next(events)


def test_events_are_given_before_the_stream_goes_on(waits):
    with ScriptedServer([[stream("data: x\n\n")]], hold=True) as server, closing(iter(waits.listen(server))) as events:
        assert [event.data for event in islice(events, 1)] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("http://x", []), "topics: expected at least one topic"),
        (("nowhere", ["a"]), "url: expected"),
    ],
)
def test_unusable_arguments_are_refused_at_once(arguments, message):
    with pytest.raises(InvalidValue, match=message):
        Listener(*arguments)


def test_unusable_id_is_refused_at_once():
    with pytest.raises(InvalidValue, match="id: expected no NUL, CR or LF"):
        Listener("http://x", ["a"], last_event_id="a\nb")
