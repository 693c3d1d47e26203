"""What one match costs: typical, many and hostile selectors, in µs per match.

Run: PYTHONPATH=src python benchmarks/micro/matching.py

"parse" is `Selector(text)`, "first" is that and the first match, which compiles, "match" is each later match; the
best of several runs of about 20 ms. "at 1/4" is a match of a quarter of the topic: linear time
makes it a quarter, or nothing where the topic is then too short for the literals.

The last table is of a whole hub, in this process: how long a publish on a topic that is new takes to reach a subscriber
of that very topic, in ms, beside so many others who each ask for 100 templates of the kind that costs the most.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.selector import Selector
from longwave.hub import Hub

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.core.frame import Payload

RUNS = 5
RUN_SECONDS = 0.02
PUBLISHES = 20  # beside hostile subscriptions

TYPICAL = [
    ("*", "https://example.com/books/1234"),
    ("https://example.com/books/1234", "https://example.com/books/1234"),
    ("https://example.com/books/1234", "https://example.com/books/5678"),
    ("https://example.com/books/{id}", "https://example.com/books/1234"),
    ("https://example.com/books/{id}", "https://example.org/books/1234"),
    ("https://example.com/books/{id}.json", "https://example.com/books/1234.json"),
    ("https://example.com/users/{user}/books/{book}", "https://example.com/users/dunglas/books/1234"),
    ("https://example.com/{+path}", "https://example.com/users/dunglas/books/1234"),
    ("https://example.com/books{/id,part}{?page}", "https://example.com/books/1234/notes?page=2"),
    ("https://{host}/users{/user}{/media}", "https://example.com/users/kevin/pics"),
    ("/{room}.{language}", "/living-room.fr"),
]

HOSTILE = [
    ("{x*}", lambda n: "," * n + "!"),
    ("{a}{b}{c}", lambda n: "a" * n + "!"),
    ("{a}" * 1365, lambda n: "a" * n + "!"),
    ("{+a}" + "a" * 4000 + "{+b}", lambda n: "a" * n + "a"),
    ("{+a}" + "a{+a}" * 800, lambda n: "a" * n + "a"),
    ("{/a}" * 1024, lambda n: "/a" * (n // 2)),
    ("{/" + "a," * 2040 + "a}{/b}", lambda n: "/a" * (n // 2)),
    ("{+a}{+b}" + "a%41" * 500 + "{+b}", lambda n: "a%41" * (n // 4)),
    ("a{/x}b" * 680, lambda n: "a/1b" * (n // 4)),
]


def microseconds(call: Callable[[], object]) -> float:
    """Return the µs of one call: the best of a few runs."""
    return 1e6 * min(_seconds_per_call(call) for _ in range(RUNS))


def _seconds_per_call(call: Callable[[], object]) -> float:
    calls = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < RUN_SECONDS:
        for _ in range(10):
            call()
        calls += 10
    return spent / calls


def _parse_and_match(text: str, topic: str) -> bool:
    return Selector(text).matches(topic)


def _match_all(selectors: list[Selector], topic: str) -> None:
    for selector in selectors:
        selector.matches(topic)


def print_typical() -> None:
    """Print one line per ordinary selector."""
    print(f"{'typical selector':48}{'parse':>8}{'first':>8}{'match':>8}")
    for text, topic in TYPICAL:
        selector = Selector(text)
        parse = microseconds(partial(Selector, text))
        first = microseconds(partial(_parse_and_match, text, topic))
        match = microseconds(partial(selector.matches, topic))
        print(f"{text:48}{parse:8.2f}{first:8.2f}{match:8.2f}")


def print_many() -> None:
    """Print what one topic costs against many templates, of which one or all match."""
    print(f"\n{'1,000 templates, one topic':48}{'':16}{'match':>8}")
    topic = "https://example.com/rooms/7/messages/1234"
    shapes = {
        "the prefix differs": "https://example.com/rooms/{n}x/{{kind}}/{{id}}",
        "all match": "https://example.com/rooms/7/{{kind}}/{{id}}",
    }
    for name, shape in shapes.items():
        selectors = [Selector(shape.format(n=n)) for n in range(1000)]
        spent = microseconds(partial(_match_all, selectors, topic))
        print(f"{name:48}{'':16}{spent / 1000:8.2f}")


def print_hostile() -> None:
    """Print one line per selector that is made to be slow, against a topic of 4,096 characters."""
    print(f"\n{'hostile selector, 4 KiB topic':48}{'parse':>8}{'at 1/4':>8}{'match':>8}")
    for text, topic in HOSTILE:
        selector = Selector(text)
        parse = microseconds(partial(Selector, text))
        quarter = microseconds(partial(selector.matches, topic(1023)))
        match = microseconds(partial(selector.matches, topic(4095)))
        print(f"{text[:24]:24}{len(text):6} characters{'':7}{parse:8.1f}{quarter:8.1f}{match:8.1f}")


class NotingSink:
    """Takes everything, and sets an event when it does."""

    def __init__(self) -> None:
        self.taken = asyncio.Event()

    def send(self, payload: Payload, _: int, /) -> int:
        self.taken.set()
        return len(payload)


async def measure_beside(hostile: int, length: int) -> list[float]:
    """Return how many ms each publish took to reach a subscriber of its topic."""
    delays = []
    async with Hub("memory:") as hub:
        for number in range(hostile):
            selectors = audience_of(f"{{+a{number}}}{{b{one}}}" for one in range(100))
            hub.attach(selectors, Format.CHUNKED, NotingSink(), lambda _: None)
        for number in range(PUBLISHES):
            topic = f"https://example.com/{number}/".ljust(length, "a")
            sink = NotingSink()
            hub.attach(audience_of([topic]), Format.CHUNKED, sink, lambda _: None)
            begun = time.perf_counter()
            await hub.publish(topic, "x")
            await sink.taken.wait()
            delays.append((time.perf_counter() - begun) * 1e3)
    return delays


def print_beside() -> None:
    """Print one line per number of hostile subscriptions and length of topics."""
    print(f"\n{'publishes beside hostile subscriptions, ms':48}{'':8}{'median':>8}{'worst':>8}")
    for hostile in (0, 1, 10, 100):
        for length in (100, 4000):
            delays = asyncio.run(measure_beside(hostile, length))
            name = f"{hostile} subscriptions, topics of {length} characters"
            print(f"{name:48}{'':8}{statistics.median(delays):8.2f}{max(delays):8.2f}")


if __name__ == "__main__":
    print_typical()
    print_many()
    print_hostile()
    print_beside()
