"""Who came and who left is told once, in this order, whatever becomes of the batches."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.core import announcements
from longwave.core.announcements import BATCH, Announcements, Attendance
from longwave.core.member import Member
from longwave.core.payload import MAX_PAYLOAD
from longwave.core.subscription_document import begin_updates


def attendance(number, selectors=("t",), payload=""):
    return Attendance(Member(f"urn:{number}", selectors, payload))


def large(number, size):
    """Somebody of whom it takes more than `size` characters to tell, and not many more."""
    payload = f'"{"x" * (MAX_PAYLOAD - 2)}"'
    return attendance(number, tuple(f"t{n}" for n in range(size // MAX_PAYLOAD + 1)), payload)


def told(batch):
    """What a batch tells: (subscriber, whether it is active)."""
    documents = [json.loads(update.event.data) for update in batch.updates()]
    return [(document["subscriber"], document["active"]) for document in documents]


def tell_all(announced):
    """Store batch after batch, and return all that was told."""
    everything = []
    while announced.waiting:
        everything += told(announced.next_batch())
        announced.stored()
    return everything


def test_who_comes_and_leaves_is_told():
    announced = Announcements()
    ada = attendance(1, ("a", "b"))
    assert announced.join(ada)
    assert tell_all(announced) == [("urn:1", True), ("urn:1", True)]
    announced.leave(ada)
    assert tell_all(announced) == [("urn:1", False), ("urn:1", False)]
    assert not announced.told


def test_who_leaves_before_anything_was_told_is_not_told_of():
    announced = Announcements()
    ada = attendance(1)
    announced.join(ada)
    announced.leave(ada)

    assert not announced.waiting


def test_who_leaves_while_it_is_told_of_is_told_to_leave_next():
    announced = Announcements()
    ada = attendance(1)
    announced.join(ada)
    announced.next_batch()
    announced.leave(ada)
    announced.leave(ada)
    announced.stored()

    assert tell_all(announced) == [("urn:1", False)]


def test_batch_that_failed_is_told_again_without_who_left_meanwhile():
    announced = Announcements()
    ada, bob = attendance(1), attendance(2)
    announced.join(ada)
    announced.join(bob)
    announced.next_batch()
    announced.leave(ada)
    announced.failed()

    assert tell_all(announced) == [("urn:2", True)]


def test_batches_are_bounded_by_updates_and_a_large_member_goes_alone():
    announced = Announcements()
    announced.join(attendance(0, tuple(f"t{n}" for n in range(BATCH + 1))))
    for number in range(1, BATCH + 2):
        announced.join(attendance(number))

    sizes = []
    while announced.waiting:
        sizes.append(len(announced.next_batch().updates()))
        announced.stored()
    assert sizes == [BATCH + 1, BATCH, 1]


def test_batches_are_bounded_by_size():
    announced = Announcements()
    for number in range(4):
        announced.join(large(number, announcements.BATCH_SIZE // 3))

    assert len(announced.next_batch().joined) == 2


def test_there_is_room_for_so_many_subscriptions_and_leaving_makes_room():
    announced = Announcements(max_subscriptions=3)
    ada, bob, eve = attendance(1, ("a", "b")), attendance(2, ("a", "b")), attendance(3)
    assert announced.join(ada)
    assert not announced.join(bob)
    announced.leave(bob)
    assert announced.join(eve)
    assert tell_all(announced) == [("urn:1", True), ("urn:1", True), ("urn:3", True)]
    announced.leave(ada)
    tell_all(announced)
    assert announced.join(bob)


def test_member_that_takes_too_much_to_tell_of_has_no_room():
    announced = Announcements()

    assert not announced.join(large(1, announcements.MAX_MEMBER_SIZE))


def test_no_client_takes_the_room_of_others():
    announced = Announcements(max_subscriptions=20)
    ada, again, bob = (Attendance(Member(f"urn:{n}", ("a", "b")), (name,)) for n, name in enumerate(("x", "x", "y")))

    assert announced.join(ada)
    assert not announced.join(again)
    assert announced.join(bob)
    announced.leave(ada)
    assert announced.join(again)


def test_who_was_taken_for_dead_is_told_of_again_in_its_own_place():
    announced = Announcements(max_subscriptions=10)
    ada = Attendance(Member("urn:1", ("a",)), ("x",))
    announced.join(ada)
    tell_all(announced)
    assert announced.lose("urn:1") is ada
    ada.member = Member("urn:2", ("a",))

    assert announced.join(ada)
    announced.leave(ada)
    assert announced.join(Attendance(Member("urn:3", ("a",)), ("x",)))


def test_size_is_that_of_what_is_told():
    """Text that is escaped and payloads that are indented take many times the room that they have in a request."""
    for selector, payload in (("t", ""), ("chat/7", '{"a":[1,[2,[3]]]}'), ("\U0010ffff" * 300, ""), ("a b/{c}", '"é"')):
        one = Attendance(Member("urn:uuid:bb3de268-05b0-4c65-b44e-8f9acefc29d6", (selector,) * 3, payload))
        told = sum(len(update.event.data) + len(update.topics[0]) for update in begin_updates(one.member))

        assert told <= one.size <= told + 3 * 64


def test_what_takes_more_room_counts_as_more_updates():
    announced = Announcements()
    few, many = large(1, 4 * announcements.USUAL_SIZE), attendance(2, tuple(f"t{n}" for n in range(9)))
    assert (few.cost, many.cost) == (17, 9)
    announced.join(few)
    announced.join(many)

    assert announced.next_batch().cost == 17 + 9
    announced.stored()
    announced.leave(many)
    assert announced.next_batch().cost == 9


def test_member_that_another_hub_ended_is_returned_if_it_is_still_here():
    announced = Announcements()
    ada, bob = attendance(1), attendance(2)
    for one in (ada, bob):
        announced.join(one)
    tell_all(announced)
    announced.leave(bob)

    assert announced.lose("urn:1") is ada
    assert announced.lose("urn:2") is None
    assert announced.lose("urn:3") is None
    assert tell_all(announced) == []


def test_end_that_another_hub_told_is_left_out_of_a_batch():
    announced = Announcements()
    ada = attendance(1, ("a", "b"))
    announced.join(ada)
    tell_all(announced)
    announced.leave(ada)
    batch = announced.next_batch()

    assert batch.drop(ada.member.end_id(0))
    assert not batch.drop("urn:other")
    assert [update.event.id for update in batch.updates()] == [ada.member.end_id(1)]


def test_count_is_that_of_when_the_batch_is_stored():
    announced = Announcements()
    ada, bob = attendance(1), attendance(2)
    announced.join(ada)
    tell_all(announced)
    announced.join(bob)
    announced.leave(ada)
    announced.next_batch()

    assert announced.count == 1
    announced.stored()
    assert announced.count == 1


@given(st.lists(st.tuples(st.sampled_from(["join", "leave", "begin", "stored", "failed"]), st.integers(0, 5))))
def test_each_is_told_once_to_come_and_once_to_leave_in_this_order(steps):
    announced = Announcements(max_subscriptions=8)
    here, log, batch, number = [], [], None, 0
    for what, choice in steps:
        if what == "join":
            number += 1
            here.append(attendance(number, ("a",) * (1 + choice % 2)))
            announced.join(here[-1])
        elif what == "leave" and here:
            announced.leave(here.pop(choice % len(here)))
        elif what == "begin" and batch is None:
            batch = announced.next_batch()
        elif what == "stored" and batch is not None:
            log += told(batch)
            announced.stored()
            batch = None
        elif what == "failed" and batch is not None:
            announced.failed()
            batch = None
    if batch is not None:
        announced.failed()
    log += tell_all(announced)
    for one in here:
        announced.leave(one)
    log += tell_all(announced)

    for subscriber in {subscriber for subscriber, _ in log}:
        flags = [active for name, active in log if name == subscriber]
        assert flags == [True] * (len(flags) // 2) + [False] * (len(flags) // 2)
    assert announced.count == 0
    assert announced.join(attendance("last", ("a",) * 8)), "all room is free again"


def test_batch_under_way_must_end_before_the_next():
    announced = Announcements()
    announced.next_batch()

    with pytest.raises(AssertionError):
        announced.next_batch()
