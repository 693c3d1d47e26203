"""The last update that a client may see: found in a history of any length, and looked for once."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

import longwave.last_seen
from controlled_log import ControlledLog
from longwave.core.audience import audience_of
from longwave.core.note import NOTES
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.last_seen import KEPT, PAGE, REST, STEP, LastSeen
from virtual_time import in_virtual_time, settle

COSTLY = [f"g/{{x}}{{y}}/{number}" for number in range(50)]


class Stand:
    """A log, and who looks for what is the last on it."""

    def __init__(self, events):
        self.log = ControlledLog(events)
        self.last_seen = LastSeen(self.log, lambda: self.log.read(0, 0))

    async def append(self, *ids, private=True, topics=("t",)):
        await self.log.append([Update(topics, Event("x", id=event_id), private) for event_id in ids])

    async def last(self, *grants):
        """The id of the last one for these grants."""
        found = (await self.last_seen.find(audience_of(["t"], grants).grants)).found
        return None if found is None else found.id


@contextlib.asynccontextmanager
async def stand(events=100_000):
    made = Stand(events)
    await made.log.open()
    try:
        yield made
    finally:
        await made.log.close()


async def test_empty_log_has_none():
    async with stand() as at:
        assert await at.last() is None
        assert await at.last("*") is None


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ((), "public"),
        (("other",), "public"),
        (("mine",), "mine"),
        (("m{x}",), "mine"),
        (("mine", "yours"), "yours"),
        (("{x}",), "yours"),
        (("*",), "yours"),
        ((f"{NOTES}a",), "public"),
        ((f"{NOTES}{{x}}",), "public"),
    ],
)
async def test_the_last_one_is_what_grants_let_see_and_never_a_note(grants, expected):
    async with stand() as at:
        await at.append("old", topics=("other",))
        await at.append("public", private=False)
        await at.append("mine", topics=("x", "mine"))
        await at.append("yours", topics=("yours", "y"))
        for _ in range(2 * PAGE):
            await at.append("", topics=(f"{NOTES}a",))

        assert await at.last(*grants) == expected
        await at.append("after", private=False)
        assert await at.last(*grants) == "after"


@pytest.mark.parametrize("grants", [(), ("other",), ("o{x}",), ("*",)])
async def test_who_asks_again_makes_nothing_be_looked_at_twice(grants):
    async with stand() as at:
        await at.append("public", private=False)
        await at.append(*[""] * 300)
        await at.last(*grants)
        seen = len(at.log.outlined)

        first = await at.last(*grants)
        assert len(at.log.outlined) == seen
        await at.append("", "", topics=("u",))
        at.log.outlined.clear()
        await at.last(*grants)
        assert set(at.log.outlined) <= {302, 303}
        assert await at.last(*grants) == (first if grants != ("*",) else f"{at.log.epoch}-303")


async def test_public_updates_are_looked_at_once_for_everybody():
    async with stand() as at:
        await at.append("public", private=False)
        await at.append(*[""] * 300)
        await asyncio.gather(*(at.last(f"g/{number}") for number in range(20)), at.last())

        assert at.log.outlined.count(1) == 1


async def test_what_lies_below_the_newest_public_one_is_not_looked_at():
    async with stand() as at:
        await at.append(*[""] * 300)
        await at.append("public", private=False)
        await at.append("", "")
        at.log.outlined.clear()

        assert await at.last("other") == "public"
        assert set(at.log.outlined) == {301, 302, 303}


async def test_what_was_found_is_forgotten_when_it_is_trimmed():
    async with stand(events=3) as at:
        await at.append("public", private=False)
        await at.append("mine", topics=("mine",))
        assert (await at.last(), await at.last("mine")) == ("public", "mine")

        await at.append("", "")
        assert (await at.last(), await at.last("mine")) == (None, "mine")
        await at.append("")
        assert (await at.last(), await at.last("mine")) == (None, None)


async def test_until_is_where_the_log_ended_when_it_was_looked_at():
    async with stand() as at:
        await at.append("public", private=False)
        await at.append("a", "b")
        for grants in ((), ("other",), ("t",)):
            seen = await at.last_seen.find(audience_of(["t"], grants).grants)
            assert seen.until == 3


async def test_failure_is_told_and_the_next_look_begins_anew():
    async with stand() as at:
        await at.append("public", private=False)
        await at.append("mine", topics=("mine",))
        at.log.failures, at.log.spared = 1, 2  # the extent and the public one are found

        with pytest.raises(LogUnavailable):
            await at.last("mine")
        assert await at.last("mine") == "mine"


# Bounds.


@in_virtual_time
async def test_grants_that_are_costly_to_match_delay_no_others():
    async with stand() as at:
        await at.append("public", private=False)
        for _ in range(100):
            await at.append("", topics=tuple(f"u/{number}" for number in range(20)))
        costly = asyncio.create_task(at.last(*COSTLY))
        await settle()
        assert not costly.done()
        begun = asyncio.get_running_loop().time()

        assert await at.last("other") == "public"
        assert asyncio.get_running_loop().time() == begun
        assert await at.last("o{x}") == "public"
        assert not costly.done()
        assert await costly == "public"


@in_virtual_time
async def test_all_that_match_templates_together_rest_after_each_step():
    async with stand() as at:
        await at.append(*[""] * 200)
        grants = [[f"{kind}{template}" for template in COSTLY] for kind in "abc"]
        work = sum(selector.cost for one in grants for selector in audience_of(one).selectors) * 200
        begun = asyncio.get_running_loop().time()

        await asyncio.gather(*(at.last(*one) for one in grants))

        assert asyncio.get_running_loop().time() - begun >= (work // STEP - 3) * REST > 0


async def test_one_page_of_private_outlines_is_read_at_a_time(monkeypatch):
    async with stand() as at:
        await at.append(*[""] * 600)
        genuine = at.log.outlines
        reading, most = 0, []

        async def outlines(*args, private):
            nonlocal reading
            reading += private
            most.append(reading)
            await asyncio.sleep(0)
            found = await genuine(*args, private=private)
            reading -= private
            return found

        monkeypatch.setattr(at.log, "outlines", outlines)
        await asyncio.gather(*(at.last(f"g/{number}") for number in range(10)))

        assert max(most) == 1
        assert len(most) == 31, "three pages for each, and one look for public ones"


async def test_grants_that_were_not_asked_for_lately_are_forgotten():
    async with stand() as at:
        await at.append("")
        many = [f"g/{number}" for number in range(KEPT // 4)]
        for name in "abcd":
            await at.last(*(name + grant for grant in many))
        await at.last(*("a" + grant for grant in many))
        await at.last("one more")

        kept = [grants[0].text[0] for grants in at.last_seen._scans]
        assert kept == ["c", "d", "a", "o"]
        assert at.last_seen._size == sum(map(len, at.last_seen._scans))


async def test_more_than_are_kept_are_not_looked_for_at_once(monkeypatch):
    monkeypatch.setattr(longwave.last_seen, "KEPT", 2)
    async with stand() as at:
        await at.append("")
        at.log.hold("outlines")
        asking = [asyncio.create_task(at.last(grant)) for grant in "ab"]
        await settle()

        assert await at.last_seen.find(audience_of(["t"], ["c"]).grants) is None
        at.log.go_on()
        await asyncio.gather(*asking)
        assert await at.last("c") is None
        assert len(at.last_seen._scans) == 2
