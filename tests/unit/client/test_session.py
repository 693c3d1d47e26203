"""What a client knows across its connections: a table of what happens, and rules for any order of it."""

from __future__ import annotations

import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from longwave.client.policy import Action, resilient, standard
from longwave.client.reconnection import HEALTHY, LIMIT, SHORTEST, Patience
from longwave.client.response import Response
from longwave.client.session import _NEXT, HEADERS, Session, State
from longwave.client.source_options import SourceSettings
from longwave.errors import EventTooLarge, InvalidValue, LineTooLong

STREAM = Response(200, {"content-type": "text/event-stream"}, "https://hub.test/events")


def session(last_event_id="", on_comment=None, **options):
    return Session(SourceSettings(**options), last_event_id, on_comment)


def opened(last_event_id="", now=0.0, headers=None, **options):
    made = session(last_event_id, **options)
    respond(made, Response(200, {**STREAM.headers, **(headers or {})}, STREAM.url), now)
    return made


def respond(made, response=STREAM, now=0.0):
    return made.respond(response, now=now, unix_time=0.0)


def lose(made, now=0.0, chance=0.5):
    return made.lose(now=now, chance=chance)


def refused(status, **headers):
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()})


# States.


def test_it_begins_with_a_connection():
    assert session().state is State.CONNECTING


def test_way_of_a_connection():
    made = session()
    respond(made)
    assert made.state is State.OPEN
    lose(made)
    assert made.state is State.WAITING
    made.enter(State.CONNECTING)
    lose(made)
    assert made.state is State.WAITING


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_states_change_as_the_table_says_and_not_otherwise(before, after):
    made = session()
    made.state = before
    if after is before or after in _NEXT[before]:
        made.enter(after)
        assert made.state is after
    else:
        with pytest.raises(AssertionError):
            made.enter(after)


def test_closed_is_for_good():
    assert _NEXT[State.CLOSED] == set()
    assert all(State.CLOSED in _NEXT[state] for state in State if state is not State.CLOSED)


# Requests.


def test_first_request_names_no_id():
    made = session()

    assert made.request_headers() == list(HEADERS)
    assert made.request_parameters() == []


@pytest.mark.parametrize("event_id", ["7", "é€ 𝄞", "a b", "earliest", "x" * 10_000])
def test_request_resumes_by_the_header_in_utf_8(event_id):
    made = session(event_id)

    assert (b"Last-Event-ID", event_id.encode()) in made.request_headers()
    assert made.request_parameters() == []


@pytest.mark.parametrize("event_id", [" 7", "7 ", "\t", "a\x01b", "\x7f", " "])
def test_id_that_no_header_carries_goes_into_the_query(event_id):
    made = session(event_id)

    assert made.request_headers() == list(HEADERS)
    assert made.request_parameters() == [("lastEventID", event_id)]


@pytest.mark.parametrize("event_id", ["a\n", "a\0", "\r", "\ud800"])
def test_id_that_no_stream_has_is_refused(event_id):
    with pytest.raises(InvalidValue, match="last_event_id"):
        session(event_id)


# What a stream brings.


def test_events_have_the_origin_of_their_response():
    assert [event.origin for event in opened().feed(b"data: a\n\n", 0.0)] == ["https://hub.test"]


def test_id_of_a_block_counts_also_without_data():
    made = opened()
    made.feed(b"id: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: half", 0.0)

    assert made.last_event_id == "2"


def test_empty_id_takes_the_id_away():
    made = opened("7")
    made.feed(b"id\n\n", 0.0)

    assert made.last_event_id == ""
    assert made.request_headers() == list(HEADERS)


def test_half_an_event_is_forgotten_with_its_connection():
    made = opened("0")
    made.feed(b"id: 1\nevent: t\ndata: half\n", 0.0)
    lose(made)
    made.enter(State.CONNECTING)
    respond(made)

    (event,) = made.feed(b"data: b\n\n", 0.0)
    assert (event.data, event.type, event.id) == ("b", "message", "0")


@pytest.mark.parametrize(
    ("stored", "said", "resumes"), [("", "5", "5"), ("3", "5", "3"), ("", "", ""), ("", "a\0", "")]
)
def test_hub_may_say_where_a_stream_starts(stored, said, resumes):
    """So that what is lost before the first event is resumed too."""
    assert opened(stored, headers={"last-event-id": said}).last_event_id == resumes


def test_what_the_hub_says_is_no_id_of_events_until_one_has_it():
    made = opened(headers={"last-event-id": "5"})

    assert [event.id for event in made.feed(b"data: a\n\nid: 6\ndata: b\n\n", 0.0)] == ["5", "6"]


def test_comments_are_told():
    comments = []
    opened(on_comment=comments.append).feed(b":\n: x\n\n", 0.0)

    assert comments == ["", "x"]


@pytest.mark.parametrize(
    ("limit", "error", "bad"),
    [("max_line", LineTooLong, b"data: 789012345678901\n"), ("max_event", EventTooLarge, b"data: 123456\n" * 4)],
)
def test_limits_hold_and_the_events_before_are_not_lost(limit, error, bad):
    made = opened(**{limit: 20})

    with pytest.raises(error) as caught:
        made.feed(b"id: 1\ndata: a\n\n" + bad, 0.0)
    assert [(event.data, event.origin) for event in caught.value.events] == [("a", "https://hub.test")]
    assert made.last_event_id == "1"


def test_heartbeats_do_not_keep_a_stalled_stream_alive():
    made = opened(now=100.0, event_idle=5.0)
    made.feed(b":\n", 104.0)

    assert not made.is_stalled(104.9)
    assert made.is_stalled(105.0)
    made.feed(b"data: a\n\n", 105.0)
    assert not made.is_stalled(109.9)
    assert made.is_stalled(110.0)


def test_stream_never_stalls_by_default():
    assert not opened(now=0.0).is_stalled(1e9)


# What is made of responses.


@pytest.mark.parametrize(
    ("policy", "status", "action"),
    [
        (resilient, 204, Action.END),
        (resilient, 503, Action.RETRY),
        (resilient, 404, Action.FAIL),
        (resilient, 401, Action.FAIL),
        (standard, 503, Action.FAIL),
        (lambda _: Action.END, 500, Action.END),
    ],
)
def test_policy_decides(policy, status, action):
    made = session(policy=policy)

    assert respond(made, refused(status)) is action
    assert made.state is State.CONNECTING


def test_refused_token_is_asked_for_anew_once():
    made = session(token=lambda: "t")

    assert respond(made, refused(401)) is Action.REFRESH
    assert made.state is State.CONNECTING
    assert respond(made, refused(401)) is Action.FAIL


def test_headers_may_be_what_is_asked_for_anew():
    assert respond(session(headers=dict), refused(401)) is Action.REFRESH


def test_fixed_token_is_not_asked_for_anew():
    assert respond(session(token="t"), refused(401)) is Action.FAIL


@pytest.mark.parametrize("between", [STREAM, refused(503), None], ids=["stream", "status", "no answer"])
def test_token_may_be_refused_again_later(between):
    """`just now` ends with any other answer, and with a wait."""
    made = session(token=lambda: "t")
    respond(made, refused(401))
    if between is not None:
        respond(made, between)
    lose(made)
    made.enter(State.CONNECTING)

    assert respond(made, refused(401)) is Action.REFRESH


def test_retry_after_is_the_floor_of_the_next_wait():
    made = session()
    respond(made, refused(503, retry_after="100"))

    assert lose(made, chance=0.0) == 100.0
    made.enter(State.CONNECTING)
    assert lose(made, chance=1.0) == 6.0


def test_retry_after_may_be_a_date():
    made = session()
    made.respond(refused(503, retry_after="Thu, 01 Jan 1970 00:02:00 GMT"), now=5.0, unix_time=100.0)

    assert lose(made, chance=0.0) == 20.0


# Losses.


def test_stream_with_an_event_is_followed_by_a_first_wait():
    made = session()
    for turn in range(4):
        respond(made, now=float(turn))
        made.feed(b"data: a\n\n", float(turn))  # in the same tick of the clock
        assert lose(made, now=float(turn)) == 3.0
        made.enter(State.CONNECTING)


@pytest.mark.parametrize("bytes_", [b"", b":\n", b"id: 1\n\n", b"data: half"])
def test_stream_that_ends_at_once_without_an_event_has_failed(bytes_):
    made = session()
    waits = []
    for _ in range(4):
        respond(made)
        made.feed(bytes_, 0.0)
        waits.append(lose(made, now=HEALTHY - 0.1, chance=1.0))
        made.enter(State.CONNECTING)

    assert waits == pytest.approx([3.3, 6.0, 12.0, 24.0])


def test_stream_that_lasted_was_healthy_without_an_event():
    made = session()
    for _ in range(4):
        respond(made, now=10.0)
        assert lose(made, now=10.0 + HEALTHY) == 3.0
        made.enter(State.CONNECTING)


def test_retry_of_the_server_counts_for_the_next_wait_already():
    made = opened()
    made.feed(b"data: a\n\nretry: 500", 0.0)
    assert lose(made) == 3.0
    made.enter(State.CONNECTING)
    respond(made)
    made.feed(b"retry: 500\n:", 0.0)

    assert made.lose(now=HEALTHY, chance=0.5) == 0.5


def test_retry_stays_over_connections_without_an_id():
    made = opened()
    made.feed(b"retry: 500\ndata: a\n\n", 0.0)
    for _ in range(3):
        assert lose(made, now=HEALTHY) == 0.5
        made.enter(State.CONNECTING)
        respond(made)


def test_huge_retry_is_not_obeyed_beyond_the_limit():
    made = opened()
    made.feed(b"retry: 99999999999999999999\ndata: a\n\n", 0.0)

    assert lose(made) == LIMIT


# Patience.


def test_it_gives_up_after_so_many_failed_attempts():
    made = session(patience=Patience(attempts=2))
    lose(made)
    assert made.surrender("no answer") is None
    made.enter(State.CONNECTING)
    lose(made)

    error = made.surrender("no answer", 503)
    assert str(error) == "no answer (gave up after 2 failed attempts)"
    assert error.status == 503


def test_end_of_a_stream_that_worked_is_no_failed_attempt():
    made = session(patience=Patience(attempts=1))
    for _ in range(3):
        respond(made)
        made.feed(b"data: a\n\n", 0.0)
        lose(made)
        assert made.surrender("the stream ended") is None
        made.enter(State.CONNECTING)


@pytest.mark.parametrize("bytes_", [b"", b"retry: 5\n\n:\n"])
def test_stream_that_ends_at_once_without_an_event_is_one(bytes_):
    made = session(patience=Patience(attempts=2))
    for failures in (1, 2):
        respond(made)
        made.feed(bytes_, 0.0)
        lose(made)
        assert (made.surrender("the stream ended") is not None) == (failures == 2)
        made.enter(State.CONNECTING)


def test_asking_for_a_token_is_no_failed_attempt():
    made = session(token=lambda: "t", patience=Patience(attempts=1))
    respond(made, refused(401))

    assert made.surrender("") is None


# Any order.


BLOCKS = st.tuples(st.sampled_from([None, "", "1", "22", "é"]), st.none() | st.sampled_from(["a", "b\nc"]))
ANSWERS = st.sampled_from([refused(401), refused(503, retry_after="7"), refused(404), refused(204)])


def written(event_id, data):
    lines = [] if event_id is None else [f"id: {event_id}"]
    return "".join(f"{line}\n" for line in [*lines, *(f"data: {line}" for line in (data or "").split("\n") if data)])


class Connections(RuleBasedStateMachine):
    """A session, and beside it a model of what it must know: the last id and whether a token was refused."""

    @initialize(event_id=st.sampled_from(["", "0"]), refreshable=st.booleans())
    def begin(self, event_id, refreshable):
        self.session = session(event_id, token=(lambda: "t") if refreshable else "t")
        self.refreshable = refreshable
        self.refused = False
        self.last_id = event_id
        self.unfinished_id = None
        self.now = 0.0

    @rule(seconds=st.sampled_from([0.0, 1.0, HEALTHY]))
    def pass_time(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.session.state is State.CONNECTING)
    @rule()
    def open(self):
        assert respond(self.session, now=self.now) is Action.STREAM
        assert self.session.state is State.OPEN
        self.refused = False
        self.unfinished_id = None

    @precondition(lambda self: self.session.state is State.CONNECTING)
    @rule(answer=ANSWERS)
    def refuse(self, answer):
        action = respond(self.session, answer, self.now)

        assert self.session.state is State.CONNECTING
        if answer.status == 401:
            assert (action is Action.REFRESH) == (self.refreshable and not self.refused)
        assert action is not Action.STREAM
        self.refused = answer.status == 401
        if action in (Action.END, Action.FAIL):
            self.session.enter(State.CLOSED)

    @precondition(lambda self: self.session.state is State.OPEN)
    @rule(blocks=st.lists(BLOCKS, max_size=3))
    def feed_blocks(self, blocks):
        assume(self.unfinished_id is None)
        text = "".join(written(*block) + "\n" for block in blocks)
        ids = self._follow(event_id for event_id, _ in blocks)

        events = self.session.feed(text.encode(), self.now)

        expected = [(data, after) for (_, data), after in zip(blocks, ids, strict=True) if data]
        assert [(event.data, event.id) for event in events] == expected

    def _follow(self, ids):
        seen = []
        for event_id in ids:
            self.last_id = self.last_id if event_id is None else event_id
            seen.append(self.last_id)
        return seen

    @precondition(lambda self: self.session.state is State.OPEN)
    @rule(event_id=st.sampled_from(["x", ""]), data=st.sampled_from(["half", ""]))
    def feed_half(self, event_id, data):
        assume(self.unfinished_id is None)
        self.unfinished_id = event_id

        assert self.session.feed(written(event_id, data).encode(), self.now) == []

    @precondition(lambda self: self.session.state is State.OPEN)
    @rule()
    def finish_half(self):
        assume(self.unfinished_id is not None)
        self.last_id, self.unfinished_id = self.unfinished_id, None

        self.session.feed(b"\n", self.now)

    @precondition(lambda self: self.session.state in (State.OPEN, State.CONNECTING))
    @rule(chance=st.floats(0, 1))
    def lose(self, chance):
        assert SHORTEST <= lose(self.session, self.now, chance) <= LIMIT
        assert self.session.state is State.WAITING
        self.refused = False
        self.unfinished_id = None

    @precondition(lambda self: self.session.state in (State.OPEN, State.WAITING))
    @rule()
    def connect(self):
        """Also from OPEN: a wait for it was cancelled."""
        self.session.enter(State.CONNECTING)
        self.unfinished_id = None

    @precondition(lambda self: self.session.state is not State.CLOSED)
    @rule()
    def close(self):
        self.session.enter(State.CLOSED)

    @precondition(lambda self: self.session.state is State.CLOSED)
    @rule(state=st.sampled_from([state for state in State if state is not State.CLOSED]))
    def closed_is_for_good(self, state):
        with pytest.raises(AssertionError):
            self.session.enter(state)
        with pytest.raises(AssertionError):
            respond(self.session, now=self.now)

    @invariant()
    def it_resumes_after_the_last_block_that_ended(self):
        assert self.session.last_event_id == self.last_id
        fields = [value.decode() for name, value in self.session.request_headers() if name == b"Last-Event-ID"]
        assert fields == ([self.last_id] if self.last_id else [])


TestAnyOrder = Connections.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=25)
