"""The contract of a log: tails.

Not here: appends (log_append_contract.py), pages and retention (log_read_contract.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from longwave.core.cursor import Cursor
from longwave.eventstream.event import Event
from longwave.logs.base import TAIL_BATCH
from longwave.logs.retention import Retention
from longwave.testing.log_under_test import PATIENCE, LogUnderTest, ManualClock, make_updates, positions_of, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from longwave.core.entry import Entry
    from longwave.logs.base import Log


class TailContract(LogUnderTest):
    """What follows a log sees."""

    async def test_a_tail_begins_in_the_past_and_goes_on_live(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(2500))
            tail = log.tail(100)
            past = await take(tail, 2500)
            await log.append(make_updates(3))
            live = await take(tail, 2503)

            assert positions_of(past + live) == list(range(101, 2504))
            assert live[-1].update.event == Event("2", "ty", str(Cursor(log.epoch, 2503)))

    async def test_a_tail_waits_for_a_position_that_is_yet_to_come(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            tail = log.tail(2)
            await log.append(make_updates(2))
            await log.append(make_updates(2))

            assert positions_of(await take(tail, 4)) == [3, 4]

    async def test_a_tail_sees_each_entry_once_while_many_append(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            tails = [asyncio.create_task(take(log.tail(0), 1200)) for _ in range(5)]
            await asyncio.gather(*[self._append_all(log, 40, 3) for _ in range(10)])
            for tail in tails:
                assert positions_of(await tail) == list(range(1, 1201))

    async def test_a_tail_keeps_its_order_while_the_log_is_trimmed(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=30)) as log:
            tail = asyncio.create_task(take(log.tail(0), 3000))
            await asyncio.gather(*[self._append_all(log, 100, 10) for _ in range(3)])
            seen = positions_of(await tail)

            assert seen == sorted(set(seen))
            assert seen[-30:] == list(range(2971, 3001))

    async def test_a_tail_that_is_not_read_goes_on_where_the_log_still_is(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=10)) as log:
            await log.append(make_updates(2))
            tail = log.tail(0)
            assert positions_of(await take(tail, 2)) == [1, 2]
            for _ in range(6):
                await log.append(make_updates(5000))

            first = await anext(tail)
            assert first[0].position > 3
            rest = await take(tail, 30_002) if first[-1].position < 30_002 else []
            seen = positions_of(first) + positions_of(rest)
            assert seen[-10:] == list(range(29_993, 30_003))
            assert seen == sorted(set(seen))

    async def test_a_tail_passes_over_entries_that_were_all_trimmed(self, tmp_path: Path) -> None:
        clock = ManualClock()
        async with self.open_log(tmp_path, Retention(age=10), clock) as log:
            await log.append(make_updates(5))
            clock.now += 11
            await log.append([])
            following = asyncio.create_task(take(log.tail(0), 6))
            await log.append(make_updates(1))

            assert (await following)[-1].position == 6

    async def test_an_interrupted_wait_loses_nothing(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            tail = log.tail(0)
            for _ in range(3):
                waiting = asyncio.ensure_future(anext(tail))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
            await log.append(make_updates(2))

            assert positions_of(await take(tail, 2)) == [1, 2]

    async def test_a_tail_is_told_before_the_publisher_goes_on(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            order: list[str] = []

            async def follow() -> None:
                order.append(f"seen {(await anext(tail))[-1].position}")

            tail = log.tail(0)
            following = asyncio.create_task(follow())
            await asyncio.sleep(0)
            await log.append(make_updates(1))
            order.append("acknowledged")
            await following

            assert order == ["seen 1", "acknowledged"]

    async def test_a_long_backlog_leaves_the_loop_to_others(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(5 * TAIL_BATCH))
            turns = 0

            async def count_turns() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            counting = asyncio.create_task(count_turns())
            await take(log.tail(0), 5 * TAIL_BATCH)
            counting.cancel()
            assert turns >= 3

    async def test_tails_end_when_the_log_is_closed(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(1))
            waiting = asyncio.create_task(self._drain(log.tail(0)))
            idle = log.tail(0)
            await asyncio.sleep(0)
            await log.close()
            async with asyncio.timeout(PATIENCE):
                assert await waiting == [1]
                assert await self._drain(idle) == []

    # Steps

    async def _append_all(self, log: Log, count: int, size: int) -> None:
        for _ in range(count):
            await log.append(make_updates(size))

    async def _drain(self, tail: AsyncIterator[tuple[Entry, ...]]) -> list[int]:
        return [entry.position async for batch in tail for entry in batch]
