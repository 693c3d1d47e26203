"""The life of a log object."""

from __future__ import annotations

import pytest

from longwave.errors import LogUnavailable
from longwave.logs.lifecycle import Lifecycle, State


def test_a_log_is_writable_only_while_open_and_readable_until_it_is_closed():
    life = Lifecycle()
    seen = []
    for state in (State.OPENING, State.OPEN, State.CLOSING, State.CLOSED):
        life.move(state)
        seen.append((allows(life.check_writable), allows(life.check_readable), life.ended))

    assert seen == [(False, False, False), (True, True, False), (False, True, False), (False, False, True)]


def test_opening_may_fail_and_be_tried_again():
    life = Lifecycle()
    for state in (State.OPENING, State.NEW, State.OPENING, State.OPEN):
        life.move(state)

    assert life.state is State.OPEN


@pytest.mark.parametrize("state", [State.OPENING, State.OPEN, State.CLOSING])
def test_a_closed_log_stays_closed(state):
    life = Lifecycle()
    life.move(State.CLOSED)

    with pytest.raises(LogUnavailable, match="got one that is closed"):
        life.move(state)


def allows(check):
    try:
        check()
    except LogUnavailable:
        return False
    return True
