"""Quantities on the command line: durations, sizes, counts, numbers and rates, both ways between text and numbers.

Not here: which options take them (settings.py and each command).
Rules that always hold: `parse_duration(format_duration(x)) == x` and `parse_size(format_size(n)) == n`; a number
without a unit is seconds or bytes; what cannot be read is refused with one sentence.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

import click

from longwave.errors import InvalidValue
from longwave.server.limits.rate_limits import Rate

MAX_DURATION = 36_500 * 86_400.0  # seconds; a hundred years, which every clock of the system can hold
MAX_WHOLE = 2**63 - 1  # what SQLite and C interfaces hold

_SECONDS = {"d": Fraction(86_400), "h": Fraction(3_600), "m": Fraction(60), "s": Fraction(1), "ms": Fraction(1, 1000)}
_BINARY = {"TiB": 2**40, "GiB": 2**30, "MiB": 2**20, "KiB": 2**10}
_BYTES = {**_BINARY, "TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}
_BYTES_BY_NAME = {name.lower(): factor for name, factor in _BYTES.items()}

_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{1,20})?"
_PLAIN = re.compile(_NUMBER)
_DURATION = re.compile("".join(f"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _SECONDS))
_SIZE = re.compile(rf"({_NUMBER}) ?([a-z]{{1,3}})")


def parse_duration(text: str) -> float:
    """Return the seconds that `text` says: `15s`, `500ms`, `7d`, `1h30m`, or a plain number of seconds.

    Raises ValueError with the reason.
    """
    seconds = _read_duration(text.strip())
    if seconds is None:
        raise ValueError(f"expected a duration such as 500ms, 15s, 1h30m or 7d, got {text!r}")
    return _check_duration(float(seconds))


def parse_size(text: str) -> int:
    """Return the bytes that `text` says: `64KiB` (1,024 each), `10MB` (1,000,000 each), or a plain number of bytes.

    Raises ValueError with the reason.
    """
    size = _read_size(text.strip())
    if size is None:
        raise ValueError(f"expected a size such as 512, 64KiB, 10MB or 1GiB, got {text!r}")
    if size.denominator != 1:
        raise ValueError(f"expected whole bytes, got {text!r}")
    return _check_whole(int(size))


def parse_count(text: str) -> int:
    """Return the whole number that `text` says. Raises ValueError with the reason."""
    if re.fullmatch(r"[0-9]{1,20}", text.strip()) is None:
        raise ValueError(f"expected a whole number, got {text!r}")
    return _check_whole(int(text))


def format_duration(seconds: float) -> str:
    """Return `seconds` in the largest unit that needs no fraction: `7d`, `90s`, `500ms`."""
    exact = Fraction(repr(seconds))
    for unit, factor in _SECONDS.items():
        if exact and exact % factor == 0:
            return f"{exact / factor}{unit}"
    return f"{seconds:.20f}".rstrip("0").rstrip(".") + "s"


def format_size(size: int) -> str:
    """Return `size` bytes in the largest unit that needs no fraction: `1GiB`, `1500B`, `0B`."""
    for unit, factor in _BINARY.items():
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def _read_duration(text: str) -> Fraction | None:
    if _PLAIN.fullmatch(text):
        return Fraction(text)
    match = _DURATION.fullmatch(text.lower())
    if match is None or not text:
        return None
    return sum((Fraction(number) * _SECONDS[unit] for unit, number in match.groupdict().items() if number), Fraction(0))


def _read_size(text: str) -> Fraction | None:
    if _PLAIN.fullmatch(text):
        return Fraction(text)
    match = _SIZE.fullmatch(text.lower())
    if match is None or match[2] not in _BYTES_BY_NAME:
        return None
    return Fraction(match[1]) * _BYTES_BY_NAME[match[2]]


def _check_duration(seconds: float) -> float:
    if not math.isfinite(seconds) or not 0 <= seconds <= MAX_DURATION:
        raise ValueError(f"expected 0 to {MAX_DURATION:.0f} seconds, got {seconds:g}")
    return seconds


def _check_whole(number: int) -> int:
    if not 0 <= number <= MAX_WHOLE:
        raise ValueError(f"expected 0 to {MAX_WHOLE}, got {number}")
    return number


# What click calls. A value from a TOML file may be a number already.


class Duration(click.ParamType[float]):
    """Seconds as a float; see `parse_duration`."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds, or fail with one sentence."""
        try:
            return parse_duration(value) if isinstance(value, str) else _check_duration(float(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Size(click.ParamType[int]):
    """Bytes as an int; see `parse_size`."""

    name = "size"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes, or fail with one sentence."""
        try:
            return parse_size(value if isinstance(value, str) else repr(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Count(click.ParamType[int]):
    """A whole number from `least` on; see `parse_count`."""

    def __init__(self, least: int = 0, name: str = "count") -> None:
        self.least = least
        self.name = name

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number, or fail with one sentence."""
        try:
            number = parse_count(value if isinstance(value, str) else repr(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if number < self.least:
            self.fail(f"expected {self.least} or more, got {number}", param, ctx)
        return number


class Number(click.ParamType[float]):
    """A finite number, `above` one and at most another; None for no bound."""

    name = "number"

    def __init__(self, above: float | None = None, most: float | None = None) -> None:
        self.above = above
        self.most = most

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or fail with one sentence."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"expected a number, got {value!r}", param, ctx)
        if self.above is not None and number <= self.above:
            self.fail(f"expected more than {self.above:g}, got {value}", param, ctx)
        if self.most is not None and number > self.most:
            self.fail(f"expected {self.most:g} or less, got {value}", param, ctx)
        return number


class RateType(click.ParamType[Rate]):
    """How much of something is allowed; see `Rate.parse`."""

    name = "rate"

    def convert(self, value: str | float | Rate, param: click.Parameter | None, ctx: click.Context | None) -> Rate:
        """Return the rate, or fail with one sentence."""
        try:
            return value if isinstance(value, Rate) else Rate.parse(str(value))
        except InvalidValue as error:
            self.fail(error.problem, param, ctx)


DURATION = Duration()
SIZE = Size()
COUNT = Count()
NUMBER = Number()
RATE = RateType()
