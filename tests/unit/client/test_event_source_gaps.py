"""Gaps that a hub tells of: events by default, or told to the user's callable instead."""

from __future__ import annotations

import asyncio

import pytest

from longwave.core.gap import raise_gap
from longwave.errors import GapFound
from unit.client.scripted_sources import GAP, gap_stream, source_over, take, take_all
from unit.client.scripted_transport import Kept, Stream
from virtual_time import in_virtual_time


@in_virtual_time
async def test_gap_is_an_event_by_default():
    source, _ = source_over(gap_stream())
    events = [await anext(source) for _ in range(3)]
    await source.close()

    assert [received.type for received in events] == ["message", "gap", "message"]


@pytest.mark.parametrize("is_async", [False, True])
@in_virtual_time
async def test_gap_is_told_instead_and_counts(is_async):
    gaps, kept = [], Kept()

    async def on_gap(gap):
        await asyncio.sleep(0)
        gaps.append(gap)

    source, _ = source_over(gap_stream(), on_gap=on_gap if is_async else gaps.append, cursor=kept)

    assert await take(source, 2) == ["1", "6"]
    assert gaps == [GAP]
    assert kept.saved == ["1", "5"]
    await source.close()


@in_virtual_time
async def test_what_on_gap_raises_reaches_the_consumer_once_and_ends_nothing():
    source, transport = source_over(gap_stream(), on_gap=raise_gap)
    assert await take(source, 1) == ["1"]
    with pytest.raises(GapFound):
        await anext(source)

    assert await take(source, 1) == ["6"]
    assert len(transport.requests) == 1
    await source.close()


@in_virtual_time
async def test_event_that_only_has_the_type_of_a_gap_is_an_event():
    source, _ = source_over(Stream(b"event: gap\ndata: mind it\n\n"), on_gap=raise_gap)

    assert await take_all(source) == ["mind it"]
