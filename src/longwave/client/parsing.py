"""Events out of bytes that you have: a file, a response body, a socket; no connection, no reconnection.

Not here: the grammar (eventstream/parser.py), a whole client (event_source.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, overload

from longwave.client.received_event import receive
from longwave.errors import InvalidValue, StreamError
from longwave.eventstream import Parser

if TYPE_CHECKING:
    from longwave.client.received_event import ReceivedEvent


@overload
def parse(stream: AsyncIterable[bytes], *, origin: str = "") -> AsyncIterator[ReceivedEvent]: ...


@overload
def parse(stream: Iterable[bytes], *, origin: str = "") -> Iterator[ReceivedEvent]: ...


def parse(
    stream: Iterable[bytes] | AsyncIterable[bytes], *, origin: str = ""
) -> Iterator[ReceivedEvent] | AsyncIterator[ReceivedEvent]:
    """Return the events of a stream of bytes, cut anywhere; an async iterator for an async iterable.

    What the stream leaves unfinished at its end is dropped, as the standard says. Iterating raises StreamError, after
    the events before it, for a line or an event beyond the parser's limits. Raises InvalidValue for bytes that are in
    no iterable.
    """
    if isinstance(stream, bytes | bytearray | memoryview | str):
        raise InvalidValue("stream", f"expected an iterable of bytes, got {type(stream).__name__} itself")
    return _parse_async(stream, origin) if isinstance(stream, AsyncIterable) else _parse(stream, origin)


def _parse(stream: Iterable[bytes], origin: str) -> Iterator[ReceivedEvent]:
    parser = Parser()
    for chunk in stream:
        events, failure = _feed(parser, chunk, origin)
        yield from events
        if failure is not None:
            raise failure


async def _parse_async(stream: AsyncIterable[bytes], origin: str) -> AsyncIterator[ReceivedEvent]:
    parser = Parser()
    async for chunk in stream:
        events, failure = _feed(parser, chunk, origin)
        for event in events:
            yield event
        if failure is not None:
            raise failure


def _feed(parser: Parser, chunk: bytes, origin: str) -> tuple[list[ReceivedEvent], StreamError | None]:
    try:
        return [receive(event, origin) for event in parser.feed(chunk)], None
    except StreamError as error:
        return [receive(event, origin) for event in error.events], error
