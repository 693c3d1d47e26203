"""What a publish costs with very many topics, and with very many templates.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.topics [--topics 100000] [--templates 1000] [--rounds 5]

Each topic has a subscriber of its own, on a sink that takes everything; a publish goes to one of them. With templates
`first` is a topic that was not published before, so that each template is matched; `again` is one that was. The cost
must not depend on the number of topics, and only the first publish of a topic on the number of templates.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from typing import TYPE_CHECKING

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.template_set import MAX_REMEMBERED_TOPICS
from longwave.hub import Hub

if TYPE_CHECKING:
    from longwave.core.frame import Payload

PUBLISHES = 2000  # of one round


class CountingSink:
    """Takes everything, and counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def send(self, payload: Payload, _: int, /) -> int:
        self.calls += 1
        return len(payload)


async def publish_all(hub: Hub, topics: list[str]) -> float:
    """Return the microseconds of processor that a publish took."""
    begun = time.process_time()
    for topic in topics:
        await hub.publish(topic, "x")
    await asyncio.sleep(0)
    return (time.process_time() - begun) / len(topics) * 1e6


async def measure_topics(topics: int, rounds: int) -> float:
    """Return the median cost of a publish to one of so many topics with a subscriber each."""
    sink = CountingSink()
    async with Hub("memory:") as hub:
        for number in range(topics):
            hub.attach(audience_of([f"topic/{number}"]), Format.CHUNKED, sink, lambda _: None)
        wanted = [f"topic/{number * 7919 % topics}" for number in range(PUBLISHES)]
        costs = [await publish_all(hub, wanted) for _ in range(rounds)]
    check(sink.calls, len(wanted) * rounds)
    return statistics.median(costs)


async def measure_templates(templates: int, rounds: int) -> tuple[float, float]:
    """Return the median cost of the first publish of a topic, and of later ones, beside so many templates."""
    sink = CountingSink()
    async with Hub("memory:") as hub:
        for number in range(templates):
            hub.attach(audience_of([f"shop/{number}/{{item}}"]), Format.CHUNKED, sink, lambda _: None)
        first, again = [], []
        for turn in range(rounds):
            wanted = [f"shop/{number % templates}/{turn}-{number}" for number in range(PUBLISHES // 10)]
            first.append(await publish_all(hub, wanted))
            again.append(await publish_all(hub, wanted))
        for number in range(MAX_REMEMBERED_TOPICS // 4):
            await hub.publish(f"elsewhere/{number}")
        remembered = len(hub._prompt._index._asking.templates._remembered)
    check(sink.calls, 2 * len(wanted) * rounds)
    if remembered > MAX_REMEMBERED_TOPICS:
        raise AssertionError(f"expected at most {MAX_REMEMBERED_TOPICS} remembered topics, got {remembered}")
    return statistics.median(first), statistics.median(again)


def check(sent: int, expected: int) -> None:
    """Fail unless each publish reached exactly one subscriber."""
    if sent != expected:
        raise AssertionError(f"expected {expected} deliveries, got {sent}")


def run(*, topics: int = 100_000, templates: int = 1000, rounds: int = 5) -> None:
    """Print the table."""
    print(f"{'us CPU a publish':>34}")
    for count in (topics // 1000, topics):
        print(f"{count:10,} topics {asyncio.run(measure_topics(count, rounds)):16.1f}")
    for count in (templates // 100, templates):
        first, again = asyncio.run(measure_templates(count, rounds))
        print(f"{count:10,} templates {again:13.1f}, the first of a topic {first:.1f}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=100_000)
    parser.add_argument("--templates", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(topics=options.topics, templates=options.templates, rounds=options.rounds)


if __name__ == "__main__":
    main()
