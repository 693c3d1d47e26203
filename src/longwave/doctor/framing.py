"""What the bytes of an event stream say beyond its events: line ends, blocks, sizes, and when each came.

Not here: what is good or bad about it (checks_framing.py), events as clients get them (eventstream/parser.py).
Rules that always hold: pieces may be cut anywhere; times grow; a block ends with a blank line, and what is after the
last one is `unfinished`; the time grows with the bytes only, and what is kept is bounded by MAX_LINES.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

BOM = b"\xef\xbb\xbf"
FIELDS = frozenset({b"data", b"event", b"id", b"retry"})
MAX_NAMES = 5  # of unknown fields that are kept
MAX_LINES = 200_000  # that are read; what is after them is only searched for bytes that should not be there

_LINE = re.compile(rb"([^\r\n]*+)(\r\n|\n|\r)")
# What str.splitlines() ends a line at, and the standard does not: VT, FF, FS, GS, RS, NEL, LS, PS.
_SEPARATORS = re.compile(rb"[\x0b\x0c\x1c-\x1e]|\xc2\x85|\xe2\x80[\xa8\xa9]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came together; `at`: seconds since the request."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Block:
    """The lines before a blank one.

    at: when its blank line came. size: bytes of data; None where no line is data, so that there is no event.
    id: the last one, "" as bytes included; None without one. fields: lines that are no comment.
    """

    at: float
    size: int | None
    id: bytes | None
    type: bytes
    comments: int
    fields: int

    @property
    def is_event(self) -> bool:
        """Whether a client gets an event of it."""
        return self.size is not None


@dataclass(frozen=True, slots=True)
class LineEnds:
    """How many lines ended in which way."""

    lf: int = 0
    crlf: int = 0
    cr: int = 0


@dataclass(frozen=True, slots=True)
class Framing:
    """What some pieces of a stream say.

    comments: when each comment line came. retries: the values of `retry`, as they came. unknown: names of fields that
    mean nothing, the first few. longest_line, largest_event: bytes, unfinished ones included. invalid_at: place of the
    first byte that is not UTF-8, or None. separator: the first character that only some clients end a line at.
    unfinished: bytes after the last blank line.
    """

    size: int = 0
    blocks: tuple[Block, ...] = ()
    comments: tuple[float, ...] = ()
    retries: tuple[bytes, ...] = ()
    unknown: tuple[bytes, ...] = ()
    line_ends: LineEnds = LineEnds()
    longest_line: int = 0
    largest_event: int = 0
    has_bom: bool = False
    invalid_at: int | None = None
    separator: str = ""
    unfinished: int = 0

    @property
    def events(self) -> list[Block]:
        """The blocks that are events."""
        return [block for block in self.blocks if block.is_event]

    @property
    def ids(self) -> list[bytes]:
        """The ids of the events that have one, in order."""
        return [block.id for block in self.events if block.id]


def read_framing(pieces: Sequence[Piece]) -> Framing:
    """Return what the pieces, in the order in which they came, say."""
    body = b"".join(piece.data for piece in pieces)
    reader = _Reader(pieces)
    text = body.removeprefix(BOM)
    # Up to the last line end only: a search in an unfinished line begins anew at each of its bytes.
    end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
    read_all = reader.read_lines(text, end, len(body) - len(text)) == end
    rest = text[end:]
    return Framing(
        size=len(body),
        blocks=tuple(reader.blocks),
        comments=tuple(reader.comments),
        retries=tuple(reader.retries),
        unknown=tuple(reader.unknown),
        line_ends=LineEnds(*(reader.ends[end] for end in (b"\n", b"\r\n", b"\r"))),
        longest_line=max(reader.longest, len(rest)),
        largest_event=max(reader.largest, (reader.size or 0) + (len(rest) if rest.startswith(b"data:") else 0)),
        has_bom=body.startswith(BOM),
        invalid_at=find_invalid(body),
        separator=find_separator(body),
        unfinished=len(text) - reader.block_end if read_all else 0,
    )


def find_invalid(body: bytes) -> int | None:
    """Return the place of the first byte that is not UTF-8; a character that is only cut off at the end is none."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return None if error.reason == "unexpected end of data" else error.start
    return None


def find_separator(body: bytes) -> str:
    """Return the first character that `str.splitlines` takes for a line end and the standard does not, as U+XXXX."""
    found = _SEPARATORS.search(body)
    return f"U+{ord(found[0].decode()):04X}" if found else ""


class _Reader:
    """Collects what the lines say."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._times = [piece.at for piece in pieces]
        self._ends = list(accumulate(len(piece.data) for piece in pieces))
        self.blocks: list[Block] = []
        self.comments: list[float] = []
        self.retries: list[bytes] = []
        self.unknown: dict[bytes, None] = {}
        self.ends = {b"\n": 0, b"\r\n": 0, b"\r": 0}
        self.longest = self.largest = self.block_end = 0
        self._start_block()

    def read_lines(self, text: bytes, stop: int, offset: int) -> int:
        """Read the lines before `stop`, where one ends; return how far that went. offset: of the text in the body."""
        end = 0
        for match in islice(_LINE.finditer(text, 0, stop), MAX_LINES):
            line, line_end = match.groups()
            end = match.end()
            self.ends[line_end] += 1
            self.longest = max(self.longest, len(line))
            at = self._times[bisect_right(self._ends, offset + end - 1)]
            if line:
                self._read_line(line, at)
            else:
                self._end_block(at)
                self.block_end = end
        return end

    def _start_block(self) -> None:
        self.size: int | None = None
        self._id: bytes | None = None
        self._type = b""
        self._comments = self._fields = 0

    def _read_line(self, line: bytes, at: float) -> None:
        name, _, value = line.partition(b":")
        if not name:
            self._comments += 1
            self.comments.append(at)
            return
        self._fields += 1
        self._read_field(name, value.removeprefix(b" "))

    def _read_field(self, name: bytes, value: bytes) -> None:
        if name == b"data":
            self.size = len(value) if self.size is None else self.size + 1 + len(value)
        elif name == b"id":
            self._id = value
        elif name == b"event":
            self._type = value
        elif name == b"retry":
            self.retries.append(value)
        elif len(self.unknown) < MAX_NAMES:
            self.unknown[name] = None

    def _end_block(self, at: float) -> None:
        self.blocks.append(Block(at, self.size, self._id, self._type, self._comments, self._fields))
        self.largest = max(self.largest, self.size or 0)
        self._start_block()
