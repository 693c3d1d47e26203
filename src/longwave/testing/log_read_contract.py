"""The contract of a log: pages, outlines, and what retention leaves of it.

Not here: ids and life (log_append_contract.py), tails (log_tail_contract.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from longwave.core.cursor import Cursor
from longwave.core.outline import Outline
from longwave.core.update import Update
from longwave.errors import LogUnavailable
from longwave.eventstream.event import Event
from longwave.logs.base import OUTLINES_SIZE
from longwave.logs.retention import Retention
from longwave.testing.log_under_test import LogUnderTest, ManualClock, make_update, make_updates, positions_of

if TYPE_CHECKING:
    from pathlib import Path


class ReadContract(LogUnderTest):
    """What a read finds."""

    # Pages

    async def test_a_page_holds_what_lies_after_its_position_up_to_its_limit(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(10))
            for after, limit, expected in (
                (0, 3, [1, 2, 3]),
                (7, 10, [8, 9, 10]),
                (9, 1, [10]),
                (10, 5, []),
                (99, 5, []),
                (-5, 2, [1, 2]),
                (0, 0, []),
            ):
                page = await log.read(after, limit)
                assert (positions_of(page.entries), page.first, page.last) == (expected, 1, 10)

    async def test_a_page_tells_what_was_trimmed(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=4)) as log:
            await log.append(make_updates(10))
            page = await log.read(2, 2)

            assert (positions_of(page.entries), page.first, page.last) == ([7, 8], 7, 10)

    async def test_a_log_that_was_trimmed_to_nothing_goes_on_counting(self, tmp_path: Path) -> None:
        clock = ManualClock()
        async with self.open_log(tmp_path, Retention(age=10), clock) as log:
            await log.append(make_updates(3))
            clock.now += 11
            await log.append([])
            page = await log.read(0, 10)

            assert (page.entries, page.first, page.last) == ((), 4, 3)
            assert await log.append(make_updates(1)) == [4]
            assert (await log.read(0, 10)).first == 4

    # Outlines

    async def test_outlines_are_of_private_updates_or_of_public_ones_the_newest_first(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_private(number in (2, 3, 5, 6, 7)) for number in range(1, 9)])
            for private, after, before, limit, expected in (
                (True, 0, 9, 10, [7, 6, 5, 3, 2]),
                (True, 2, 7, 10, [6, 5, 3]),
                (True, 0, 9, 2, [7, 6]),
                (True, -5, 1000, 1, [7]),
                (True, 0, 7, 0, []),
                (True, 3, 5, 10, []),
                (True, 7, 3, 10, []),
                (False, 0, 9, 10, [8, 4, 1]),
                (False, 0, 8, 1, [4]),
                (False, 4, 8, 1, []),
            ):
                found = await log.outlines(after, before, limit, private=private)
                assert [outline.position for outline in found] == expected

    async def test_an_outline_has_the_topics_and_the_id_given_or_default(self, tmp_path: Path) -> None:
        topics = ("https://example.com/\u00e9/{x}", 'b"\n')
        async with self.open_log(tmp_path) as log:
            await log.append([Update(topics, Event("x", id="given \u6f22"), True), Update(("t",), Event("x"), True)])

            assert await log.outlines(0, 3, 10, private=True) == (
                Outline(2, str(Cursor(log.epoch, 2)), ("t",)),
                Outline(1, "given \u6f22", topics),
            )

    async def test_outlines_end_early_where_topics_are_long_but_have_one(self, tmp_path: Path) -> None:
        long = tuple(f"{number:04}" * 1000 for number in range(OUTLINES_SIZE // 4000 + 1))
        async with self.open_log(tmp_path) as log:
            await log.append([Update(topics, Event("x"), True) for topics in (("a",), long, ("b",), ("c",))])

            assert [outline.position for outline in await log.outlines(0, 5, 10, private=True)] == [4, 3]
            assert [outline.position for outline in await log.outlines(0, 3, 10, private=True)] == [2]

    async def test_what_was_trimmed_has_no_outline(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=2)) as log:
            for _ in range(2):
                await log.append([make_private(True), make_private(False), make_private(True)])

            assert [outline.position for outline in await log.outlines(0, 7, 10, private=True)] == [6]
            assert await log.outlines(0, 5, 10, private=False) == ()

    async def test_outlines_are_found_behind_many_others_while_the_loop_goes_on(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_private(False), *[make_private(True)] * 15_000])
            turns = 0

            async def count_turns() -> None:
                nonlocal turns
                while True:
                    await asyncio.sleep(0)
                    turns += 1

            counting = asyncio.create_task(count_turns())
            found = await log.outlines(0, 15_002, 1, private=False)
            counting.cancel()
            assert [outline.position for outline in found] == [1]
            assert turns > 0  # a search in another thread may be over before the loop has its second turn

    async def test_a_log_that_is_closed_has_no_outlines(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_private(True)])
            await log.close()
            with pytest.raises(LogUnavailable, match="closed"):
                await log.outlines(0, 2, 1, private=True)

    # Retention

    async def test_retention_by_count_keeps_the_newest(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=5)) as log:
            for update in make_updates(12):
                await log.append([update])

            assert positions_of((await log.read(0, 100)).entries) == [8, 9, 10, 11, 12]

    async def test_retention_by_size_counts_topics_ids_types_and_data_in_utf_8(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(size=40)) as log:
            await log.append([make_update("é" * 3, "id")])  # 1 + 2 + 2 + 6 = 11 bytes
            await log.append([make_update("d" * 26)])  # 29 bytes: 40 in all
            assert (await log.read(0, 10)).first == 1

            await log.append([make_update("")])  # 3 bytes: 43 in all
            assert positions_of((await log.read(0, 10)).entries) == [2, 3]

    async def test_retention_by_size_keeps_the_newest_however_large(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(size=40)) as log:
            await log.append(make_updates(3))
            await log.append([make_update("x" * 1000)])

            assert positions_of((await log.read(0, 10)).entries) == [4]

    async def test_retention_by_age_trims_at_the_next_append(self, tmp_path: Path) -> None:
        clock = ManualClock()
        async with self.open_log(tmp_path, Retention(age=10), clock) as log:
            await log.append(make_updates(2))
            clock.now += 6
            await log.append(make_updates(1))
            assert (await log.read(0, 10)).first == 1
            clock.now += 6
            await log.append(make_updates(1))

            assert positions_of((await log.read(0, 10)).entries) == [3, 4]

    async def test_a_clock_that_goes_back_loses_nothing(self, tmp_path: Path) -> None:
        clock = ManualClock()
        async with self.open_log(tmp_path, Retention(age=10), clock) as log:
            await log.append(make_updates(1))
            clock.now -= 100_000
            await log.append(make_updates(1))

            assert positions_of((await log.read(0, 10)).entries) == [1, 2]

    async def test_a_long_run_of_trims_keeps_count_and_size(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=700, size=40_000)) as log:
            for length in (1, 50, 200, 3) * 4:
                await log.append([make_update("x" * length)] * 300)
            entries = (await log.read(0, 10_000)).entries

            sizes = [3 + len(entry.update.event.data) for entry in entries]
            assert positions_of(entries) == list(range(4801 - len(entries), 4801))
            assert len(entries) == 300 + 188  # 300 of 6 bytes, and as many of 203 bytes as fit beside them
            assert sum(sizes) <= 40_000 < sum(sizes) + 203


def make_private(private: bool) -> Update:
    """Return an update that is private, or not."""
    return Update(("t",), Event("x"), private)
