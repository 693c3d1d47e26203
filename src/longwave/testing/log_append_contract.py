"""The contract of a log: order, ids, and the life from open to close.

Not here: pages and retention (log_read_contract.py), tails (log_tail_contract.py).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from longwave.core.cursor import Cursor
from longwave.core.update import Update
from longwave.errors import DuplicateId, LogUnavailable
from longwave.eventstream.event import Event
from longwave.logs.retention import Retention
from longwave.testing.log_under_test import (
    GENEROUS,
    PATIENCE,
    LogUnderTest,
    ManualClock,
    make_update,
    make_updates,
    positions_of,
    take,
)

if TYPE_CHECKING:
    from pathlib import Path


class AppendContract(LogUnderTest):
    """What an append promises, also at the end and after it."""

    # Order

    async def test_a_new_log_is_empty(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            page = await log.read(0, 10)

            assert (page.entries, page.first, page.last) == ((), 1, 0)

    async def test_positions_begin_at_one_and_have_no_holes(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            assert await log.append(make_updates(3)) == [1, 2, 3]
            assert await log.append(make_updates(1)) == [4]
            assert positions_of((await log.read(0, 10)).entries) == [1, 2, 3, 4]

    async def test_an_update_comes_back_as_it_was_given(self, tmp_path: Path) -> None:
        data = 'line\nquote " back\\slash \x00 \x1f \x7f \u2028 \ufeff é 漢 😀'
        given = [
            Update(("https://example.com/é/1", "b", 'c"\n,'), Event(data, "type \u2028", "id-é😀", 2500), True),
            Update(("t",), Event("", "message", "0", 0), False),
        ]
        async with self.open_log(tmp_path) as log:
            await log.append(given)

            assert [entry.update for entry in (await log.read(0, 10)).entries] == given

    async def test_many_appends_at_once_are_acknowledged_once_each_and_in_order(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            batches = [[make_update(f"{name}.{number}") for number in range(1 + name % 3)] for name in range(200)]
            answers = await asyncio.gather(*[log.append(batch) for batch in batches])

            stored = {entry.position: entry.update.event.data for entry in (await log.read(0, 1000)).entries}
            expected = {
                position: update.event.data
                for answer, batch in zip(answers, batches, strict=True)
                for position, update in zip(answer, batch, strict=True)
            }
            assert stored == expected
            assert sorted(stored) == list(range(1, sum(map(len, batches)) + 1))
            assert all(answer == list(range(answer[0], answer[0] + len(answer))) for answer in answers)

    async def test_appends_of_one_caller_keep_their_order(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            begun = [asyncio.create_task(log.append([update])) for update in make_updates(50)]
            answers = await asyncio.gather(*begun)

            assert answers == [[number] for number in range(1, 51)]

    async def test_an_empty_append_stores_nothing(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            assert await log.append([]) == []
            assert (await log.read(0, 10)).last == 0

    async def test_a_large_append_is_stored_whole(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            assert await log.append(make_updates(5000)) == list(range(1, 5001))
            assert [entry.update.event.data for entry in (await log.read(4321, 3)).entries] == ["4321", "4322", "4323"]

    # Ids

    async def test_an_update_without_id_gets_one_that_names_epoch_and_position(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(2))

            ids = [entry.update.event.id for entry in (await log.read(0, 10)).entries]
            assert ids == [str(Cursor(log.epoch, 1)), str(Cursor(log.epoch, 2))]

    async def test_an_id_twice_in_one_batch_stores_nothing(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            with pytest.raises(DuplicateId, match="'b'"):
                await log.append([make_update("1", "a"), make_update("2", "b"), make_update("3", "b")])

            assert (await log.read(0, 10)).last == 0
            assert await log.append([make_update("1", "a")]) == [1]

    async def test_an_id_that_is_on_the_log_stores_nothing_of_its_batch(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_update("1", "a")])
            with pytest.raises(DuplicateId, match="'a'"):
                await log.append([make_update("2", "b"), make_update("3", "a")])

            page = await log.read(0, 10)
            assert ([entry.update.event.data for entry in page.entries], page.last) == (["1"], 1)
            assert await log.locate("b") is None

    async def test_only_one_of_many_appends_at_once_gets_an_id(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            appends = [log.append([make_update(str(number), "same"), make_update()]) for number in range(20)]
            answers = await asyncio.gather(*appends, return_exceptions=True)

            assert [1, 2] in answers
            assert sum(isinstance(answer, DuplicateId) for answer in answers) == 19
            assert (await log.read(0, 10)).last == 2

    async def test_a_default_id_of_this_epoch_cannot_be_given(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_update()])
            for position in (0, 1, 2, 99):
                with pytest.raises(DuplicateId):
                    await log.append([make_update("x", str(Cursor(log.epoch, position)))])

            assert (await log.read(0, 10)).last == 1

    async def test_a_default_id_of_another_epoch_is_an_ordinary_id(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            other = str(Cursor("0" * 8 if log.epoch != "0" * 8 else "1" * 8, 7))

            assert await log.append([make_update("x", other)]) == [1]
            assert await log.locate(other) == 1

    async def test_an_id_may_come_again_when_its_entry_was_trimmed(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=1)) as log:
            await log.append([make_update("x", "a")])
            await log.append([make_update("x", "b")])

            assert await log.locate("a") is None
            assert await log.append([make_update("x", "a")]) == [3]
            assert await log.locate("a") == 3

    async def test_locate_finds_ids_given_and_default(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_update("x", "a"), make_update(), make_update("x", "c")])

            assert await log.locate("a") == 1
            assert await log.locate(str(Cursor(log.epoch, 2))) == 2
            assert await log.locate("c") == 3
            assert await log.locate(str(Cursor(log.epoch, 0))) == 0

    async def test_locate_does_not_find_what_the_log_never_had(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.append([make_update("x", "a")])
            other = "0" * 8 if log.epoch != "0" * 8 else "1" * 8
            for unknown in ("b", "", str(Cursor(log.epoch, 2)), str(Cursor(other, 1))):
                assert await log.locate(unknown) is None

    async def test_locate_finds_a_default_id_of_this_epoch_when_it_was_trimmed(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path, Retention(events=1)) as log:
            await log.append(make_updates(3))

            assert await log.locate(str(Cursor(log.epoch, 1))) == 1
            assert (await log.read(1, 10)).first == 3

    # Life

    async def test_a_closed_log_takes_and_gives_nothing(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await log.close()
            with pytest.raises(LogUnavailable, match="closed"):
                await log.append(make_updates(1))
            with pytest.raises(LogUnavailable, match="closed"):
                await log.append([])
            with pytest.raises(LogUnavailable, match="closed"):
                await log.read(0, 1)
            with pytest.raises(LogUnavailable, match="closed"):
                await log.locate("a")
            with pytest.raises(LogUnavailable, match="closed"):
                await log.open()

    async def test_a_log_that_is_not_open_takes_nothing(self, tmp_path: Path) -> None:
        log = self.make_log(tmp_path, GENEROUS, ManualClock())
        with pytest.raises(LogUnavailable, match="not open yet"):
            await log.append(make_updates(1))
        with pytest.raises(LogUnavailable, match="not open yet"):
            await log.read(0, 1)
        await log.close()

    async def test_closing_twice_is_safe_also_at_once(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            await asyncio.gather(log.close(), log.close())
            await log.close()

    async def test_closing_finishes_appends_that_were_begun(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            begun = [asyncio.create_task(log.append(make_updates(1500))) for _ in range(6)]
            await asyncio.sleep(0)
            await log.close()

            async with asyncio.timeout(PATIENCE):
                answers = await asyncio.gather(*begun)
            assert [position for answer in answers for position in answer] == list(range(1, 9001))

    async def test_a_cancelled_caller_takes_no_answer_from_others(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            begun = [asyncio.create_task(log.append([update])) for update in make_updates(6)]
            await asyncio.sleep(0)
            for cancelled in begun[::2]:
                cancelled.cancel()

            async with asyncio.timeout(PATIENCE):
                assert await asyncio.gather(*begun[1::2]) == [[2], [4], [6]]

    async def test_an_append_whose_caller_is_cancelled_is_finished(self, tmp_path: Path) -> None:
        async with self.open_log(tmp_path) as log:
            tail = log.tail(0)
            begun = asyncio.create_task(log.append(make_updates(2)))
            await asyncio.sleep(0)
            begun.cancel()
            await asyncio.wait([begun])

            assert positions_of(await take(tail, 2)) == [1, 2]
            assert await log.append(make_updates(1)) == [3]

    async def test_a_log_goes_on_when_it_is_opened_again(self, tmp_path: Path) -> None:
        if not self.durable:
            pytest.skip("this log is gone when it is closed")
        async with self.open_log(tmp_path, Retention(events=2)) as log:
            epoch = log.epoch
            await log.append([make_update("0"), make_update("1", "a"), make_update("2")])
        async with self.open_log(tmp_path) as log:
            page = await log.read(0, 10)

            assert log.epoch == epoch
            assert ([entry.update.event.data for entry in page.entries], page.first, page.last) == (["1", "2"], 2, 3)
            assert positions_of(await take(log.tail(0), 3)) == [2, 3]
            assert await log.locate(str(Cursor(epoch, 3))) == 3
            with pytest.raises(DuplicateId):
                await log.append([make_update("x", "a")])
            assert await log.append(make_updates(1)) == [4]

    async def test_positions_go_on_when_an_emptied_log_is_opened_again(self, tmp_path: Path) -> None:
        if not self.durable:
            pytest.skip("this log is gone when it is closed")
        clock = ManualClock()
        async with self.open_log(tmp_path, Retention(age=1), clock) as log:
            await log.append(make_updates(7))
            clock.now += 2
            await log.append([])
        async with self.open_log(tmp_path) as log:
            page = await log.read(0, 10)

            assert (page.entries, page.first, page.last) == ((), 8, 7)
            assert await log.append(make_updates(1)) == [8]

    async def test_a_shorter_retention_is_applied_when_a_log_is_opened_again(self, tmp_path: Path) -> None:
        if not self.durable:
            pytest.skip("this log is gone when it is closed")
        async with self.open_log(tmp_path) as log:
            await log.append(make_updates(3000))
        async with self.open_log(tmp_path, Retention(events=10)) as log, asyncio.timeout(PATIENCE):
            while (await log.read(0, 1)).first != 2991:
                await log.append([])

    async def test_two_lives_have_two_epochs(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        async with self.open_log(tmp_path / "a") as one, self.open_log(tmp_path / "b") as other:
            assert one.epoch != other.epoch
            assert len(one.epoch) == 8
