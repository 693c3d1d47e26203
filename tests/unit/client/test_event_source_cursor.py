"""Which id counts as processed, when it is saved, and what a cursor that cannot save changes."""

from __future__ import annotations

import asyncio

import pytest

from unit.client.scripted_sources import source_over, take, take_all, transport_reads
from unit.client.scripted_transport import EVENT_STREAM, HANG, Kept, Stream, event
from virtual_time import in_virtual_time


@in_virtual_time
async def test_id_counts_once_the_next_event_is_asked_for():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2), event(3)), cursor=kept)
    seen = [(received.id, source.last_event_id, list(kept.saved)) async for received in source]

    assert seen == [("1", "", []), ("2", "1", ["1"]), ("3", "2", ["1", "2"])]
    assert kept.saved == ["1", "2", "3"]


@in_virtual_time
async def test_commit_counts_at_once_and_once():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2)), cursor=kept)
    await anext(source)
    source.commit()
    source.commit()

    assert kept.saved == ["1"]
    assert source.last_event_id == "1"
    await anext(source)
    assert kept.saved == ["1"]


@in_virtual_time
async def test_cursor_counts_more_than_the_first_id():
    source, transport = source_over(cursor=Kept("9"), last_event_id="3")
    await take_all(source)

    assert transport.resumed_after == ["9"]
    assert source.last_event_id == "9"


@in_virtual_time
async def test_block_without_data_counts_after_the_events_before_it():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + b"id: 5\n\n"), cursor=kept)

    assert await take_all(source) == ["1"]
    assert kept.saved == ["1", "5"]


@in_virtual_time
async def test_events_without_ids_are_not_saved_again():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + b"data: a\n\ndata: b\n\n"), cursor=kept)

    assert await take_all(source) == ["1", "a", "b"]
    assert kept.saved == ["1"]


@in_virtual_time
async def test_id_that_the_hub_names_at_the_start_is_saved():
    kept = Kept()
    source, transport = source_over(
        Stream(HANG, headers={**EVENT_STREAM, "last-event-id": "4"}), Stream(status=204), cursor=kept
    )
    task = asyncio.create_task(anext(source))
    await transport_reads(transport)
    await source.close()
    with pytest.raises(StopAsyncIteration):
        await task

    assert kept.saved == ["4"]


@in_virtual_time
async def test_events_that_were_not_handed_out_do_not_count():
    """They came in the same chunk, and the parser is past them: after a restart they must come again."""
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2) + event(3), HANG), cursor=kept)
    await anext(source)
    await source.close()

    assert await take_all(source) == []
    assert kept.saved == ["1"]
    assert source.last_event_id == "1"


@in_virtual_time
async def test_event_whose_work_failed_does_not_count():
    kept = Kept()
    source, _ = source_over(Stream(event(1) + event(2)), cursor=kept)

    async def work():
        async with source:
            async for received in source:
                _ = 1 / (2 - int(received.data))

    with pytest.raises(ZeroDivisionError):
        await work()

    assert kept.saved == ["1"]


@in_virtual_time
async def test_cursor_that_cannot_save_stops_nothing_and_loses_nothing():
    kept = Kept(fails=2)
    source, transport = source_over(Stream(event(1) + event(2)), cursor=kept)
    assert await take(source, 1) == ["1"]
    for _ in range(2):
        with pytest.raises(OSError, match="disk full"):
            await anext(source)

    assert await take(source, 1) == ["2"]
    assert kept.saved == ["1"]
    kept.fails = 1
    with pytest.raises(OSError, match="disk full"):
        await anext(source)
    assert await take_all(source) == []
    assert kept.saved == ["1", "2"]
    assert len(transport.requests) == 2


@in_virtual_time
async def test_cursor_that_fails_at_a_block_without_data_keeps_the_connection():
    kept = Kept(fails=1)
    source, transport = source_over(Stream(b"id: 5\n\n", event(6)), cursor=kept)
    with pytest.raises(OSError, match="disk full"):
        await anext(source)

    assert await take(source, 1) == ["6"]
    assert kept.saved == ["5"]
    assert len(transport.requests) == 1
