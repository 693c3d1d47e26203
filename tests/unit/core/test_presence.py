"""The picture of who subscribes at all hubs: first rule by rule, then whatever may happen to several hubs at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.core import presence
from longwave.core.member import Member
from longwave.core.node_note import NodeNote
from longwave.core.presence import Duty, Patience, Presence

PATIENCE = Patience(lease=30.0, answer=5.0)
LONGEST = PATIENCE.lease * (1 + presence.SPREAD)
ADA = Member("urn:ada", ("chat", "news"))
BOB = Member("urn:bob", ("chat",))


def by(node, **said):
    return NodeNote(node=node, by=node, **said)


@pytest.fixture
def picture():
    made = Presence("me", PATIENCE)
    made._lease = PATIENCE.lease
    return made


# The picture


def test_members_of_all_nodes_are_found_by_selector_and_id(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("me", joined=(BOB,)), 0.0)

    assert picture.members() == [ADA, BOB]
    assert picture.subscribed_to("chat") == [ADA, BOB]
    assert picture.subscribed_to("news") == [ADA]
    assert picture.find("news", ADA.id) is ADA
    assert picture.find("news", BOB.id) is None
    assert len(picture) == 3


def test_member_that_left_is_nowhere(picture):
    picture.take(by("a", joined=(ADA, BOB)), 0.0)
    picture.take(by("a", left=(ADA.id, "urn:nobody")), 0.0)

    assert picture.members() == [BOB]
    assert picture.subscribed_to("news") == []
    assert len(picture) == 1


def test_what_is_stated_again_changes_nothing(picture):
    for _ in range(3):
        picture.take(by("a", joined=(ADA,)), 0.0)

    assert (picture.members(), len(picture)) == ([ADA], 2)


def test_node_that_ends_takes_its_members_along(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("b", joined=(BOB,)), 0.0)
    picture.take(by("a", ends=True), 0.0)

    assert picture.members() == [BOB]


def test_only_a_node_itself_tells_of_its_members(picture):
    picture.take(NodeNote(node="a", by="b", joined=(ADA,)), 0.0)

    assert picture.members() == []


def test_picture_takes_no_more_subscriptions_than_it_may():
    small = Presence("me", PATIENCE, max_subscriptions=2)
    small.take(by("a", joined=(ADA, BOB)), 0.0)

    assert small.members() == [ADA]


def test_no_more_nodes_are_known_than_may_be(picture, monkeypatch):
    monkeypatch.setattr(presence, "MAX_NODES", 2)
    for number in range(4):
        picture.take(by(f"n{number}", joined=(Member(f"urn:{number}", ("t",)),)), 0.0)

    assert set(picture.nodes) == {"n0", "n1"}


# Who lives


def test_hub_without_others_has_nothing_to_do(picture):
    picture.take(by("me", joined=(ADA,), asks=True, at=0.0), 0.0)

    assert [picture.tick(float(second)) for second in range(0, 1000, 10)] == [Duty()] * 100


def test_silent_node_is_asked_after_the_lease_and_only_then(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)

    assert picture.tick(29.9) == Duty()
    assert picture.tick(30.0) == Duty(speaks=True, asks=True)
    assert picture.tick(31.0) == Duty()


def test_silent_node_without_members_is_left_alone(picture):
    picture.take(by("a", asks=True), 0.0)

    assert picture.tick(100.0) == Duty()


def test_node_with_members_answers_whoever_asks(picture):
    picture.take(by("me", joined=(ADA,)), 0.0)
    picture.take(by("a", asks=True), 1.0)

    assert picture.tick(1.0) == Duty(speaks=True)
    assert picture.tick(2.0) == Duty()


def test_node_that_does_not_answer_is_dead_once_a_later_note_was_read(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.tick(30.0)
    picture.take(by("me", asks=True, at=30.0), 30.1)

    assert picture.tick(35.0) == Duty()
    assert picture.tick(35.1) == Duty(speaks=True)
    assert not picture.is_dead("a")
    picture.take(by("me", at=35.1), 35.2)
    assert picture.is_dead("a")
    assert picture.tick(36.0).dead == ("a",)
    picture.take(NodeNote(node="a", by="me", left=(ADA.id,)), 36.1)
    assert picture.tick(37.0) == Duty()
    assert picture.members() == []


def test_answer_that_is_read_late_counts_because_reading_was_late(picture):
    """The log could not be read for a while: what was written after the wait stands behind the answer."""
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("me", asks=True, at=30.0), 30.0)
    assert picture.tick(90.0).speaks

    picture.take(by("a"), 90.1)
    picture.take(by("me", at=90.0), 90.1)
    assert picture.tick(91.0) == Duty()


def test_own_note_of_before_the_time_was_over_proves_nothing(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("me", asks=True, at=30.0), 30.0)
    picture.take(by("me", at=31.0), 90.0)

    assert not picture.is_dead("a")


def test_question_of_another_is_enough(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("b", asks=True), 29.0)

    assert picture.tick(30.0) == Duty()
    assert picture.tick(34.0).speaks
    picture.take(by("me", at=34.0), 34.1)
    assert picture.is_dead("a")


def test_more_questions_give_no_more_time(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("b", asks=True), 30.0)
    picture.take(by("c", asks=True), 34.0)
    picture.take(by("me", at=35.0), 35.0)

    assert picture.is_dead("a")


def test_node_that_speaks_again_lives(picture):
    picture.take(by("a", joined=(ADA,)), 0.0)
    picture.take(by("me", asks=True, at=30.0), 30.0)
    picture.take(by("me", at=35.0), 35.0)
    picture.take(by("a", joined=(BOB,)), 35.1)

    assert picture.tick(36.0).dead == ()
    assert picture.members() == [ADA, BOB]


def test_node_whose_place_another_takes_is_dead_at_once(picture):
    picture.take(by("a", place="worker-1", joined=(ADA,)), 0.0)
    picture.take(by("b", place="worker-2", joined=(BOB,)), 0.0)
    picture.take(by("c", place="worker-1", asks=True), 1.0)

    assert picture.tick(1.0).dead == ("a",)


def test_own_place_tells_who_had_it_before(picture):
    picture.take(by("a", place="worker-1", joined=(ADA,)), 0.0)
    picture.take(by("me", place="worker-1", asks=True, at=0.0), 0.1)

    assert picture.tick(1.0).dead == ("a",)


def test_own_members_that_another_ended_are_told(picture):
    picture.take(by("me", joined=(ADA, BOB)), 0.0)

    assert picture.take(NodeNote(node="me", by="a", left=(ADA.id,)), 1.0) == (ADA.id,)
    assert picture.take(by("me", left=(BOB.id,)), 1.0) == ()


def test_members_are_wanted_again_when_some_are_missing(picture):
    picture.take(by("a", joined=(ADA,), count=2), 0.0)

    assert picture.tick(1.0) == Duty(speaks=True, asks=True, wants=("a",))
    picture.take(by("a", joined=(ADA,), count=2), 2.0)
    assert picture.tick(2.0) == Duty()  # not again at once
    picture.take(by("a", joined=(BOB,), count=2), 40.0)
    assert picture.tick(40.0).wants == ()


def test_members_that_others_want_are_stated_again(picture):
    picture.take(by("me", joined=(ADA,)), 0.0)
    picture.take(by("a", asks=True, wants=("b", "me")), 1.0)

    assert picture.tick(1.0) == Duty(speaks=True, restates=True)


@pytest.mark.parametrize("name", ["", "a", "b", "0123456789abcdef"])
def test_each_hub_has_a_patience_of_its_own(name):
    picture = Presence(name, PATIENCE)
    picture.take(by("other", joined=(ADA,)), 0.0)

    assert not picture.tick(PATIENCE.lease - 0.1).asks
    assert picture.tick(LONGEST).asks


# Several hubs, whatever happens


@dataclass(slots=True, eq=False)
class Node:
    """One hub of the model: it reads the log as far as it gets, and does its duties."""

    name: str
    picture: Presence
    read: int = 0
    alive: bool = True
    members: dict[str, Member] = field(default_factory=dict)

    def take(self, log, until, now):
        for note in log[self.read : until]:
            for member_id in self.picture.take(note, now):
                self.members.pop(member_id, None)
        self.read = max(self.read, until)

    def act(self, log, now):
        duty = self.picture.tick(now)
        if duty.restates or duty.speaks:
            joined = tuple(self.members.values()) if duty.restates else ()
            count = len(self.members)
            log.append(by(self.name, at=now, asks=duty.asks, wants=duty.wants, joined=joined, count=count))
        for node in duty.dead:
            ids = tuple(member.id for member in self.picture.members_of(node))
            log.append(NodeNote(node=node, by=self.name, left=ids))


class Cluster:
    """Hubs over one log. Each second every hub that lives reads, but for a lag below the time for answers, and acts."""

    def __init__(self):
        self.log = []
        self.nodes = []
        self.now = 0.0
        self.made = 0

    def start(self):
        node = Node(f"n{len(self.nodes)}", Presence(f"n{len(self.nodes)}", PATIENCE))
        node.take(self.log, len(self.log), self.now)
        self.log.append(by(node.name, asks=True, at=self.now))
        self.nodes.append(node)

    def living(self):
        return [node for node in self.nodes if node.alive]

    def some(self, choice):
        living = self.living()
        return living[choice % len(living)] if living else None

    def join(self, node):
        self.made += 1
        member = Member(f"urn:{self.made}", (f"t{self.made % 3}",))
        node.members[member.id] = member
        self.log.append(by(node.name, joined=(member,)))

    def leave(self, node, choice):
        if not node.members:
            return
        member_id = list(node.members)[choice % len(node.members)]
        del node.members[member_id]
        self.log.append(by(node.name, left=(member_id,)))

    def pass_second(self, lag):
        self.now += 1.0
        end = len(self.log)
        for node in self.living():
            node.take(self.log, end - lag if lag else len(self.log), self.now)
            node.act(self.log, self.now)

    def do(self, step):
        what, choice = step
        node = self.some(choice)
        if what == "start" and len(self.living()) < 5:
            self.start()
        elif what == "kill" and node is not None:
            node.alive = False
        elif what == "end" and node is not None:
            node.alive = False
            self.log.append(by(node.name, left=tuple(node.members), ends=True))
        elif what == "join" and node is not None:
            self.join(node)
        elif what == "leave" and node is not None:
            self.leave(node, choice)
        elif what == "wait":
            for _ in range(choice):
                self.pass_second(lag=choice % 3)


STEPS = st.tuples(st.sampled_from(["start", "kill", "end", "join", "join", "leave", "wait"]), st.integers(0, 40))
BOUND = int(LONGEST + PATIENCE.answer) + 6


@settings(max_examples=300)
@given(st.lists(STEPS, max_size=40))
def test_no_ghost_stays_and_nobody_alive_is_removed(steps):
    """Hubs start, end, are killed and read late; a bounded time later each picture has the living, all and only."""
    cluster = Cluster()
    cluster.start()
    joined = 0
    for step in steps:
        cluster.do(step)
        joined = max(joined, cluster.made)
    if not cluster.living():
        cluster.start()
    here = {name for node in cluster.living() for name in node.members}

    for _ in range(BOUND):
        cluster.pass_second(lag=0)

    kept = {name for node in cluster.living() for name in node.members}
    assert kept == here, "somebody alive was taken for dead"
    for node in cluster.living():
        node.take(cluster.log, len(cluster.log), cluster.now)
        assert {member.id for member in node.picture.members()} == here
        assert len(node.picture) == len(here)


@given(st.lists(STEPS, max_size=40))
def test_all_hubs_that_read_the_same_notes_have_the_same_picture(steps):
    cluster = Cluster()
    cluster.start()
    for step in steps:
        cluster.do(step)
    pictures = []
    for node in [*cluster.living(), Node("new", Presence("new", PATIENCE))]:
        node.take(cluster.log, len(cluster.log), cluster.now)
        pictures.append({(name, member) for name in node.picture.nodes for member in node.picture.members_of(name)})

    assert all(picture == pictures[0] for picture in pictures)


def test_hub_that_stood_still_is_taken_for_dead_and_learns_it():
    """Nobody can tell a hub that stands still from a dead one; when it goes on it is told whom it lost."""
    cluster = Cluster()
    cluster.start()
    cluster.start()
    frozen = cluster.nodes[0]
    cluster.join(frozen)
    member = next(iter(frozen.members.values()))
    frozen.alive = False
    for _ in range(BOUND):
        cluster.pass_second(lag=0)
    assert cluster.nodes[1].picture.members() == []

    frozen.take(cluster.log, len(cluster.log), cluster.now)

    assert frozen.members == {}
    again = replace(member, id="urn:again")
    cluster.nodes[1].picture.take(by(frozen.name, joined=(again,)), cluster.now)
    assert cluster.nodes[1].picture.members() == [again]
