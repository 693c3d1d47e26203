"""Topics of one request are authorised once each, in slices, and in the order in which they came."""

from __future__ import annotations

import asyncio

import pytest

from longwave.auth.grants import Grants
from longwave.core.selector import Selector
from longwave.errors import TokenRefused
from longwave.server.authorisation import SLICE, Authorisation
from longwave.server.publish_api import ReservedTopic

COSTLY = Grants(publish=tuple(Selector(f"{number}/{{a}}") for number in range(1000)))


def test_what_the_grants_cover_is_authorised_and_what_they_do_not_is_refused():
    authorisation = Authorisation(Grants(publish=(Selector("a/{b}"), Selector("c"))))
    authorisation(("a/1", "c"))
    with pytest.raises(TokenRefused, match="to cover 'd', got '"):
        authorisation(("c", "d"))


def test_topics_of_the_hub_itself_are_refused_although_they_are_covered():
    with pytest.raises(ReservedTopic):
        Authorisation(Grants(publish=(Selector("*"),)))(("/.well-known/mercure/x",))


def test_a_topic_that_is_not_covered_is_refused_before_one_that_is_reserved():
    with pytest.raises(TokenRefused):
        Authorisation(Grants(publish=(Selector("a"),)))(("/.well-known/mercure/x",))


async def test_costly_grants_let_others_have_their_turn():
    authorisation = Authorisation(COSTLY)
    for number in range(10):
        authorisation((f"{number}/x", f"{number}/x"))
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await authorisation.finish()
    counting.cancel()

    assert COSTLY.publish_cost == SLICE
    assert turns == 9  # one topic a slice, and the first was looked at at once


async def test_what_was_postponed_is_refused_at_the_end():
    authorisation = Authorisation(COSTLY)
    authorisation(("1/x",))
    authorisation(("nothing covers this",))
    with pytest.raises(TokenRefused, match="nothing covers this"):
        await authorisation.finish()


async def test_a_topic_that_came_before_costs_nothing():
    authorisation = Authorisation(COSTLY)
    for _ in range(100):
        authorisation(("1/x",))
    finishing = authorisation.finish()
    with pytest.raises(StopIteration):  # without a break
        finishing.send(None)
