"""What hubs must find again is stated anew in time, and not more often than needed."""

from __future__ import annotations

import pytest

from longwave.core.statements import OLDEST, WINDOW, Statements


@pytest.fixture
def statements():
    made = Statements()
    for number in range(1, 5):
        made.state(f"k{number}", f"thing {number}", number * 10, float(number))
    return made


def things(statements, *, first=1, last=50, now=10.0, limit=10):
    return [thing for _, thing in statements.due(first=first, last=last, now=now, limit=limit)]


def test_nothing_is_due_while_all_can_be_read(statements):
    assert things(statements) == []


def test_older_half_of_what_will_be_read_is_due(statements):
    assert things(statements, last=WINDOW // 2 + 20) == ["thing 1", "thing 2"]


def test_older_half_of_what_the_log_keeps_is_due(statements):
    assert things(statements, first=5, last=44) == ["thing 1", "thing 2"]


def test_what_was_trimmed_is_due_also_when_the_log_keeps_nothing(statements):
    assert things(statements, first=41, last=40) == ["thing 1", "thing 2", "thing 3", "thing 4"]


def test_what_was_stated_long_ago_is_due(statements):
    assert things(statements, now=OLDEST + 2.0) == ["thing 1", "thing 2"]


def test_no_more_than_the_limit_are_due_the_oldest_first(statements):
    assert things(statements, last=WINDOW * 2, limit=3) == ["thing 1", "thing 2", "thing 3"]


def test_what_was_stated_anew_is_the_youngest(statements):
    statements.state("k1", "thing 1 again", 50, 5.0)

    assert things(statements, last=WINDOW * 2) == ["thing 2", "thing 3", "thing 4", "thing 1 again"]
    assert statements.find("k1") == "thing 1 again"


def test_due_things_come_with_their_positions(statements):
    assert statements.due(first=1, last=WINDOW * 2, now=0.0, limit=1) == [(10, "thing 1")]


def test_what_was_forgotten_is_never_due(statements):
    statements.forget("k1")
    statements.forget("k1")

    assert things(statements, last=WINDOW * 2) == ["thing 2", "thing 3", "thing 4"]
    assert (len(statements), statements.find("k1")) == (3, None)
