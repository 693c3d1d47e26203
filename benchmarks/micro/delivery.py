"""What one delivery costs: the hub's own share with sinks that cost nothing, and with real sockets.

Run: python benchmarks/micro/delivery.py [--subscribers 1000] [--seconds 2] [--size 150]

`alone`: the next event is published when all have the one before. `bursts of 10`: ten events in one append, so that
they share a write. Sockets are Unix pairs whose other ends are emptied between events; that is not in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import select
import socket
import time

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.update import Update
from longwave.eventstream.event import Event
from longwave.hub import Hub


class NullSink:
    """Takes everything."""

    def send(self, payload: bytes, _: int) -> int:
        return len(payload)


class Receivers:
    """The other ends of real sockets."""

    def __init__(self, count: int) -> None:
        self.pairs = [socket.socketpair() for _ in range(count)]
        self._poll = select.epoll()
        for ours, theirs in self.pairs:
            ours.setblocking(False)
            theirs.setblocking(False)
            self._poll.register(theirs, select.EPOLLIN)
        self._by_descriptor = {theirs.fileno(): theirs for _, theirs in self.pairs}

    def empty(self) -> None:
        """Read whatever has come."""
        while found := self._poll.poll(0, 1000):
            for descriptor, _ in found:
                self._by_descriptor[descriptor].recv(1 << 20)

    def close(self) -> None:
        """Close both ends."""
        self._poll.close()
        for pair in self.pairs:
            for sock in pair:
                sock.close()


async def measure(
    name: str, sinks: list, receivers: Receivers | None, *, size: int, burst: int, seconds: float
) -> None:
    """Print one line."""
    async with Hub("memory:") as hub, hub.subscribe("t") as witness:
        audience = audience_of(["t"])
        for sink in sinks:
            feed = hub.attach(audience, Format.CHUNKED, sink, lambda _: None).feed
        updates = [Update(("t",), Event("x" * size))] * burst
        end = time.monotonic() + seconds
        deliveries = 0
        cpu = 0.0
        while time.monotonic() < end:
            begun = time.process_time()
            await hub.append(updates)
            for _ in updates:  # once it has come here, it was handed to the other feed too
                await anext(witness)
            while feed.running:  # noqa: ASYNC110 - nothing tells when a pass ends
                await asyncio.sleep(0)
            cpu += time.process_time() - begun
            deliveries += len(sinks) * burst
            if len(feed.live) != len(sinks):
                raise AssertionError(f"expected {len(sinks)} subscribers that took everything, got {len(feed.live)}")
            if receivers is not None:
                receivers.empty()
    print(f"{name:8} {len(sinks):6} subscribers, bursts of {burst:3}: {cpu / deliveries * 1e6:6.2f} us CPU a delivery")


async def run(*, subscribers: int = 1000, seconds: float = 2.0, size: int = 150) -> None:
    """Measure all cases."""
    for burst in (1, 10):
        await measure("nothing", [NullSink()] * subscribers, None, size=size, burst=burst, seconds=seconds)
        receivers = Receivers(subscribers)
        try:
            sockets = [ours for ours, _ in receivers.pairs]
            await measure("sockets", sockets, receivers, size=size, burst=burst, seconds=seconds)
        finally:
            receivers.close()


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--size", type=int, default=150)
    options = parser.parse_args()
    asyncio.run(run(subscribers=options.subscribers, seconds=options.seconds, size=options.size))


if __name__ == "__main__":
    main()
