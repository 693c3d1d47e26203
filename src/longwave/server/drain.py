"""Draining: ending all streams and connections so that their clients come back spread over time.

Not here: signals (server.py), how long each client is told to wait (core/pacing.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from longwave.core.drop import Drop
from longwave.core.frame import END_OF_CHUNKS, Format, wrap
from longwave.core.pacing import drain_retry
from longwave.eventstream.encoder import encode_retry

if TYPE_CHECKING:
    from longwave.server.site import Site

WAVE = 500  # streams that are ended together
PAUSE = 0.02  # seconds between waves


async def drain(site: Site, seconds: float) -> None:
    """End everything that is open within `seconds`: kindly, and what is left then at once."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await _end_kindly(site)
    for subscriber in site.streams():
        site.hub.delivery.drop(subscriber, Drop.CLOSED)


async def _end_kindly(site: Site) -> None:
    """Let answers be given, tell each stream when to come back, and wait until all have taken it."""
    site.draining = True
    for connection in list(site.connections):
        connection.shut()
    streams = site.streams()
    clients = len(streams) * site.config.workers  # of all, as they are mostly stopped together
    for start in range(0, len(streams), WAVE):
        for subscriber in streams[start : start + WAVE]:
            site.hub.delivery.finish(subscriber, farewell(subscriber.feed.form, clients, random.random()))
        await asyncio.sleep(PAUSE)
    await site.answered()
    await site.emptied()


def farewell(form: Format, clients: int, fraction: float) -> bytes:
    """Return the last bytes of a stream: when its client shall reconnect, and in chunks also their end."""
    retry = wrap(encode_retry(drain_retry(clients, fraction)), form)
    return retry + END_OF_CHUNKS if form is Format.CHUNKED else retry
