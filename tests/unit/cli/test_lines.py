"""Bytes of a pipe to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.cli.lines import MAX_LINE, Lines
from longwave.errors import InvalidValue


def read(*chunks):
    lines = Lines()
    return [line for chunk in chunks for line in lines.feed(chunk)] + lines.end()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\nb", ["a", "b"]),
        (b"\n\nx\n", ["", "", "x"]),
        (b"a\rb\n", ["a\rb"]),
        ("é\u2028x\n".encode(), ["é\u2028x"]),
        (b"\xff\n", ["\ufffd"]),
    ],
)
def test_lines_end_with_lf_or_crlf_only(text, lines):
    assert read(text) == lines


@given(st.lists(st.binary(max_size=8).map(lambda b: b.replace(b"0", b"\n")), max_size=20))
def test_cuts_make_no_difference(chunks):
    assert read(*chunks) == read(b"".join(chunks))


def test_line_is_given_by_the_chunk_that_ends_it():
    lines = Lines()

    assert [lines.feed(b"a"), lines.feed(b"b\nc"), lines.feed(b"\n")] == [[], ["ab"], ["c"]]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_line_beyond_the_limit_is_named(end):
    lines = Lines()
    lines.feed(b"first\nsecond\n")

    with pytest.raises(InvalidValue, match=f"^line 3: expected at most {MAX_LINE} bytes, got more$"):
        lines.feed(b"x" * (MAX_LINE + 1) + end)


def test_longest_line_is_taken():
    assert read(b"x" * MAX_LINE + b"\n") == ["x" * MAX_LINE]
