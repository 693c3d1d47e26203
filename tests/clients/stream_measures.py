"""Measures of how a client reads one stream.

Not here: connections (connection_measures.py). Each takes a client and returns a Verdict.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.client import Received
from clients.trial import read_stream, stream, trial
from clients.verdict import NO, YES, Verdict, no, partly, yes, yes_if
from longwave.testing import Answer, Framing, Gate, Send
from unit.eventstream.wire_examples import BOM, EXAMPLES, WireExample

if TYPE_CHECKING:
    from clients.client import Client
    from clients.reading import Reading

SOON = 0.7  # seconds in which what is not held back has come

# One or two for each rule of the grammar, by their names in wire_examples.py.
VECTORS = (
    "UTF-8 in every field",
    "U+0085, U+2028, U+2029, VT, FF, FS, GS and RS end no line",
    "C1 invalid bytes become U+FFFD",
    "C2 one BOM is dropped",
    "C2 a second BOM is text",
    "C3 CRLF",
    "C3 CR",
    "C3 all line ends mixed",
    "C4 a comment inside data",
    "C5 no space",
    "C5 one space goes, the second stays",
    "C5 a tab stays",
    "C5 later colons are value",
    "C6 data without a colon",
    "C6 data without a colon, twice",
    "C6 id without a colon resets",
    "C7 other names are ignored",
    "C8 an empty type resets",
    "C8 a type holds for one block",
    "C8 an id with NUL is ignored",
    "C9 an id is sticky",
    "C9 an id counts without data",
    "C9 a type without data is dropped",
    "C10 data with a colon alone",
    "C10 one last LF goes only",
    "C11 an incomplete block is dropped",
    "C12 a comment block dispatches nothing",
)


def vectors(client: type[Client]) -> Verdict:
    examples = {example.name: example for example in EXAMPLES}
    missed = missed_vectors(client, [examples[name] for name in VECTORS])
    score = f"{len(VECTORS) - len(missed)} of {len(VECTORS)}"
    return partly(score) if missed else yes(score)


def missed_vectors(client: type[Client], examples: list[WireExample]) -> list[str]:
    """Return the names of the examples of which the client reads something else."""
    return [example.name for example in examples if read_stream(client, Send(example.stream)).events != wanted(example)]


def wanted(example: WireExample) -> list[Received]:
    return [Received(event.data, event.type or "message", event.id or "") for event in example.events]


def byte_order_mark(client: type[Client]) -> Verdict:
    return of_data(read_stream(client, Send(BOM + b"data: 1\n\ndata: 2\n\n")), "1", "2")


def invalid_utf8(client: type[Client]) -> Verdict:
    reading = read_stream(client, Send(b"data: 1\n\ndata: a\xffb\n\ndata: 2\n\n"))
    return YES if reading.data == ["1", "a\ufffdb", "2"] else no(reading.failed)


def crlf_in_two_chunks(client: type[Client]) -> Verdict:
    return of_data(read_stream(client, Send(b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", piece=1)), "a\nb", "c")


def carriage_return_at_once(client: type[Client]) -> Verdict:
    with trial(client, stream(Send(b"data: 1\r\r"), Gate(), Send(b"data: 2\r\r"))) as (server, reading):
        at_once = reading.until_event(1, SOON)
        server.release()
        reading.until(lambda: reading.is_over)
        if reading.data != ["1", "2"]:
            return NO
        return YES if at_once else partly("with the next byte")


def separators(client: type[Client]) -> Verdict:
    text = "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg\x1dh\x1ei"
    return of_data(read_stream(client, Send(f"data: {text}\n\n".encode())), text)


def sticky_id(client: type[Client]) -> Verdict:
    reading = read_stream(client, Send(b"id: 7\ndata: 1\n\ndata: 2\n\n"))
    return yes_if(reading.events == [Received("1", id="7"), Received("2", id="7")])


def id_without_data(client: type[Client]) -> Verdict:
    reading = read_stream(client, Send(b"id: 7\n\ndata: 1\n\n"))
    if len(reading.events) > 1:
        return no("an empty event")
    return yes_if(reading.events == [Received("1", id="7")])


def id_with_nul(client: type[Client]) -> Verdict:
    reading = read_stream(client, Send(b"id: 7\ndata: 1\n\nid: 8\x00\ndata: 2\n\n"))
    return yes_if(bool(reading.events) and "\x00" not in reading.events[-1].id)


def heartbeats(client: type[Client]) -> Verdict:
    return of_data(read_stream(client, Send(b"id: 7\ndata: 1\n\n:\n\n: still here\n\ndata: 2\n\n")), "1", "2")


def unfinished(client: type[Client]) -> Verdict:
    return of_data(read_stream(client, Send(b"data: 1\n\nid: 2\ndata: half\n")), "1")


def comments(client: type[Client]) -> Verdict:
    return yes_if(read_stream(client, Send(b": hello\n\ndata: 1\n\n")).comments == ["hello"])


def low_latency(client: type[Client]) -> Verdict:
    """Whether an event comes before the server sends more, on a body that ends where the connection does."""
    answer = Answer(steps=(Send(b"data: 1\n\n"), Gate(), Send(b"data: 2\n\n")), framing=Framing.CLOSE)
    with trial(client, answer) as (server, reading):
        at_once = reading.until_event(1, SOON)
        server.release()
        assert reading.until_event(2)
        return YES if at_once else no("held back")


def of_data(reading: Reading, *data: str) -> Verdict:
    return yes_if(reading.data == list(data))
