"""What bytes say: the same however they are cut."""

from __future__ import annotations

import pytest

from longwave.doctor.framing import BOM, MAX_LINES, Block, LineEnds, Piece, read_framing


def read(body, *, at=0.0):
    return read_framing([Piece(at, body)])


def test_nothing_says_nothing():
    framing = read_framing([])
    assert (framing.size, framing.blocks, framing.longest_line, framing.unfinished) == (0, (), 0, 0)


def test_a_block_has_its_fields_and_the_time_of_its_blank_line():
    framing = read_framing([Piece(1.0, b": hi\nevent: x\nid: 7\ndata: one\ndata:two\n"), Piece(2.5, b"\n")])
    assert framing.blocks == (Block(2.5, 7, b"7", b"x", 1, 4),)
    assert framing.comments == (1.0,)
    assert framing.ids == [b"7"]


def test_a_stream_reads_the_same_however_it_is_cut():
    body = BOM + b": a\r\n\r\nid: \xe2\x82\xac\rdata: x\r\rretry: 5\ndata\n\nfoo: 1\n\ndata: half"
    whole = read(body)
    assert read_framing([Piece(0.0, body[i : i + 1]) for i in range(len(body))]) == whole
    assert whole.line_ends == LineEnds(lf=5, crlf=2, cr=3)
    assert whole.unfinished == len(b"data: half")


def test_each_line_end_counts_as_what_it_is():
    assert read(b"a\nb\r\nc\rd\n\r\n").line_ends == LineEnds(lf=2, crlf=2, cr=1)


def test_an_event_without_text_is_an_event_and_a_block_without_data_none():
    assert [block.is_event for block in read(b"data\n\nid: 1\n\n: x\n\n\n").blocks] == [True, False, False, False]


def test_an_empty_id_is_kept_apart_from_none():
    blocks = read(b"id\ndata: 1\n\ndata: 2\n\n").blocks
    assert [block.id for block in blocks] == [b"", None]


def test_a_leading_byte_order_mark_is_seen_and_belongs_to_no_field():
    framing = read(BOM + b"data: 1\n\n")
    assert framing.has_bom
    assert framing.unknown == ()
    assert not read(b"data: " + BOM + b"\n\n").has_bom


@pytest.mark.parametrize("name", [b"Data", b" data", b"data ", b"x", b"\xef\xbb\xbfid"])
def test_a_field_that_means_nothing_is_named(name):
    assert read(b"id: 0\n" + name + b": 1\n").unknown == (name,)


def test_only_the_first_few_unknown_names_are_kept():
    assert read(b"".join(b"f%d: 1\n" % number for number in range(50))).unknown == (b"f0", b"f1", b"f2", b"f3", b"f4")


@pytest.mark.parametrize(
    ("body", "place"),
    [(b"data: \xff\n\n", 6), (b"data: \xe2\x82", None), (b"data: \xe2\x82\n", 6), (b"data: \xe2\x82\xac\n", None)],
)
def test_the_first_byte_that_is_not_utf_8_is_found_and_a_cut_character_is_none(body, place):
    assert read(body).invalid_at == place


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_a_character_that_splitlines_ends_a_line_at_is_found(character):
    assert len(f"a{character}b".splitlines()) == 2
    assert read(f"data: a{character}b\n\n".encode()).separator == f"U+{ord(character):04X}"


@pytest.mark.parametrize("character", ["\u2027", "\u202a", "\x1f", "\x84", "\u0645"])
def test_another_character_is_no_separator(character):
    assert read(f"data: a{character}b\n\n".encode()).separator == ""


def test_lines_and_events_that_have_no_end_yet_count_by_their_size():
    framing = read(b"data: 1\n\ndata: " + b"x" * 1000)
    assert framing.longest_line == 1006
    assert framing.largest_event >= 1000
    assert read(b": " + b"x" * 1000).largest_event == 0


def test_retries_are_kept_as_they_came():
    assert read(b"retry: 10\nretry:3s\nretry\n\n").retries == (b"10", b"3s", b"")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("body", [b"x" * 8_000_000, b"\n" * 8_000_000, b"data: x\r" * 1_000_000])
def test_time_and_memory_grow_with_the_bytes_only(body):
    assert len(read(body).blocks) <= MAX_LINES


def test_lines_beyond_the_limit_are_not_taken_for_one_long_line():
    framing = read(b"data: x\n" * (MAX_LINES + 1000) + b"ab")
    assert (framing.longest_line, framing.unfinished, framing.line_ends.lf) == (7, 0, MAX_LINES)
