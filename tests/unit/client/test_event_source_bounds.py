"""How much of a stream a source holds: a piece of a chunk, and nothing of a connection that is left."""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.event_source import PIECE
from unit.client.scripted_sources import source_over, take, take_all, transport_reads
from unit.client.scripted_transport import HANG, URL, Recorder, Stream, event
from virtual_time import in_virtual_time


@in_virtual_time
async def test_of_a_huge_chunk_only_a_piece_is_parsed_at_a_time():
    """So that a chunk of tiny events does not become a hundred times its size in objects."""
    one = b"data:1\n\n"
    source, _ = source_over(Stream(one * (4 * PIECE // len(one)), HANG))
    most = 0
    for _ in range(4 * PIECE // len(one)):
        await anext(source)
        most = max(most, len(source._ready))

    assert most <= PIECE // len(one)
    await source.close()


@in_virtual_time
async def test_what_is_left_of_a_chunk_goes_with_its_connection():
    source, transport = source_over(
        Stream(b"data: " + b"x" * (2 * PIECE) + b"\n\n" + event(1), HANG), Stream(event(2)), max_line=3 * PIECE
    )
    assert len((await take(source, 1))[0]) == 2 * PIECE
    assert await take(source, 1) == ["1"]
    task = asyncio.create_task(anext(source))
    await transport_reads(transport)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await take_all(source) == ["2"]


@in_virtual_time
async def test_stalled_stream_is_left_with_all_that_is_unread_of_it():
    """Heartbeats alone came, more of them than are read at a time; what follows comes again on the next stream."""
    recorder = Recorder()
    source, _ = source_over(
        Stream(b":\n" * PIECE + event(1)), Stream(event(2)), event_idle=1e-9, observer=recorder, max_line=100
    )

    assert await take_all(source) == ["2"]
    assert next(news[1] for news in recorder.told if news[0] == "retry") == f"{URL}: no event came for 1e-09 s"
