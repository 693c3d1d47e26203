"""What parsing and encoding cost: events per second by shape and chunk size, and whether time stays linear.

Run: PYTHONPATH=src python -m benchmarks.micro.eventstream [scale]

Times are processor time of this process, the best of several runs; `scale` shortens or lengthens the streams.
Blocks are about 100 bytes. "time(2n)/time(n)" is about 2 if time grows with the bytes, 4 if with their square.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from longwave.eventstream import Event, Parser, encode

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 5
EVENTS = 50_000
KIB = 1024
MIB = 1024 * 1024
WHOLE = sys.maxsize  # bytes per chunk: all at once

BLOCKS = {
    "data": b"data: " + b"x" * 92 + b"\n\n",
    "id, data": b"id: 0a1b2c3d-123456\ndata: " + b"x" * 72 + b"\n\n",
    "event, id, data": b"event: price\nid: 0a1b2c3d-123456\ndata: " + b"x" * 58 + b"\n\n",
    "id, event, data": b"id: 0a1b2c3d-123456\nevent: price\ndata: " + b"x" * 58 + b"\n\n",
    "event, id, data; CRLF": b"event: price\r\nid: 0a1b2c3d-123456\r\ndata: " + b"x" * 54 + b"\r\n\r\n",
    "data outside ASCII": b"data: " + "ж".encode() * 46 + b"\n\n",
    "two data lines": b"data: " + b"x" * 43 + b"\ndata: " + b"x" * 43 + b"\n\n",
    "event, retry, id, data": b"event: price\nretry: 3000\nid: 0a1b2c3d-123456\ndata: " + b"x" * 46 + b"\n\n",
    "comment, data": b":\ndata: " + b"x" * 90 + b"\n\n",
}

EVENTS_TO_ENCODE = {
    "data": Event("x" * 92),
    "id, data": Event("x" * 72, id="0a1b2c3d-123456"),
    "event, id, data": Event("x" * 58, type="price", id="0a1b2c3d-123456"),
    "all fields": Event("x" * 46, type="price", id="0a1b2c3d-123456", retry=3000),
    "data outside ASCII": Event("ж" * 46),
    "ten data lines": Event("\n".join(["x" * 9] * 10)),
    "64 KiB of data": Event("x" * 64 * KIB),
}

# Name, how to make the stream for n, n, bytes per chunk.
Growing = tuple[str, "Callable[[int], bytes]", int, int]
GROWING: list[Growing] = [
    ("one line of 5 MiB, 1 byte a chunk", lambda n: b"data: " + b"x" * n + b"\n\n", 5 * MIB, 1),
    ("one line of 5 MiB, 1 KiB a chunk", lambda n: b"data: " + b"x" * n + b"\n\n", 5 * MIB, KIB),
    ("a million empty lines", lambda n: b"\n" * n, 1_000_000, WHOLE),
    ("a million empty lines, 1 byte a chunk", lambda n: b"\n" * n, 1_000_000, 1),
    ("40,000 data lines in one event", lambda n: b"data: some text\n" * n + b"\n", 40_000, WHOLE),
    ("40,000 data lines, one a chunk", lambda n: b"data: some text\n" * n + b"\n", 40_000, 16),
    ("200,000 comments", lambda n: b":\n" * n, 200_000, WHOLE),
    ("10,000 events, 1 byte a chunk", lambda n: BLOCKS["id, data"] * n, 10_000, 1),
]


def seconds(call: Callable[[], object], runs: int = RUNS) -> float:
    """Return the processor time of one call: the best of a few runs."""
    return min(_seconds_once(call) for _ in range(runs))


def _seconds_once(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def parse(chunks: list[bytes]) -> int:
    """Return the number of events that a new parser reads from the chunks."""
    feed = Parser().feed
    count = 0
    for chunk in chunks:
        count += len(feed(chunk))
    return count


def cut(stream: bytes, size: int) -> list[bytes]:
    """Return the stream in chunks of `size` bytes."""
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def events_per_second(block: bytes, size: int, count: int) -> float:
    """Return how fast `count` such blocks are parsed; every one must give an event."""
    chunks = cut(block * count, size)
    if parse(chunks) != count:
        raise AssertionError(f"expected {count} events of {block!r}, got {parse(chunks)}")
    return count / seconds(lambda: parse(chunks))


def encodes_per_second(event: Event, count: int) -> float:
    """Return how fast one event is encoded."""

    def run() -> None:
        for _ in range(count):
            encode(event)

    return count / seconds(run)


def print_parsing(scale: float) -> dict[str, float]:
    """Print events per second by shape and chunk size; return those of 64 KiB chunks."""
    print(f"{'parsed events/s, chunks of':40}{'64 KiB':>12}{'4 KiB':>12}{'one event':>12}{'1 byte':>12}")
    rates = {}
    for name, block in BLOCKS.items():
        count = max(1, int(EVENTS * scale))
        row = [events_per_second(block, size, count) for size in (64 * KIB, 4 * KIB, len(block))]
        row.append(events_per_second(block, 1, max(1, count // 20)))
        print(f"{name:40}" + "".join(f"{rate:12,.0f}" for rate in row))
        rates[name] = row[0]
    return rates


def print_encoding(scale: float) -> dict[str, float]:
    """Print and return encoded events per second by shape."""
    print(f"\n{'encoded events/s':40}")
    rates = {}
    for name, event in EVENTS_TO_ENCODE.items():
        rates[name] = encodes_per_second(event, max(1, int(EVENTS * scale)))
        print(f"{name:40}{rates[name]:12,.0f}")
    return rates


def print_growth(scale: float) -> dict[str, float]:
    """Print seconds for n and what twice as much takes, relative to it; return the latter by shape."""
    print(f"\n{'never quadratic':40}{'seconds(n)':>12}{'time(2n)/time(n)':>20}")
    ratios = {}
    for name, make, size, step in GROWING:
        n = max(1000, int(size * scale))
        once, twice = (_seconds_to_parse(cut(make(length), step)) for length in (n, 2 * n))
        ratios[name] = twice / once
        print(f"{name:40}{once:12.3f}{ratios[name]:20.2f}")
    return ratios


def _seconds_to_parse(chunks: list[bytes]) -> float:
    return seconds(lambda: parse(chunks), runs=2)


def main(scale: float = 1.0) -> dict[str, dict[str, float]]:
    """Print all tables; return them as {"parse" | "encode": events per second, "growth": ratios}.

    scale: length of the streams; 0.01 takes about a second.
    """
    return {
        "parse": print_parsing(scale),
        "encode": print_encoding(scale),
        "growth": print_growth(scale),
    }


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
