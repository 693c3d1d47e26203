"""A span of time as people say it, in messages about tokens.

Not here: durations that somebody writes and reads again (cli/quantity.py), which lose nothing.
"""

from __future__ import annotations

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
FINE = 10.0  # seconds; below it one decimal is told


def format_span(seconds: float) -> str:
    """Return a time of 0 seconds or more in its two largest units: `29d23h`, `1h1m`, `59m59s`, `9.5s`, `0s`.

    A moment that is not 0 is told as `0.1s` at least.
    """
    tenths = round(seconds, 1) if seconds else 0.0
    if tenths < FINE:
        return f"{max(tenths, 0.1) if seconds else 0.0:g}s"
    left = round(seconds)
    parts = []
    for unit, size in UNITS:
        number, left = divmod(left, size)
        parts.append(f"{number}{unit}" if number else "")
    first = next(place for place, part in enumerate(parts) if part)
    return "".join(parts[first : first + 2])
