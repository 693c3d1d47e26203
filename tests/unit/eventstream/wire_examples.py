"""Bytes of event streams and the events that they mean, shared by the tests of encoder and parser.

The numbers C1 to C12 are the rules of the standard's parsing algorithm for clients, in its order.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from dataclasses import dataclass

from longwave.eventstream.event import Event

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class WireExample:
    """A whole event stream and what a client reads from it. `id` of an event is the last one set so far."""

    name: str
    stream: bytes
    events: tuple[Event, ...]
    last_event_id: str = ""
    retry: int | None = None


# What the encoder writes for these events, byte for byte.
ENCODED = (
    WireExample("data only", b"data: hello\n\n", (Event("hello"),)),
    WireExample("empty data is one empty line", b"data: \n\n", (Event(""),)),
    WireExample("LF splits data", b"data: a\ndata: b\n\n", (Event("a\nb"),)),
    WireExample("last LF gives an empty line", b"data: a\ndata: \n\n", (Event("a\n"),)),
    WireExample("data of LF alone", b"data: \ndata: \n\n", (Event("\n"),)),
    WireExample("type", b"event: price\ndata: 7\n\n", (Event("7", type="price"),)),
    WireExample("id", b"id: 41\ndata: x\n\n", (Event("x", id="41"),), "41"),
    WireExample("retry", b"retry: 0\ndata: x\n\n", (Event("x", retry=0),), "", 0),
    WireExample(
        "all fields in order",
        b"event: price\nretry: 2500\nid: e-7\ndata: a\ndata: b\n\n",
        (Event("a\nb", type="price", id="e-7", retry=2500),),
        "e-7",
        2500,
    ),
    WireExample(
        "first spaces are kept",
        b"event:  t\nid:  i\ndata:  d\n\n",
        (Event(" d", type=" t", id=" i"),),
        " i",
    ),
    WireExample("colons are data", b"data: :a: b\n\n", (Event(":a: b"),)),
    WireExample(
        "data that looks like fields",
        b"data: x\ndata: \ndata: id: 9\ndata: data: forged\ndata: \ndata: \n\n",
        (Event("x\n\nid: 9\ndata: forged\n\n"),),
    ),
    WireExample(
        "UTF-8 in every field",
        "event: prix€\nid: …\ndata: 😀\n\n".encode(),
        (Event("😀", type="prix€", id="…"),),
        "…",
    ),
    WireExample(
        "U+0085, U+2028, U+2029, VT, FF, FS, GS and RS end no line",
        "data: a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei\n\n".encode(),
        (Event("a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei"),),
    ),
    WireExample("NUL is data", b"data: a\0b\n\n", (Event("a\0b"),)),
    WireExample("BOM is data", b"data: " + BOM + b"x\n\n", (Event("\ufeffx"),)),
    WireExample(
        "two events",
        b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n",
        (Event("a", id="1"), Event("b", id="2")),
        "2",
    ),
)

# What a client must read, whoever wrote it.
READ = (
    WireExample("nothing", b"", ()),
    WireExample("C1 invalid bytes become U+FFFD", b"data: a\xffb\xc3\n\n", (Event("a\ufffdb\ufffd"),)),
    WireExample("C1 surrogates become U+FFFD", b"data: \xed\xa0\x80\n\n", (Event("\ufffd\ufffd\ufffd"),)),
    WireExample("C1 too long a form becomes U+FFFD", b"data: \xc0\xaf\n\n", (Event("\ufffd\ufffd"),)),
    WireExample(
        "C1 a character that a line end cuts is one U+FFFD",
        b"data: \xe2\x82\ndata: \xac\n\n",
        (Event("\ufffd\n\ufffd"),),
    ),
    WireExample("C2 one BOM is dropped", BOM + b"data: x\n\n", (Event("x"),)),
    WireExample("C2 a second BOM is text", BOM + BOM + b"data: 1\n\ndata: 2\n\n", (Event("2"),)),
    WireExample("C2 a later BOM is text", b"data: 1\n\n" + BOM + b"data: 2\n\n", (Event("1"),)),
    WireExample("C2 a BOM after a blank line is text", b"\n" + BOM + b"data: 1\n\n", ()),
    WireExample("C2 half a BOM is text", BOM[:2] + b"data: 1\n\ndata: 2\n\n", (Event("2"),)),
    WireExample("C2 a BOM before a blank line", BOM + b"\ndata: 1\n\n", (Event("1"),)),
    WireExample("C3 CRLF", b"data: a\r\ndata: b\r\n\r\n", (Event("a\nb"),)),
    WireExample("C3 CR", b"data: a\rdata: b\r\r", (Event("a\nb"),)),
    WireExample(
        "C3 all line ends mixed",
        b"data: a\rdata: b\ndata: c\r\n\rdata: d\n\r\ndata: e\r\r\n",
        (Event("a\nb\nc"), Event("d"), Event("e")),
    ),
    WireExample("C3 LF CR is two line ends", b"data: a\n\rdata: b\n\r", (Event("a"), Event("b"))),
    WireExample("C4 comments are ignored", b": one\n:two\n:\ndata: x\n: three\n\n", (Event("x"),)),
    WireExample("C4 a comment inside data", b"data: a\n: no\ndata: b\n\n", (Event("a\nb"),)),
    WireExample("C5 no space", b"event:t\nid:1\ndata:x\n\n", (Event("x", type="t", id="1"),), "1"),
    WireExample("C5 one space goes, the second stays", b"data:  x\n\n", (Event(" x"),)),
    WireExample("C5 a space alone goes", b"data: \nevent: \n\n", (Event(""),)),
    WireExample("C5 a type of one space is empty", b"event: \ndata: x\n\n", (Event("x"),)),
    WireExample(
        "C5 an id of one space is empty",
        b"id: 1\ndata: a\n\nid: \ndata: b\n\nid: 2\nevent: t\nid: \ndata: c\n\n",
        (Event("a", id="1"), Event("b"), Event("c", type="t")),
    ),
    WireExample("C5 two spaces alone", b"data:  \n\n", (Event(" "),)),
    WireExample("C5 a tab stays", b"data:\tx\n\n", (Event("\tx"),)),
    WireExample("C5 a no-break space stays", b"data:\xc2\xa0x\n\n", (Event("\xa0x"),)),
    WireExample("C5 later colons are value", b"data:a:b: c\n\n", (Event("a:b: c"),)),
    WireExample("C6 data without a colon", b"data\n\n", (Event(""),)),
    WireExample("C6 data without a colon, twice", b"data\ndata\n\n", (Event("\n"),)),
    WireExample(
        "C6 id without a colon resets",
        b"id: 1\ndata: a\n\nid\ndata: b\n\n",
        (Event("a", id="1"), Event("b")),
    ),
    WireExample("C6 retry without a colon", b"retry\ndata: a\n\n", (Event("a"),)),
    WireExample(
        "C7 other names are ignored",
        b"Data: 1\n data: 2\ndata\0: 3\nda-ta: 4\ndata : 5\nDATA: 6\nfoo\n\n",
        (),
    ),
    WireExample("C7 other names between", b"data: a\nfoo: b\ndata: c\nid:1\nID: 2\n\n", (Event("a\nc", id="1"),), "1"),
    WireExample("C8 the last type counts", b"event: a\nevent: b\ndata: x\n\n", (Event("x", type="b"),)),
    WireExample("C8 an empty type resets", b"event: a\nevent:\ndata: x\n\n", (Event("x"),)),
    WireExample(
        "C8 a type holds for one block",
        b"event: a\ndata: x\n\ndata: y\n\n",
        (Event("x", type="a"), Event("y")),
    ),
    WireExample("C8 the last id counts", b"id: 1\nevent: t\nid: 2\ndata: x\n\n", (Event("x", type="t", id="2"),), "2"),
    WireExample(
        "C8 the last id counts after a comment",
        b":\nid: 1\nevent: t\nid: 2\ndata: x\n\n",
        (Event("x", type="t", id="2"),),
        "2",
    ),
    WireExample("C8 an id after the data", b"data: x\nid: 1\n\n", (Event("x", id="1"),), "1"),
    WireExample("C8 an id before the type", b"id: 1\nevent: t\ndata: x\n\n", (Event("x", type="t", id="1"),), "1"),
    WireExample(
        "C8 an id with NUL is ignored",
        b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n",
        (Event("a", id="1"), Event("b", id="1")),
        "1",
    ),
    WireExample("C8 digits are base ten", b"retry: 03000\ndata: x\n\n", (Event("x", retry=3000),), "", 3000),
    WireExample("C8 the last retry counts", b"retry: 1\nretry:2\ndata: x\n\n", (Event("x", retry=2),), "", 2),
    WireExample("C8 retry alone makes no event", b"retry: 5\n\ndata: x\n\n", (Event("x"),), "", 5),
    WireExample("C8 retry counts before dispatch", b"retry: 5\n", (), "", 5),
    WireExample(
        "C8 retry takes ASCII digits only",
        "retry: 7\n\nretry: -5\nretry: +5\nretry: 1e3\nretry: 1_0\nretry:  10\nretry: ٣\nretry: ²\n"
        "retry: 5 \nretry:\nretry: 0x5\nretry: 1.5\ndata: x\n\n".encode(),
        (Event("x"),),
        "",
        7,
    ),
    WireExample("C9 an id is sticky", b"id: 1\ndata: a\n\ndata: b\n\n", (Event("a", id="1"), Event("b", id="1")), "1"),
    WireExample("C9 an id counts without data", b"id: 1\n\ndata: a\n\n", (Event("a", id="1"),), "1"),
    WireExample("C9 a type without data is dropped", b"event: t\n\ndata: a\n\n", (Event("a"),)),
    WireExample("C10 data with a colon alone", b"data:\n\n", (Event(""),)),
    WireExample("C10 one last LF goes only", b"data: a\ndata:\ndata:\n\n", (Event("a\n\n"),)),
    WireExample("C11 an incomplete block is dropped", b"data: a\n\ndata: b\n", (Event("a"),)),
    WireExample("C11 an incomplete line is dropped", b"data: a\n\ndata: b", (Event("a"),)),
    WireExample("C11 its id too", b"id: 1\ndata: a\n\nid: 2\ndata: b\n", (Event("a", id="1"),), "1"),
    WireExample("C12 blank lines dispatch nothing", b"id: 1\n\n\n\n\r\r\n", (), "1"),
    WireExample(
        "C12 a comment block dispatches nothing", b"id: 1\ndata: a\n\n:\n\n: b\n\n", (Event("a", id="1"),), "1"
    ),
)

EXAMPLES = ENCODED + READ
