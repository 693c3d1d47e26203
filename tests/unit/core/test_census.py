"""A census finds the slowest among those that do not keep up, and nothing else."""

from __future__ import annotations

from longwave.core.audience import audience_of
from longwave.core.census import take_census
from longwave.core.feed import Feed
from longwave.core.frame import Format
from longwave.core.subscriber import State, Subscriber
from scripted_sink import ScriptedSink


def add(feed, state, position=0, held=b""):
    """A subscriber of the feed that came into its state on the ways that there are."""
    sink = ScriptedSink()
    subscriber = Subscriber(feed, sink, sink.release, 0.0)
    feed.set_apart(subscriber)
    subscriber.hold(held, 1.0)
    if state in (State.LIVE, State.LAGGING, State.BEHIND):
        feed.join(subscriber)
    if state in (State.BEHIND, State.CLOSING):
        subscriber.become(state)
        feed.set_apart(subscriber)
    subscriber.position = position
    assert subscriber.state is state
    return subscriber


def feed_of(*selectors, form=Format.BARE):
    return Feed(audience_of(selectors), form)


def test_nobody_lags_where_nobody_is():
    census = take_census([], 7)

    assert set(census.subscribers.values()) == {0}
    assert (census.feeds, census.position, census.lag, census.held_bytes, census.held_events) == (0, 7, 0, 0, 0)


def test_subscribers_are_counted_by_state():
    one, two = feed_of("a"), feed_of("b")
    for feed in (one, two):
        add(feed, State.LIVE)
        add(feed, State.LAGGING, held=b"x")
    add(one, State.LIVE)
    add(one, State.BEHIND, held=b"x")
    add(two, State.REPLAYING)
    add(two, State.CLOSING, held=b"x")

    census = take_census([one, two], 0)
    assert census.feeds == 2
    assert census.subscribers == {
        State.LIVE: 3,
        State.LAGGING: 2,
        State.BEHIND: 1,
        State.REPLAYING: 1,
        State.CLOSING: 1,
    }


def test_every_state_but_the_last_is_told():
    assert take_census([], 0).subscribers.keys() == set(State) - {State.CLOSED}


def test_the_lag_is_that_of_the_slowest_that_is_fed_from_the_log():
    feed = feed_of("a")
    add(feed, State.LIVE, position=0)
    add(feed, State.LAGGING, position=0, held=b"x")
    add(feed, State.CLOSING, position=0, held=b"x")
    add(feed, State.REPLAYING, position=40)
    add(feed, State.BEHIND, position=30, held=b"x")

    assert take_census([feed], 100).lag == 70


def test_who_is_ahead_of_the_feeds_does_not_lag():
    feed = feed_of("a")
    add(feed, State.REPLAYING, position=12)

    assert take_census([feed], 10).lag == 0


def test_the_most_that_is_held_is_told_for_wires_and_this_process_apart():
    wire, process = feed_of("a"), feed_of("a", form=Format.EVENT)
    add(wire, State.LAGGING, held=b"x" * 10)
    add(wire, State.CLOSING, held=b"x" * 30)
    add(process, State.LAGGING, held=("event",) * 4)

    census = take_census([wire, process], 0)
    assert (census.held_bytes, census.held_events) == (30, 4)
