"""How long one publish to very many subscribers holds up the other topics.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.fairness [--subscribers 50000] [--rounds 5]

Everything is in one process. The many are sinks that keep the processor busy for as long as one send takes here, since
a process may not have so many sockets everywhere; `real sockets` are Unix pairs, as many as this one may have. While
the pass over them goes on, events are published to another topic, each when the one before has come: `delay` is from
the publish to its arrival. Without fair passes the first of them would take as long as the whole pass.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import socket
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longwave.core.frame import Payload
    from longwave.core.subscriber import Sink

SEND = 4.4e-6  # seconds of a send, as measured for 5,000 idle subscribers
FILES_BESIDES = 256


class BusySink:
    """Takes everything, and as long as a socket would; counts what it got."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, payload: Payload, _: int, /) -> int:
        end = time.perf_counter() + SEND
        while time.perf_counter() < end:
            pass
        self.taken += len(payload)
        return len(payload)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds: of the whole pass, and of each delay of the other topic meanwhile."""

    whole: float
    delays: list[float]


async def measure(sinks: Sequence[Sink]) -> Round:
    """Publish once to all sinks, and to another topic until they have it."""
    async with Hub("memory:") as hub, hub.subscribe("other") as other:
        audience = audience_of(["many"])
        for sink in sinks:
            feed = hub.attach(audience, Format.CHUNKED, sink, lambda _: None).feed
        await hub.publish("other", "warm-up")
        await anext(other)
        begun = time.perf_counter()
        await hub.publish("many", "x" * 150)
        delays: list[float] = []
        while feed.running:
            published = time.perf_counter()
            await hub.publish("other", str(len(delays)))
            event = await anext(other)
            delays.append(time.perf_counter() - published)
            if event.data != str(len(delays) - 1):
                raise AssertionError(f"expected event {len(delays) - 1}, got {event.data}")
        whole = time.perf_counter() - begun
        if len(feed.live) != len(sinks):
            raise AssertionError(f"expected {len(sinks)} subscribers that took everything, got {len(feed.live)}")
    return Round(whole, delays)


def show(name: str, subscribers: int, rounds: list[Round]) -> None:
    """Print one line."""
    delays = sorted(delay for each in rounds for delay in each.delays)
    whole = statistics.median(each.whole for each in rounds)
    worst = statistics.median(max(each.delays) for each in rounds)
    print(
        f"{name:14} {subscribers:8,} {whole * 1e3:12.1f} {delays[len(delays) // 2] * 1e3:10.2f} "
        f"{delays[len(delays) * 99 // 100] * 1e3:10.2f} {worst * 1e3:10.2f} {len(delays) // len(rounds):8}"
    )


def run_busy(subscribers: int, rounds: int) -> None:
    """Measure with sinks that are no sockets; all must have got the same."""
    sinks = [BusySink() for _ in range(subscribers)]
    show("busy sinks", subscribers, [asyncio.run(measure(sinks)) for _ in range(rounds)])
    if len({sink.taken for sink in sinks}) != 1:
        raise AssertionError("expected all sinks to get the same, got differences")


def run_real(subscribers: int, rounds: int) -> None:
    """Measure with sockets, which are emptied between rounds."""
    pairs = [socket.socketpair() for _ in range(subscribers)]
    measured = []
    try:
        for ours, _ in pairs:
            ours.setblocking(False)
        for _ in range(rounds):
            measured.append(asyncio.run(measure([cast("Sink", ours) for ours, _ in pairs])))
            if len({theirs.recv(4096)[-160:] for _, theirs in pairs}) != 1:
                raise AssertionError("expected all sockets to get the same, got differences")
    finally:
        for pair in pairs:
            for end in pair:
                end.close()
    show("real sockets", subscribers, measured)


def run(*, subscribers: int = 50_000, rounds: int = 5) -> None:
    """Print the table."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(f"{'':14} {'many':>8} {'pass, ms':>12} {'delay p50':>10} {'p99':>10} {'worst':>10} {'events':>8}")
    run_busy(subscribers, rounds)
    run_real(min(subscribers, (hard - FILES_BESIDES) // 2), rounds)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscribers", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(subscribers=options.subscribers, rounds=options.rounds)


if __name__ == "__main__":
    main()
