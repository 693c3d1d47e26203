"""One event of an event stream: what a client receives.

Not here: topics and the private flag (core/update.py), bytes (encoder.py, parser.py).

Rules that always hold for an event you build: `type` and `id` hold no NUL, CR or LF, no field holds a
lone surrogate, `retry` is not negative. So an encoder can write an event without checking it again.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import InvalidValue

DEFAULT_TYPE = "message"
MAX_RETRY = 2**53 - 1  # milliseconds; the largest integer that a browser holds exactly


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    data: the payload; any text. CR and CRLF in it reach the client as LF (the format cannot carry them).
    type: what `addEventListener` listens to; `message` by default; no NUL, CR, LF, not empty.
    id: what the client sends back as `Last-Event-ID`; "" means none; no NUL, CR, LF.
    retry: milliseconds that the client waits before it reconnects, from now on; None changes nothing.

    Raises InvalidValue for anything else.
    """

    data: str = ""
    type: str = DEFAULT_TYPE
    id: str = ""
    retry: int | None = None

    def __post_init__(self) -> None:
        check_text("data", self.data)
        if self.type != DEFAULT_TYPE:
            check_line("type", self.type)
        if not self.type:
            raise InvalidValue("type", "expected at least one character, got an empty string")
        if self.id != "":
            check_line("id", self.id)
        if self.retry is not None:
            check_retry(self.retry)


def check_line(field: str, value: str) -> None:
    """Raise InvalidValue unless `value` is text that fits on one line of a stream."""
    check_text(field, value)
    if value.isprintable():  # so it has none of them; nearly all are
        return
    for name, character in (("NUL", "\0"), ("CR", "\r"), ("LF", "\n")):
        if character in value:
            place = value.index(character) + 1
            raise InvalidValue(field, f"expected no NUL, CR or LF, got {name} as character {place}")


def check_text(field: str, value: str) -> None:
    """Raise InvalidValue unless `value` is a str that UTF-8 can carry."""
    if not isinstance(value, str):
        raise InvalidValue(field, f"expected str, got {type(value).__name__}")
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError as error:
        place = error.start + 1
        raise InvalidValue(field, f"expected text, got a lone surrogate as character {place}") from None


def check_retry(value: int) -> None:
    """Raise InvalidValue unless `value` is a whole number of milliseconds that a client can hold."""
    if type(value) is not int or not 0 <= value <= MAX_RETRY:
        raise InvalidValue("retry", f"expected whole milliseconds from 0 to {MAX_RETRY}, got {value!r}")
