"""Event sources over a scripted transport, and what is taken from them: shared by the tests of the event source.

Not here: the transport and its streams (scripted_transport.py), what is asked of a source.
"""

from __future__ import annotations

from longwave.client.event_source import EventSource
from longwave.core.gap import Gap, Reason
from longwave.eventstream import encode
from unit.client.scripted_transport import HANG, URL, Stream, Transport, event
from virtual_time import until

GAP = Gap(Reason.EXPIRED, "1", "5")


def source_over(*script, url=URL, on_open=None, **options):
    transport = Transport(*script, on_open=on_open)
    return EventSource(url, transport=transport, **options), transport


async def take(source, count):
    return [(await anext(source)).data for _ in range(count)]


async def take_all(source):
    return [event.data async for event in source]


async def transport_reads(transport):
    """Wait until the last stream hangs."""
    await until(lambda: transport.streams and transport.streams[-1].reading.is_set())


def gap_stream():
    return Stream(event(1) + encode(GAP.event()) + event(6), HANG)
