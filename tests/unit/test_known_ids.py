"""What a client is told about the last event id that it sent: each row of the protocol's table, on each kind of log."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from controlled_log import ControlledLog
from longwave.core.audience import audience_of
from longwave.core.counters import Counters
from longwave.core.gap import Reason
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.known_ids import PATIENCE, KnownIds
from longwave.logs.address import open_address
from longwave.logs.retention import Retention
from virtual_time import in_virtual_time, settle

EVERYBODY = audience_of(["t"])


class Asked:
    """A log with what was appended to it, and what a client is told of it; the clock is the test's."""

    def __init__(self, log):
        self.log = log
        self.time = 0.0
        self.head = 0
        self.counters = Counters()
        self.known = KnownIds(log, lambda: self.head, lambda: self.time, self.counters)

    async def append(self, *ids, private=False, topic="t"):
        updates = [Update((topic,), Event("x", id=event_id), private) for event_id in ids]
        self.head = (await self.log.append(updates))[-1]

    def own(self, position, epoch=None):
        return f"{epoch or self.log.epoch}-{position}"

    async def told(self, event_id, grants=()):
        found = await self.known.find(event_id, audience_of(["t"], grants))
        assert found.sent == event_id
        return found.told

    def at_hand(self, event_id):
        found = self.known.at_hand(event_id)
        return None if found is None else found.told


@contextlib.asynccontextmanager
async def opened(log):
    await log.open()
    try:
        yield Asked(log)
    finally:
        await log.close()


@pytest.fixture(params=["memory", "sqlite"])
def asked(request, tmp_path):
    """Open a log that keeps so many updates."""

    def begin(events=1_000_000):
        address = "memory:" if request.param == "memory" else f"sqlite:{tmp_path / 'log.db'}"
        return opened(open_address(address, retention=Retention(events=events), durability="relaxed"))

    return begin


async def test_known_id_is_told_as_it_came_whoever_gave_it(asked):
    async with asked() as log:
        await log.append("mine", "", "")

        assert await log.told("mine") == "mine"
        assert await log.told(log.own(2)) == log.own(2)
        assert await log.told(log.own(0)) == log.own(0)


async def test_earliest_is_told_as_earliest_without_a_look(asked):
    async with asked() as log:
        assert log.at_hand("earliest") == "earliest"


async def test_unknown_id_on_an_empty_log_is_told_as_earliest(asked):
    async with asked() as log:
        assert await log.told("unknown") == "earliest"
        assert await log.told(log.own(7)) == "earliest"


async def test_unknown_id_is_told_as_the_last_update(asked):
    async with asked() as log:
        await log.append("a", "b")
        assert await log.told("unknown") == "b"
        await log.append("")
        assert await log.told("unknown") == log.own(3)
        assert await log.told(log.own(3, epoch="0badcafe")) == log.own(3), "of another life of the log"
        assert await log.told(log.own(4)) == log.own(3), "to come"
        assert (await log.known.find("unknown", EVERYBODY)).position == 3, "all that comes after it follows"


async def test_unknown_id_never_tells_of_an_update_that_the_client_may_not_see(asked):
    async with asked() as log:
        await log.append("public")
        await log.append("secret-1", "secret-2", private=True)

        assert await log.told("unknown") == "public"
        assert await log.told("unknown", ["other"]) == "public"
        assert await log.told("unknown", ["t"]) == "secret-2"
        assert await log.told("unknown", ["*"]) == "secret-2"


async def test_where_all_updates_are_private_earliest_is_told(asked):
    async with asked() as log:
        await log.append(*(f"secret-{number}" for number in range(10)), private=True)

        assert await log.told("unknown") == "earliest"


async def test_id_before_what_was_trimmed_is_told_as_earliest_for_all_that_is_left_follows(asked):
    async with asked(events=3) as log:
        await log.append("a", "b", "c", "d", "e")

        assert await log.told(log.own(1)) == "earliest"
        assert await log.told(log.own(2)) == log.own(2), "nothing after it was trimmed"
        assert await log.told("c") == "c"


async def test_publishers_own_id_that_was_trimmed_is_unknown(asked):
    async with asked(events=3) as log:
        await log.append("a", "b", "c", "d", "e")

        assert await log.told("a") == "e"


async def test_log_of_more_than_ten_thousand_updates_knows_each_id(asked):
    async with asked() as log:
        for start in range(0, 12_000, 1000):
            await log.append(*(f"id-{number}" for number in range(start, start + 1000)))

        for number in (0, 1, 9_999, 10_000, 10_001, 11_998, 11_999):
            assert await log.told(f"id-{number}") == f"id-{number}"
        assert await log.told("unknown") == "id-11999"


@pytest.mark.parametrize("grants", [(), ["other"], ["other/{id}"], [f"g/{number}" for number in range(999)]])
async def test_last_update_that_the_client_may_see_is_found_below_any_number_of_others(asked, grants):
    async with asked() as log:
        await log.append("public")
        for _ in range(20):
            await log.append(*([""] * 1000), private=True)

        assert await log.told("unknown", grants) == "public"
        found = await log.known.find("unknown", audience_of(["t"], grants))
        assert found.position == 20_001, "what comes after all that was looked at follows"
        assert await log.told("unknown", ["*"]) == log.own(20_001)


@pytest.mark.parametrize(
    ("event_id", "gap"), [("unknown", Reason.EXPIRED), ("0badcafe-1", Reason.RESTARTED), ("a", None), ("c", None)]
)
async def test_stream_whose_place_is_lost_is_known_to_begin_live_and_why(asked, event_id, gap):
    async with asked(events=3) as log:
        await log.append("a", "b", "c")

        assert (await log.known.find(event_id, EVERYBODY)).gap is gap


async def test_restarted_log_still_knows_its_last_update(tmp_path):
    address = f"sqlite:{tmp_path / 'log.db'}"
    async with opened(open_address(address)) as log:
        await log.append("a", "b")
    async with opened(open_address(address)) as log:
        assert await log.told("unknown") == "b"
        assert await log.told("a") == "a"


# What is at hand.


async def test_own_id_is_at_hand_for_a_second_after_a_look():
    async with opened(ControlledLog(events=3)) as log:
        await log.append("", "", "", "", "")
        assert log.at_hand(log.own(4)) is None
        await log.told(log.own(4))
        looks = len(log.log.looks)

        assert log.at_hand(log.own(4)) == log.own(4)
        assert log.at_hand(log.own(2)) == log.own(2)
        assert log.at_hand(log.own(1)) == "earliest"
        log.time = 1.1
        assert log.at_hand(log.own(4)) is None
        assert len(log.log.looks) == looks


@pytest.mark.parametrize("event_id", ["mine", "0badcafe-1", "x-1"])
async def test_other_ids_are_never_at_hand(event_id):
    async with opened(ControlledLog()) as log:
        await log.append("mine")
        await log.told("mine")

        assert log.at_hand(event_id) is None


async def test_id_of_an_update_that_feeds_were_not_handed_is_not_at_hand():
    async with opened(ControlledLog()) as log:
        await log.append("", "")
        await log.told(log.own(1))
        log.head = 1

        assert log.at_hand(log.own(2)) is None


# Sharing.


@pytest.mark.parametrize("event_id", ["c3f9a2b1-1", "unknown"])
async def test_many_who_ask_at_once_share_the_looks(event_id):
    async with opened(ControlledLog()) as log:
        await log.append("a")
        log.log.looks.clear()

        told = await asyncio.gather(*(log.told(event_id) for _ in range(100)))

        assert set(told) == {"a"}
        assert len([look for look in log.log.looks if look[0] == "read"]) <= 10


async def test_look_that_began_before_is_not_believed_about_what_came_since():
    async with opened(ControlledLog()) as log:
        await log.append("a")
        log.log.hold()
        early = asyncio.create_task(log.told("unknown"))
        while not log.log.reading:  # noqa: ASYNC110 - the log has no event for it
            await asyncio.sleep(0)
        await log.append("b")
        late = asyncio.create_task(log.told("b"))
        await asyncio.sleep(0)
        log.log.go_on()

        assert await late == "b"
        await early


async def test_who_leaves_does_not_end_the_look_of_others():
    async with opened(ControlledLog()) as log:
        await log.append("a")
        log.log.hold()
        first, second = (asyncio.create_task(log.told("unknown")) for _ in range(2))
        while not log.log.reading:  # noqa: ASYNC110 - the log has no event for it
            await asyncio.sleep(0)
        first.cancel()
        log.log.go_on()

        assert await second == "a"
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_failure_is_told_to_who_asked_and_not_remembered():
    async with opened(ControlledLog()) as log:
        await log.append("a")
        log.log.failures, log.log.spared = 1, 1  # the id is located, the extent is not read

        with pytest.raises(LogUnavailable):
            await log.told("unknown")
        assert await log.told("unknown") == "a"


async def test_many_who_ask_for_one_unknown_id_make_it_be_looked_for_once():
    async with opened(ControlledLog()) as log:
        await log.append("a")
        log.log.looks.clear()

        await asyncio.gather(*(log.told("unknown") for _ in range(100)))

        assert len([look for look in log.log.looks if look[0] == "locate"]) == 1
        assert log.known._locating == {}


async def test_id_that_a_client_left_before_it_was_located_is_not_kept():
    async with opened(ControlledLog()) as log:
        log.log.hold("locate")
        asking = asyncio.create_task(log.told("unknown"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asking.cancel()
        log.log.go_on()
        await asyncio.gather(asking, return_exceptions=True)
        await settle()

        assert log.known._locating == {}


async def test_own_id_that_feeds_were_handed_is_not_looked_for():
    async with opened(ControlledLog()) as log:
        await log.append("", "")

        assert await log.told(log.own(1)) == log.own(1)
        assert not [look for look in log.log.looks if look[0] == "locate"]


# Patience.


@pytest.mark.parametrize("grants", [(), ["t"]])
def test_who_would_wait_too_long_is_told_earliest_once_and_the_right_id_the_next_time(grants):
    @in_virtual_time
    async def run():
        async with opened(ControlledLog()) as log:
            await log.append("public")
            await log.append("secret", private=True)
            log.log.hold("outlines")
            asked = asyncio.get_running_loop().time()
            found = await log.known.find("unknown", audience_of(["t"], grants))

            assert asyncio.get_running_loop().time() - asked == pytest.approx(PATIENCE)
            assert (found.told, found.gap, found.position) == ("earliest", Reason.EXPIRED, 2)
            assert log.counters.unsettled == 1
            log.log.go_on()
            await settle()
            looks = list(log.log.outlined)
            assert await log.told("unknown", grants) == ("secret" if grants else "public")
            assert log.log.outlined == looks, "the first look went on"
            assert log.counters.unsettled == 1

    run()
