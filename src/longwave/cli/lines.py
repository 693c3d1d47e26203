"""Bytes of a pipe to lines.

Not here: reading the pipe, what a line becomes (publish.py).
Rules that always hold: the same bytes give the same lines, however they are cut; a line ends with LF or CRLF, and
the last one also with the end; at most `MAX_LINE` bytes of an unfinished line are kept.
"""

from __future__ import annotations

from longwave.errors import InvalidValue

MAX_LINE = 2**20  # bytes; more than a hub takes in one request by default


class Lines:
    """Collects bytes and gives out the lines that end in them."""

    def __init__(self) -> None:
        self._unfinished = bytearray()
        self._number = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Return the lines that end in `chunk`. Raises InvalidValue for a line that is too long."""
        whole, end, rest = chunk.rpartition(b"\n")
        lines: list[bytes] = []
        if end:
            lines = (bytes(self._unfinished) + whole).split(b"\n")
            self._unfinished.clear()
        self._unfinished += rest
        self._check([*lines, self._unfinished])
        self._number += len(lines)
        return [_decode(line) for line in lines]

    def end(self) -> list[str]:
        """Return the last line if it came without a line end."""
        line = bytes(self._unfinished)
        self._unfinished.clear()
        return [_decode(line)] if line else []

    def _check(self, lines: list[bytes | bytearray]) -> None:
        for number, line in enumerate(lines, self._number + 1):
            if len(line) > MAX_LINE:
                raise InvalidValue(f"line {number}", f"expected at most {MAX_LINE} bytes, got more")


def _decode(line: bytes) -> str:
    """Return text; bytes that are not UTF-8 become U+FFFD, as a browser would read them."""
    return line.removesuffix(b"\r").decode(errors="replace")
