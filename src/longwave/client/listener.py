"""Listening to a hub: its events in order, across lost connections.

Not here: reading the stream (eventstream/parser.py), when to reconnect and how long to wait (reconnection.py).
Rules that always hold: each connection resumes after the last event that was read; a stream that brings no byte
for `idle` seconds is lost, as a hub sends heartbeats; what cannot get better by itself is raised.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING

import httpx2

from longwave.client.endpoint import Endpoint, read_refusal, translated
from longwave.client.reconnection import Reconnection, Verdict, judge, read_retry_after
from longwave.errors import InvalidValue, RequestFailed, StreamError
from longwave.eventstream import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from contextlib import AbstractContextManager

    from longwave.eventstream.event import Event

IDLE = 60.0  # seconds; four heartbeats of a hub with its defaults

_HEADERS = ((b"Accept", b"text/event-stream"), (b"Accept-Encoding", b"identity"), (b"Cache-Control", b"no-cache"))
_HEADER_VALUE = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")


class Listener:
    """Iterates over the events of `topics` (selectors) of the hub at `url`; reconnects and resumes by itself.

    url: the hub's base address, its event resource, or `unix:PATH`.
    last_event_id: where to start; "" means now, `earliest` means all that the hub still has.
    idle: seconds without a byte after which a connection counts as lost.
    on_wait: called with the reason and the seconds before each wait for a reconnection.
    sleep, chance: how to wait, and random numbers from 0 to 1.

    Iteration ends when the hub says that there is nothing more (204). It raises RequestFailed for a status or
    a content type that will not get better, and StreamError for an event beyond the parser's limits. Raises
    InvalidValue at once for a URL, a topic list or an id that cannot be used.
    """

    def __init__(
        self,
        url: str,
        topics: Sequence[str],
        *,
        last_event_id: str = "",
        idle: float = IDLE,
        on_wait: Callable[[str, float], object] | None = None,
        sleep: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if not topics:
            raise InvalidValue("topics", "expected at least one topic, got none")
        self.endpoint = Endpoint.parse(url)
        self._topics = tuple(topics)
        self._idle = idle
        self._on_wait = on_wait
        self._sleep = sleep
        self._chance = chance
        self._parser = Parser(last_event_id=last_event_id)
        self._reconnection = Reconnection()

    @property
    def last_event_id(self) -> str:
        """The id that the next connection will resume after; "" if there is none."""
        return self._parser.last_event_id

    def __iter__(self) -> Generator[Event]:
        with self.endpoint.open_client(idle=self._idle, keep=0) as client:
            while True:
                reason = "the stream ended"
                try:
                    if (yield from self._attempt(client)) is Verdict.END:
                        return
                except RequestFailed as error:
                    if error.status is not None and judge(error.status, "") is Verdict.STOP:
                        raise
                    reason = str(error)
                self._wait(reason)

    def _attempt(self, client: httpx2.Client) -> Generator[Event, None, Verdict]:
        """Yield the events of one connection; return what its response meant."""
        with translated(self.endpoint), self._connect(client) as response:
            verdict = judge(response.status_code, response.headers.get("Content-Type", ""))
            if verdict is Verdict.STREAM:
                self._reconnection.opened()
                yield from self._read(response)
            elif verdict is not Verdict.END:
                raise self._refusal(response)
        return verdict

    def _connect(self, client: httpx2.Client) -> AbstractContextManager[httpx2.Response]:
        url = httpx2.URL(self.endpoint.url)
        headers, resume = resume_after(self.last_event_id)
        topics = (("topic", topic) for topic in self._topics)
        parameters = (*url.params.multi_items(), *topics, *resume)
        return client.stream("GET", url, params=parameters, headers=[*_HEADERS, *headers])

    def _read(self, response: httpx2.Response) -> Iterator[Event]:
        self._parser.reset()
        if not self.last_event_id:
            # The hub says where the stream starts, so that what is lost before the first event is resumed too.
            self._parser = Parser(last_event_id=response.headers.get("Last-Event-ID", ""))
        for chunk in response.iter_bytes():
            try:
                yield from self._parser.feed(chunk)
            except StreamError as error:
                yield from error.events
                raise

    def _refusal(self, response: httpx2.Response) -> RequestFailed:
        if response.status_code == 200:
            came = response.headers.get("Content-Type", "no content type")
            return RequestFailed(f"expected text/event-stream from {self.endpoint.url}, got {came}", 200)
        self._reconnection.postpone(read_retry_after(response.headers.get("Retry-After", ""), time.time()))
        return read_refusal(response)

    def _wait(self, reason: str) -> None:
        if self._parser.retry is not None:
            self._reconnection.retry = self._parser.retry / 1000
        seconds = self._reconnection.lost(self._chance())
        if self._on_wait is not None:
            self._on_wait(reason, seconds)
        self._sleep(seconds)


def resume_after(event_id: str) -> tuple[list[tuple[bytes, bytes]], list[tuple[str, str]]]:
    """Return the headers and query parameters that ask for what follows `event_id`.

    The header carries UTF-8 bytes; what no header can carry (control characters, outer spaces) goes in the query.
    """
    if not event_id:
        return [], []
    if _HEADER_VALUE.fullmatch(event_id.encode()):
        return [(b"Last-Event-ID", event_id.encode())], []
    return [], [("lastEventID", event_id)]
