"""Durations, sizes and counts: what is read, what is refused, and the way back to text."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.cli.quantity import (
    COUNT,
    DURATION,
    MAX_DURATION,
    MAX_WHOLE,
    NUMBER,
    SIZE,
    Count,
    Number,
    format_duration,
    format_size,
    parse_count,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15.0),
        ("500ms", 0.5),
        ("7d", 604_800.0),
        ("2h", 7200.0),
        ("5m", 300.0),
        ("1h30m", 5400.0),
        ("1d2h3m4s5ms", 93_784.005),
        ("15", 15.0),
        ("0", 0.0),
        ("0.25", 0.25),
        ("1.5h", 5400.0),
        (" 15S ", 15.0),
    ],
)
def test_duration_is_read_in_seconds(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "15 s", "-1s", "+1", "1e3", "inf", "nan", "15x", "30m1h", "1s1s", "1_0", "\u0661s", ".5s", "5.s"],
)
def test_other_text_is_no_duration(text):
    with pytest.raises(ValueError, match=r"^expected a duration such as 500ms, 15s, 1h30m or 7d, got "):
        parse_duration(text)


def test_duration_is_bounded():
    assert parse_duration("36500d") == MAX_DURATION
    with pytest.raises(ValueError, match="expected 0 to 3153600000 seconds"):
        parse_duration("36501d")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1GiB", 2**30),
        ("64KiB", 65_536),
        ("64 KiB", 65_536),
        ("64kib", 65_536),
        ("10MB", 10_000_000),
        ("10KB", 10_000),
        ("2TiB", 2**41),
        ("1TB", 10**12),
        ("1GB", 10**9),
        ("512B", 512),
        ("512", 512),
        ("1.5MiB", 1_572_864),
        ("0", 0),
    ],
)
def test_size_is_read_in_bytes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KiB", "1Kib2", "1PiB", "-1", "1e6", "1_000", "1 0", "0x10"])
def test_other_text_is_no_size(text):
    with pytest.raises(ValueError, match=r"^expected a size such as 512, 64KiB, 10MB or 1GiB, got "):
        parse_size(text)


def test_size_is_whole_bytes():
    with pytest.raises(ValueError, match=r"^expected whole bytes, got '1.5B'$"):
        parse_size("1.5B")


def test_size_is_bounded():
    with pytest.raises(ValueError, match=f"expected 0 to {MAX_WHOLE}"):
        parse_size("9999999999TiB")


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1e3", "1_0", "+1", "9" * 30])
def test_other_text_is_no_count(text):
    with pytest.raises(ValueError, match=r"^expected a whole number, got "):
        parse_count(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (15.0, "15s"),
        (604_800.0, "7d"),
        (90.0, "90s"),
        (0.5, "500ms"),
        (5400.0, "90m"),
        (0.0, "0s"),
        (1e-7, "0.0000001s"),
    ],
)
def test_duration_is_written_in_the_largest_unit_without_a_fraction(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(2**30, "1GiB"), (16_384, "16KiB"), (1500, "1500B"), (0, "0B")])
def test_size_is_written_in_the_largest_unit_without_a_fraction(size, text):
    assert format_size(size) == text


@given(st.integers(0, 10**12).map(lambda n: n / 1000).filter(lambda seconds: seconds <= MAX_DURATION))
def test_written_duration_reads_back(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, MAX_WHOLE))
def test_written_size_reads_back(size):
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize(
    ("kind", "value", "converted"),
    [
        (DURATION, "15s", 15.0),
        (DURATION, 2, 2.0),
        (DURATION, 0.5, 0.5),
        (SIZE, "1KiB", 1024),
        (SIZE, 7, 7),
        (COUNT, 7, 7),
        (NUMBER, "-0.5", -0.5),
        (NUMBER, 7, 7.0),
        (Number(above=0, most=2), "2", 2.0),
    ],
)
def test_parameter_takes_text_and_numbers(kind, value, converted):
    found = kind.convert(value, None, None)

    assert found == converted
    assert type(found) is type(converted)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (DURATION, "x"),
        (DURATION, float("inf")),
        (DURATION, float("nan")),
        (DURATION, -1),
        (SIZE, 1.5),
        (SIZE, -1),
        (COUNT, "many"),
        (COUNT, 1.0),
        (Count(1), "0"),
        (NUMBER, "x"),
        (NUMBER, "nan"),
        (NUMBER, "inf"),
        (Number(above=0), "0"),
        (Number(most=2), "2.1"),
    ],
)
def test_parameter_refuses_with_what_was_expected(kind, value):
    with pytest.raises(click.BadParameter, match=r"^expected "):
        kind.convert(value, None, None)
