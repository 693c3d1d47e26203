"""Events to the bytes of an event stream.

Not here: bytes to events (parser.py), what an event may hold (event.py), when a heartbeat is due (core).

Rules that always hold: every result is whole lines, so it may be written or flushed alone; no text in a
value can start a field of its own, because CR and LF never reach the wire inside a value.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from longwave.eventstream.event import DEFAULT_TYPE, Event, check_line, check_retry, check_text

# A lone comment line. With a blank line after it, several clients would read an empty event.
HEARTBEAT = b":\n"


def encode(event: Event) -> bytes:
    """Return the event as one block: the fields event, retry, id and data in this order, then a blank line.

    `message`, the default type, and an empty id are left out. CRLF, CR and LF each begin a new `data`
    line; the client reads every one of them as LF. Empty data is one empty `data` line.
    """
    fields = ""
    if event.type != DEFAULT_TYPE:
        fields = f"event: {event.type}\n"
    if event.retry is not None:
        fields += f"retry: {event.retry}\n"
    if event.id:
        fields += f"id: {event.id}\n"
    return f"{fields}data: {_prefixed(event.data, 'data: ')}\n\n".encode()


def encode_comment(text: str) -> bytes:
    """Return `text` as comment lines, which clients ignore; no blank line follows, so no block ends.

    Raises InvalidValue for a lone surrogate.
    """
    check_text("comment", text)
    return f": {_prefixed(text, ': ')}\n".encode()


def encode_id(event_id: str) -> bytes:
    """Return a block without data: it sets the last event id, and dispatches no event.

    Several clients that do not follow the standard read an empty event. Raises InvalidValue as Event does.
    """
    check_line("id", event_id)
    return f"id: {event_id}\n\n".encode()


def encode_retry(milliseconds: int) -> bytes:
    """Return a `retry` line: the client waits this long before it reconnects; no blank line follows.

    Raises InvalidValue unless it is a whole number from 0 to MAX_RETRY.
    """
    check_retry(milliseconds)
    return b"retry: %d\n" % milliseconds


def _prefixed(text: str, prefix: str) -> str:
    """Return `text` with every line after the first on a line of its own that begins with `prefix`."""
    # Only CR, LF and CRLF end a line of the stream; str.splitlines would also cut at U+2028 and others.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text:
        text = text.replace("\n", f"\n{prefix}")
    return text
