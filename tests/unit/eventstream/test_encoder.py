"""Encoder: the bytes of every kind of event; no text can forge a field.

The numbers S1 to S6 are the duties of a server that the standard's authoring notes and clients in use ask for.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import InvalidValue
from longwave.eventstream.encoder import HEARTBEAT, encode, encode_comment, encode_id, encode_retry
from longwave.eventstream.event import MAX_RETRY, Event
from longwave.eventstream.parser import Parser
from unit.eventstream.wire_examples import BOM, ENCODED, EXAMPLES, WireExample

examples = settings(max_examples=150)

# Text in which what could end a line or look like a field is as frequent as anything else.
hostile = st.sampled_from(
    [
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        ":",
        " ",
        "data: ",
        "id: 9\n",
        "event: x\r",
        "retry: 1\n",
        "\u2028",
        "\x85",
        "\ufeff",
        "\0",
    ]
)
characters = st.characters(exclude_categories=["Cs"])
texts = st.lists(hostile | st.text(characters, max_size=4), max_size=8).map("".join)
line_texts = texts.map(lambda text: text.translate(dict.fromkeys(map(ord, "\0\r\n"))))
events = st.builds(
    Event,
    data=texts,
    type=st.just("message") | line_texts.filter(bool),
    id=line_texts,
    retry=st.none() | st.integers(0, MAX_RETRY),
)


def with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_received(event: Event, last_event_id: str = "") -> Event:
    """What a client reads: LF for every line end, and the last id set where the event has none."""
    return Event(with_lf(event.data), event.type, event.id or last_event_id, event.retry)


@pytest.mark.parametrize("example", ENCODED, ids=lambda example: example.name)
def test_an_event_is_written_byte_for_byte(example: WireExample) -> None:
    assert b"".join(map(encode, example.events)) == example.stream


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_what_a_client_read_can_be_sent_on(example: WireExample) -> None:
    stream = b"".join(map(encode, example.events))
    received = Parser().feed(stream)
    # An event that reset the id to "" has none to send on; the id before it stays.
    assert [(e.data, e.type) for e in received] == [(e.data, e.type) for e in example.events]


def test_s1_the_order_is_event_retry_id_data() -> None:
    assert encode(Event("d", "t", "i", 1)) == b"event: t\nretry: 1\nid: i\ndata: d\n\n"


def test_s1_no_bom_and_utf_8() -> None:
    assert encode(Event("é")) == b"data: \xc3\xa9\n\n"
    assert not encode(Event("\ufeff")).startswith(BOM)


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_s1_every_line_end_begins_a_data_line(line_end: str) -> None:
    assert encode(Event(f"a{line_end}{line_end}b{line_end}")) == b"data: a\ndata: \ndata: b\ndata: \n\n"


def test_s1_lf_cr_is_two_line_ends() -> None:
    assert encode(Event("a\n\rb")) == b"data: a\ndata: \ndata: b\n\n"


def test_s1_the_default_type_and_an_empty_id_are_left_out() -> None:
    assert encode(Event("x", type="message", id="")) == b"data: x\n\n"
    assert encode(Event("x", type="Message")) == b"event: Message\ndata: x\n\n"


def test_s2_cr_and_crlf_arrive_as_lf() -> None:
    assert Parser().feed(encode(Event("a\rb\r\nc\nd"))) == [Event("a\nb\nc\nd")]


def test_s3_the_bytes_are_utf_8_so_no_charset_is_needed() -> None:
    assert encode(Event("x\x80ÿ€😀", type="ü", id="ß")).decode("utf-8") == "event: ü\nid: ß\ndata: x\x80ÿ€😀\n\n"


def test_s4_an_id_outside_ascii_is_sent_as_utf_8_and_comes_back_whole() -> None:
    stream = encode(Event("x", id="…"))
    assert b"id: \xe2\x80\xa6\n" in stream
    parser = Parser()
    parser.feed(stream)
    assert parser.last_event_id == "…"


def test_s5_a_heartbeat_is_one_lone_comment_line() -> None:
    assert HEARTBEAT == b":\n"
    comments: list[str] = []
    parser = Parser(on_comment=comments.append, last_event_id="1")
    assert parser.feed(HEARTBEAT * 3) == []
    assert comments == ["", "", ""]


@pytest.mark.parametrize(
    "piece",
    [HEARTBEAT, encode_comment("a\nb"), encode_retry(1), encode(Event("a\nb", "t", "1", 2))],
    ids=["heartbeat", "comment", "retry", "event"],
)
def test_s6_every_result_is_whole_lines_so_that_it_can_be_flushed_alone(piece: bytes) -> None:
    assert piece.endswith(b"\n")
    assert Parser().feed(piece + encode(Event("next")))[-1].data == "next"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", b": \n"),
        ("hi", b": hi\n"),
        (" hi", b":  hi\n"),
        ("a\nb\rc\r\nd", b": a\n: b\n: c\n: d\n"),
        ("x\n\ndata: forged\n\n", b": x\n: \n: data: forged\n: \n: \n"),
        ("é\u2028", ": é\u2028\n".encode()),
    ],
)
def test_a_comment_is_comment_lines_without_a_blank_line(text: str, expected: bytes) -> None:
    assert encode_comment(text) == expected


def test_a_comment_refuses_a_lone_surrogate() -> None:
    with pytest.raises(InvalidValue, match=r"^comment: expected text, got a lone surrogate as character 1$"):
        encode_comment("\ud800")


@pytest.mark.parametrize("milliseconds", [0, 3000, MAX_RETRY])
def test_retry_is_one_line_without_a_blank_line(milliseconds: int) -> None:
    assert encode_retry(milliseconds) == f"retry: {milliseconds}\n".encode()


@pytest.mark.parametrize("milliseconds", [-1, MAX_RETRY + 1, 1.5, True])
def test_retry_refuses_what_a_client_cannot_hold(milliseconds: int) -> None:
    with pytest.raises(InvalidValue, match=r"^retry: "):
        encode_retry(milliseconds)


@examples
@given(events)
def test_no_field_can_be_forged(event: Event) -> None:
    """Whatever the text, a client reads one event, this one, and no id or retry besides its own."""
    parser = Parser()
    assert parser.feed(encode(event)) == [as_received(event)]
    assert (parser.last_event_id, parser.retry) == (event.id, event.retry)


@examples
@given(st.lists(events, max_size=4), texts)
def test_events_and_comments_in_a_row_do_not_touch_each_other(sent: list[Event], comment: str) -> None:
    comments: list[str] = []
    parser = Parser(on_comment=comments.append)
    received = parser.feed(b"".join(encode_comment(comment) + encode(event) for event in sent))
    last_event_id = ""
    for came, event in zip(received, sent, strict=True):
        assert came == as_received(event, last_event_id)
        last_event_id = came.id
    assert comments == with_lf(comment).split("\n") * len(sent)


@examples
@given(events, texts)
def test_a_comment_inside_a_block_changes_nothing(event: Event, comment: str) -> None:
    lines = encode(event).splitlines(keepends=True)
    assert Parser().feed(encode_comment(comment).join(lines)) == [as_received(event)]


def test_an_id_alone_sets_the_last_event_id_and_dispatches_nothing():
    parser = Parser()

    assert encode_id("c3f9a2b1-7") == b"id: c3f9a2b1-7\n\n"
    assert parser.feed(encode_id("c3f9a2b1-7")) == []
    assert parser.last_event_id == "c3f9a2b1-7"


@pytest.mark.parametrize("event_id", ["a\nb", "a\rb", "a\0b", "\ud800"])
def test_an_id_alone_cannot_forge_a_field(event_id):
    with pytest.raises(InvalidValue, match="id"):
        encode_id(event_id)
