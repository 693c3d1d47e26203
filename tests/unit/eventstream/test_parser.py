"""Parser: the standard's rules C1 to C12, limits, speed; compared with a slow twin that follows the standard's text."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import time
import tracemalloc
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from longwave.errors import EventTooLarge, InvalidValue, LineTooLong, StreamError
from longwave.eventstream.event import MAX_RETRY, Event
from longwave.eventstream.parser import MAX_EVENT, MAX_LINE, Parser
from unit.eventstream.wire_examples import BOM, EXAMPLES, WireExample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PIECE = 64 * 1024  # the parser reads a chunk in pieces of this many bytes

examples = settings(max_examples=250)


# The slow twin: the standard's algorithm, one character at a time.


@dataclasses.dataclass
class Twin:
    """One client's reading of whole responses, sections 9.2.5 and 9.2.6 of the standard, word for word."""

    last_event_id: str = ""
    retry: int | None = None
    comments: list[str] = dataclasses.field(default_factory=list)
    events: list[tuple[str, str, str, int | None]] = dataclasses.field(default_factory=list)

    def read(self, response: bytes) -> None:
        self.data, self.type, self.id, self.block_retry = "", "", self.last_event_id, None
        text = response.decode("utf-8", "replace")
        for line in ended_lines(text[1:] if text[:1] == "\ufeff" else text):
            self.read_line(line)

    def read_line(self, line: str) -> None:
        if line == "":
            self.dispatch()
        elif line[0] == ":":
            self.comments.append(without_space(line[1:]))
        elif ":" in line:
            colon = line.index(":")
            self.process(line[:colon], without_space(line[colon + 1 :]))
        else:
            self.process(line, "")

    def process(self, name: str, value: str) -> None:
        if name == "event":
            self.type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id" and "\0" not in value:
            self.id = value
        elif name == "retry" and value and all(digit in "0123456789" for digit in value):
            self.retry = self.block_retry = min(int(value), MAX_RETRY)

    def dispatch(self) -> None:
        self.last_event_id = self.id
        if self.data:
            self.events.append((self.data[:-1], self.type or "message", self.last_event_id, self.block_retry))
        self.data, self.type, self.block_retry = "", "", None


def ended_lines(text: str) -> Iterable[str]:
    line, place = "", 0
    while place < len(text):
        if text[place] in "\r\n":
            yield line
            line = ""
            place += 2 if text[place : place + 2] == "\r\n" else 1
        else:
            line += text[place]
            place += 1


def without_space(value: str) -> str:
    return value[1:] if value[:1] == " " else value


# Streams.

FRAGMENTS = [
    *(b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r"),
    *(b":", b": c\n", b":\r", b" ", b"\0", b"x", b"foo: x\n"),
    *(b"data", b"data:", b"data: ", b"data: x\n", b"data:  x\n\n", b"data: \n\n", b"data:y\r\n\r\n", b"data: \0\n\n"),
    *(b"id", b"id:", b"id\n", b"id: \n", b"id: 7\n", b"id:8\r\n", b"id: a\0b\n", b"id: 9\ndata: z\n\n"),
    *(b"event", b"event\n", b"event: \n", b"event: t\n", b"event:u\r", b"event: v\nid: 5\ndata: w\n\n"),
    *(b"id: 6\nevent: v\ndata: w\n\n", b"id: 1\nevent: v\nid: 2\ndata: w\n\n", b"event:  \ndata:  \n\n"),
    *(
        b"retry",
        b"retry: 10\n",
        b"retry:007\r",
        b"retry: 1x\n",
        b"retry: 5\ndata: r\n\n",
        b"retry: " + b"9" * 20 + b"\n",
    ),
    *(BOM, b"\xef", b"\xbb", b"\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"\xf0\x9f", b"\x98\x80", b"\xff", b"\x0b\x0c\x1c"),
]
streams = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=24).map(b"".join)
cuts = st.lists(st.integers(0, 150), max_size=12)


def split(stream: bytes, places: list[int]) -> list[bytes]:
    borders = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(borders)]


def in_steps(stream: bytes, step: int) -> list[bytes]:
    return [stream[start : start + step] for start in range(0, len(stream), step)]


def feed_all(parser: Parser, chunks: Iterable[bytes]) -> list[Event]:
    return [event for chunk in chunks for event in parser.feed(chunk)]


def as_tuple(event: Event) -> tuple[str, str, str, int | None]:
    return (event.data, event.type, event.id, event.retry)


# The table.


def check_example(wanted: WireExample, chunks: Iterable[bytes]) -> None:
    parser = Parser()
    assert feed_all(parser, chunks) == list(wanted.events)
    assert (parser.last_event_id, parser.retry) == (wanted.last_event_id, wanted.retry)


@pytest.mark.parametrize("wanted", EXAMPLES, ids=lambda wanted: wanted.name)
def test_an_example_means_the_same_in_one_chunk_byte_by_byte_and_cut_anywhere(wanted: WireExample) -> None:
    check_example(wanted, [wanted.stream])
    check_example(wanted, in_steps(wanted.stream, 1))
    for place in range(len(wanted.stream)):
        check_example(wanted, [wanted.stream[:place], b"", wanted.stream[place:]])


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("wanted", [e for e in EXAMPLES if b"\r" not in e.stream], ids=lambda wanted: wanted.name)
def test_c3_an_example_means_the_same_with_other_line_ends(wanted: WireExample, line_end: bytes) -> None:
    stream = wanted.stream.replace(b"\n", line_end)
    check_example(wanted, [stream])
    check_example(wanted, in_steps(stream, 1))


@examples
@given(st.lists(st.tuples(streams, cuts), min_size=1, max_size=2))
@example([(b"data: a\r", []), (b"\ndata: b\n\n", [])])
@example([(BOM + b"id: 1\ndata: a\n\nid: 2\n", [2]), (BOM + b"data: b\n\n", [1])])
def test_any_stream_in_any_chunks_means_what_the_standard_says(responses: list[tuple[bytes, list[int]]]) -> None:
    comments: list[str] = []
    parser, twin, events = Parser(on_comment=comments.append), Twin(), []
    for response, places in responses:
        parser.reset()
        events += feed_all(parser, split(response, places))
        twin.read(response)
    assert [as_tuple(event) for event in events] == twin.events
    assert (parser.last_event_id, parser.retry, comments) == (twin.last_event_id, twin.retry, twin.comments)


@examples
@given(streams)
def test_any_stream_byte_by_byte_means_what_the_standard_says(stream: bytes) -> None:
    parser, twin = Parser(), Twin()
    twin.read(stream)
    assert [as_tuple(event) for event in feed_all(parser, in_steps(stream, 1))] == twin.events


@examples
@given(st.binary(max_size=40).map(lambda data: data.replace(b"\r", b"").replace(b"\n", b"")), st.binary(max_size=5))
def test_c1_decoding_line_by_line_is_decoding_the_whole(line: bytes, tail: bytes) -> None:
    """A replacement never swallows the line end, even after the first bytes of a longer character."""
    assert (line + b"\n" + tail).decode(errors="replace") == line.decode(errors="replace") + "\n" + tail.decode(
        errors="replace"
    )


# Rules that the table cannot show.


def test_c1_a_character_may_be_split_over_chunks() -> None:
    parser = Parser()
    assert feed_all(parser, [b"data: \xf0", b"\x9f", b"\x98", b"\x80\n", b"\n"]) == [Event("😀")]


def test_c2_each_response_may_begin_with_a_bom() -> None:
    parser = Parser()
    for _ in range(2):
        assert feed_all(parser, [BOM[:1], BOM[1:2], BOM[2:], b"data: x\n\n"]) == [Event("x")]
        parser.reset()


def test_c3_a_lone_cr_ends_the_event_at_once() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\r") == [Event("a")]
    assert parser.feed(b"\ndata: b\r") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\r") == [Event("b")]
    assert parser.feed(b"\n") == []


def test_c3_an_empty_chunk_does_not_part_cr_from_lf() -> None:
    parser = Parser()
    assert feed_all(parser, [b"data: a\r", b"", b"\n", b"", b"data: b\r\n\r", b"", b"\n"]) == [Event("a\nb")]


def test_c3_cr_at_the_end_of_one_response_takes_no_lf_of_the_next() -> None:
    parser = Parser()
    parser.feed(b"data: a\r")
    parser.reset()
    assert parser.feed(b"\ndata: b\n\n") == [Event("b")]


def test_c4_comments_are_given_at_the_end_of_their_line() -> None:
    comments: list[str] = []
    parser = Parser(on_comment=comments.append)
    parser.feed(b": a\n:b\r:\n:  c\ndata: x\n: d:e\n: unfinished")
    assert comments == ["a", "b", "", " c", "d:e"]


def test_c8_a_type_may_hold_nul() -> None:
    (event,) = Parser().feed(b"event: a\0b\ndata: x\n\n")
    assert as_tuple(event) == ("x", "a\0b", "", None)


def test_c8_retry_counts_at_the_end_of_its_line() -> None:
    times: list[int] = []
    parser = Parser(on_retry=times.append)
    parser.feed(b"retry: 10")
    assert parser.retry is None
    parser.feed(b"00\n")
    assert parser.retry == 1000
    parser.feed(b"retry: x\nretry: 5\n\n")
    assert (parser.retry, times) == (5, [1000, 5])


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (str(MAX_RETRY), MAX_RETRY),
        (str(MAX_RETRY + 1), MAX_RETRY),
        ("9" * 5000, MAX_RETRY),
        ("0" * 5000 + "7", 7),
        ("0" * 5000, 0),
    ],
    ids=["the most", "one more", "5000 digits", "5000 zeros and a digit", "5000 zeros"],
)
def test_c8_retry_above_the_most_counts_as_the_most(digits: str, expected: int) -> None:
    parser = Parser()
    assert parser.feed(f"retry: {digits}\ndata: x\n\n".encode()) == [Event("x", retry=expected)]
    assert parser.retry == expected


def test_c8_retry_belongs_to_its_own_block() -> None:
    assert Parser().feed(b"retry: 5\n\nretry: 6\ndata: a\n\ndata: b\n\n") == [Event("a", retry=6), Event("b")]


def test_c9_the_id_counts_at_the_blank_line_not_before() -> None:
    parser = Parser(last_event_id="0")
    parser.feed(b"id: 1\n")
    assert parser.last_event_id == "0"
    parser.feed(b"\n")
    assert parser.last_event_id == "1"


def test_c9_a_given_id_is_that_of_the_first_events() -> None:
    assert Parser(last_event_id="7").feed(b"data: x\n\n") == [Event("x", id="7")]


def test_c11_a_new_connection_drops_the_incomplete_block_and_keeps_id_and_retry() -> None:
    parser = Parser()
    parser.feed(b"id: 1\ndata: a\n\nretry: 9\nid: 2\nevent: t\ndata: b\ndata: c")
    parser.reset()
    assert (parser.last_event_id, parser.retry) == ("1", 9)
    assert parser.feed(b"data: d\n\n") == [Event("d", id="1")]


def test_c12_heartbeats_between_and_inside_blocks_dispatch_nothing() -> None:
    parser = Parser(last_event_id="1")
    assert feed_all(parser, [b":\n"] * 3 + [b"\n"] * 3 + [b":\n\n"] * 3) == []
    assert feed_all(parser, [b"data: a\n", b":\n", b"data: b\n", b":\n", b"\n"]) == [Event("a\nb", id="1")]


def test_events_are_real_events() -> None:
    (event,) = Parser().feed(b"event: t\nid: 1\nretry: 2\ndata: x\n\n")
    assert type(event) is Event
    assert (event, hash(event), repr(event)) == (
        Event("x", "t", "1", 2),
        hash(Event("x", "t", "1", 2)),
        repr(Event("x", "t", "1", 2)),
    )
    assert dataclasses.replace(event, data="y") == Event("y", "t", "1", 2)
    assert copy.copy(event) == pickle.loads(pickle.dumps(event)) == event
    with pytest.raises(FrozenInstanceError):
        event.data = "y"


# Pieces of a large chunk.


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_a_chunk_above_the_piece_size_is_cut_at_any_place(line_end: bytes) -> None:
    """The border between two pieces falls on every byte of a block once."""
    block = line_end.join(["id: 1é".encode(), b"event: t", "data: 😀".encode(), b"data: y", b"", b""])
    wanted = [Event("x"), Event("😀\ny", "t", "1é"), Event("z", id="1é")]
    for offset in range(len(block) + 1):
        filling = b":".ljust(PIECE - offset - len(b"data: x") - 3 * len(line_end), b"-") + line_end
        stream = filling + b"data: x" + line_end * 2 + block + b"data: z" + line_end * 2
        assert Parser().feed(stream) == wanted


@pytest.mark.parametrize("step", [7, 4096, PIECE, 10**9])
def test_data_of_many_lines_is_joined_right(step: int) -> None:
    lines = [f"line {number}" for number in range(5000)]
    stream = "".join(f"data: {line}\n" for line in lines).encode()
    parser = Parser()
    assert feed_all(parser, in_steps(stream, step)) == []
    assert parser.feed(b"\n") == [Event("\n".join(lines))]
    assert parser.feed(b"data: next\n\n") == [Event("next")]


# Limits.


def read_until_error(parser: Parser, chunks: Iterable[bytes]) -> tuple[list[Event], StreamError | None]:
    events: list[Event] = []
    for chunk in chunks:
        try:
            events += parser.feed(chunk)
        except StreamError as error:
            return events + error.events, error
    return events, None


@pytest.mark.parametrize("step", [1, 3, 10**9])
def test_a_line_of_the_limit_is_read_and_one_byte_more_is_not(step: int) -> None:
    good = b"data: 1\n\ndata: 3456\r\n\r\n"
    assert feed_all(Parser(max_line=10), in_steps(good, step)) == [Event("1"), Event("3456")]
    events, error = read_until_error(Parser(max_line=9), in_steps(good, step))
    assert events == [Event("1")]
    assert isinstance(error, LineTooLong)
    assert (error.limit, error.came) == (9, 10)
    assert str(error) == "expected lines of at most 9 bytes, got 10 bytes without a line end"


def test_a_line_too_long_is_seen_while_it_grows() -> None:
    parser = Parser(max_line=10)
    assert parser.feed(b"data: 3456") == []
    with pytest.raises(LineTooLong):
        parser.feed(b"7")


@pytest.mark.parametrize("step", [1, 3, 10**9])
@pytest.mark.parametrize("data", ["12345678", "1234567\n", "é😀\n1", "123\n5678"])
def test_data_of_the_limit_is_read_and_one_byte_more_is_not(data: str, step: int) -> None:
    stream = "".join(f"data: {line}\n" for line in data.split("\n")).encode() + b"\n"
    assert len(data.encode()) == 8
    assert feed_all(Parser(max_event=8), in_steps(b"data: 1\n\n" + stream, step)) == [Event("1"), Event(data)]
    events, error = read_until_error(Parser(max_event=7), in_steps(b"data: 1\n\n" + stream, step))
    assert events == [Event("1")]
    assert isinstance(error, EventTooLarge)
    assert (error.limit, error.came) == (7, 8)
    assert str(error) == "expected events of at most 7 bytes, got 8 bytes without a blank line"


def test_a_replaced_byte_counts_as_the_three_bytes_of_its_replacement() -> None:
    assert Parser(max_event=6).feed(b"data: \xff\xff\n\n") == [Event("\ufffd\ufffd")]
    with pytest.raises(EventTooLarge):
        Parser(max_event=5).feed(b"data: \xff\xff\n\n")


def test_characters_of_four_bytes_count_as_four() -> None:
    stream = f"data: {'😀' * 10}\n\n".encode()
    assert len(Parser(max_event=40).feed(stream)) == 1
    with pytest.raises(EventTooLarge):
        Parser(max_event=39).feed(stream)


def test_the_event_limit_is_for_data_only_and_for_each_event_anew() -> None:
    parser = Parser(max_event=3)
    stream = b":comment\nevent: type\nid: 12345\nretry: 1000\nfoo: bar\n" * 20 + b"data: abc\n\n"
    assert parser.feed(stream * 3) == [Event("abc", "type", "12345", 1000)] * 3


def test_comments_without_end_never_reach_the_event_limit() -> None:
    parser = Parser(max_event=4, max_line=10)
    assert feed_all(parser, [b"data: x\n"] + [b": beat\n"] * 1000 + [b"\n"]) == [Event("x")]


@pytest.mark.parametrize(
    ("stream", "kind"),
    [(b"data: 12345678901\n", LineTooLong), (b"data: 1234\ndata: 1234\n", EventTooLarge)],
    ids=["line", "event"],
)
def test_after_a_failure_every_call_raises_until_reset(stream: bytes, kind: type[StreamError]) -> None:
    parser = Parser(max_line=16, max_event=8)
    with pytest.raises(kind) as first:
        parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n" + stream + b"data: c\n\n")
    assert first.value.events == [Event("a", id="1"), Event("b", id="2")]
    for chunk in (b"", b"\n", b"data: d\n\n"):
        with pytest.raises(kind) as again:
            parser.feed(chunk)
        assert (again.value.events, again.value.limit, again.value.came) == ([], first.value.limit, first.value.came)
    assert parser.last_event_id == "2"
    parser.reset()
    assert parser.feed(b"data: e\n\n") == [Event("e", id="2")]


def test_the_default_limits_are_16_mib() -> None:
    assert MAX_LINE == MAX_EVENT == 16 * 1024 * 1024
    line = b"data:".ljust(MAX_LINE, b"x")
    assert len(Parser().feed(line + b"\n\n")[0].data) == MAX_LINE - 5
    with pytest.raises(LineTooLong):
        Parser().feed(line + b"x")


@pytest.mark.parametrize("option", ["max_line", "max_event"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None, True])
def test_a_limit_is_a_positive_whole_number(option: str, value: object) -> None:
    with pytest.raises(InvalidValue, match=f"^{option}: expected a whole number of bytes, at least 1, got {value}$"):
        Parser(**{option: value})


def test_a_given_id_must_be_one_that_a_stream_can_set() -> None:
    with pytest.raises(InvalidValue, match=r"^last_event_id: expected no NUL, CR or LF, got LF as character 2$"):
        Parser(last_event_id="1\n")


@examples
@given(streams, cuts, st.integers(1, 12), st.integers(1, 12))
def test_limits_strike_at_the_same_place_in_any_chunks(
    stream: bytes, places: list[int], max_line: int, max_event: int
) -> None:
    def outcome(chunks: Iterable[bytes]) -> tuple[object, ...]:
        parser = Parser(max_line=max_line, max_event=max_event)
        events, error = read_until_error(parser, chunks)
        return [as_tuple(event) for event in events], type(error), parser.last_event_id

    assert outcome(split(stream, places)) == outcome([stream]) == outcome(in_steps(stream, 1))


# Bounded memory.


def kept_after(parser: Parser, chunks: Iterable[bytes]) -> int:
    """Return the bytes that the parser keeps after it read the chunks."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for chunk in chunks:
            parser.feed(chunk)
        del chunk
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def test_many_short_data_lines_are_not_kept_as_many_objects() -> None:
    """40,000 lines of two characters: 0.12 MB of data, 2.4 MB if each stayed a str in a list."""
    assert kept_after(Parser(), [b"data: ab\n" * 1000] * 40) < 400_000


def test_a_line_in_single_bytes_is_not_kept_as_single_bytes() -> None:
    assert kept_after(Parser(), [b"x"] * 40_000) < 100_000


def test_dispatched_and_ignored_lines_are_not_kept() -> None:
    assert kept_after(Parser(), [b"data: x\n\n:comment\nfoo: bar\n"] * 2_000) < 20_000


def test_a_failure_keeps_nothing_of_the_stream() -> None:
    parser = Parser(max_line=2_000_000)

    def failing() -> Iterable[bytes]:
        yield b"data: " + b"x" * 1_000_000 + b"\n"
        with pytest.raises(LineTooLong):
            parser.feed(b"y" * 2_000_001)

    assert kept_after(parser, failing()) < 100_000


# Time grows with the bytes.


def growth(make: Callable[[int], list[bytes]], size: int) -> float:
    """Return how many times longer four times the stream takes: about 4 if linear, 16 if quadratic."""

    def seconds(chunks: list[bytes]) -> float:
        parser, start = Parser(), time.process_time()
        for chunk in chunks:
            parser.feed(chunk)
        return time.process_time() - start

    small, large = make(size), make(4 * size)
    return min(seconds(large) for _ in range(3)) / min(seconds(small) for _ in range(3))


@pytest.mark.parametrize(
    ("make", "size"),
    [
        pytest.param(lambda n: in_steps(b"data: " + b"x" * n, 1), 20_000, id="a line in single bytes"),
        pytest.param(lambda n: in_steps(b"data: " + b"x" * n, 1024), 4_000_000, id="a line in 1 KiB chunks"),
        pytest.param(lambda n: [b"\n" * n], 25_000, id="empty lines"),
        pytest.param(lambda n: [b"\r\n" * n], 25_000, id="empty lines with CRLF"),
        pytest.param(lambda n: [b"data: x\n" * n + b"\n"], 10_000, id="data lines in one chunk"),
        pytest.param(lambda n: [b"data: x\n"] * n, 5_000, id="data lines in a chunk each"),
        pytest.param(lambda n: [b":\n"] * n, 5_000, id="comments"),
        pytest.param(lambda n: [b"event: x\n" * n], 10_000, id="types without data"),
        pytest.param(lambda n: [b"id:" + b" " * n + b"\n"] * 8, 500_000, id="long values of spaces"),
        pytest.param(lambda n: in_steps(b"data: x\n\n" * n, 1), 1_500, id="events in single bytes"),
    ],
)
def test_time_grows_with_the_bytes_not_with_their_square(make: Callable[[int], list[bytes]], size: int) -> None:
    assert growth(make, size) < 9
