"""The event sources against servers that this project did not write, started for real, each as its users run it."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from interop.consumers import TaskConsumer, ThreadConsumer
from interop.history import END
from interop.servers import APPLICATIONS, SERVERS, Sample, prepare
from longwave.client import Observer, Patience

pytestmark = pytest.mark.slow

SAMPLES = [
    Sample("message", "plain"),
    Sample("message", "two\nlines"),
    Sample("price", "1: 2, a colon, and a comma"),
    Sample("message", "für später, 終わり, 🎉"),
    Sample("größe", "a type that is not ASCII"),
    Sample("message", "a\u2028b\u2029c\x85d\x0be: no ends of lines"),
    Sample("message", " a space before, and one after "),
    Sample("message", "\n\nempty lines\n\n"),
    Sample("message", "data: a field\n\nid: not one\n: nor a comment"),
    Sample("message", "long " * 20_000),
]
NUMBERS = [Sample("number", str(number)) for number in range(9)]
PATIENCE = Patience(longest=0.5, retry=0.2)  # seconds


def pairs(events):
    return [(event.type, event.data) for event in events]


def pairs_of(samples):
    return [(sample.type, sample.data) for sample in samples]


@pytest.fixture(params=SERVERS)
def server(request, tmp_path):
    """A server that runs."""
    process, kind = prepare(request.param, tmp_path)
    with process:
        yield kind(process)


@pytest.fixture(params=[TaskConsumer, ThreadConsumer], ids=["task", "thread"])
def subscribe(request, server):
    """Make consumers of the server's events, from the beginning or after an id; they are closed at the end."""
    with ExitStack() as stack:

        def make(last_event_id=None, **options):
            options |= {"last_event_id": server.begin if last_event_id is None else last_event_id}
            options.setdefault("observer", Observer())
            consumer = request.param(server.url, server.chatter, patience=PATIENCE, **options)
            stack.callback(consumer.close)
            return consumer

        yield make


def test_events_come_in_order_and_unchanged(server, subscribe):
    server.publish(*SAMPLES)
    events = subscribe().take(len(SAMPLES))

    assert pairs(events) == pairs_of(SAMPLES)
    assert len({event.id for event in events}) == len(SAMPLES)
    assert {event.origin for event in events} == {server.url.removesuffix("/events")}


def test_a_new_consumer_goes_on_where_another_stopped(server, subscribe):
    """What that one was handed last and did not finish comes once more."""
    server.publish(*NUMBERS[:5])
    before = subscribe()
    assert pairs(before.take(2)) == pairs_of(NUMBERS[:2])
    before.close()

    server.publish(*NUMBERS[5:])
    assert pairs(subscribe(before.last_event_id).take(8)) == pairs_of(NUMBERS[1:])


def test_comments_are_no_events(server, subscribe):
    """Neither those that keep a connection open nor the padding of a beginning; both sources tell them to observers."""

    class PublishAfterComments(Observer):
        left = server.comments

        def comment(self, text):
            self.left -= 1
            if not self.left:
                server.publish(NUMBERS[1])

    server.publish(NUMBERS[0])
    assert pairs(subscribe(observer=PublishAfterComments()).take(2)) == pairs_of(NUMBERS[:2])


def test_a_consumer_comes_back_to_a_server_that_was_killed(server, subscribe):
    """It goes on where it was: what it has does not come again, and what is published meanwhile is not lost."""
    consumer = subscribe()
    server.publish(*NUMBERS[:3])
    assert pairs(consumer.take(3)) == pairs_of(NUMBERS[:3])

    server.restart()
    server.publish(*NUMBERS[3:6])
    assert pairs(consumer.take(3)) == pairs_of(NUMBERS[3:6])
    server.publish(*NUMBERS[6:])
    assert pairs(consumer.take(3)) == pairs_of(NUMBERS[6:])


def test_a_consumer_leaves_a_server_that_froze_and_finds_it_again(server, subscribe):
    """The connection stays open, so nothing but silence tells."""
    reasons = []

    class Thaw(Observer):
        def retry(self, reason, delay):
            reasons.append(reason)
            if len(reasons) == 1:
                server.process.thaw()
                server.publish(*NUMBERS[2:5])

    consumer = subscribe(observer=Thaw(), idle=server.idle)
    server.publish(*NUMBERS[:2])
    assert pairs(consumer.take(2)) == pairs_of(NUMBERS[:2])

    server.process.freeze()
    assert pairs(consumer.take(3)) == pairs_of(NUMBERS[2:5])
    assert "no byte came" in reasons[0]


@pytest.mark.parametrize("server", APPLICATIONS, indirect=True)
def test_a_consumer_ends_where_the_server_says_so(server, subscribe):
    """The stream ends, the consumer asks again, and is told that there is nothing more."""
    end = Sample(END, "nothing more")
    server.publish(*NUMBERS, end)

    assert pairs(subscribe().rest()) == pairs_of([*NUMBERS, end])
