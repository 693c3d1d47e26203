"""The claims that are compared: each a sentence and the measure that runs it.

Not here: the measures, what they come to for each client (records.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clients import connection_measures as connection
from clients import control_measures as control
from clients import package_measures as package
from clients import stream_measures as streams

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.client import Client
    from clients.columns import Column
    from clients.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Claim:
    """`name` says it in tests and records, `sentence` on the page. of_package: its measure needs the column too."""

    name: str
    sentence: str
    measure: Callable[..., Verdict]
    of_package: bool = False

    def judge(self, client: type[Client], column: Column) -> Verdict:
        arguments: tuple[Any, ...] = (client, column) if self.of_package else (client,)
        return self.measure(*arguments)


READING = (
    Claim("vectors", "Reads 27 examples of the standard's grammar exactly", streams.vectors),
    Claim("bom", "Drops a byte order mark at the start", streams.byte_order_mark),
    Claim("invalid-utf8", "Invalid UTF-8 becomes U+FFFD, and the stream goes on", streams.invalid_utf8),
    Claim("crlf-in-two-chunks", "CR and LF in two chunks are one line end", streams.crlf_in_two_chunks),
    Claim("cr-at-once", "An event that ends with CR alone comes at once", streams.carriage_return_at_once),
    Claim("separators", "U+0085, U+2028, VT and their like stay inside data", streams.separators),
    Claim("sticky-id", "An event without an id has the one before it", streams.sticky_id),
    Claim("id-without-data", "A block with an id alone sets it, without an event", streams.id_without_data),
    Claim("id-with-nul", "An id with NUL is ignored", streams.id_with_nul),
    Claim("heartbeats", "A comment and a blank line make no empty event", streams.heartbeats),
    Claim("unfinished", "An unfinished block is dropped at the end", streams.unfinished),
    Claim("comments", "Comments can be seen", streams.comments),
    Claim("low-latency", "Events come at once on a body that ends with the connection", streams.low_latency),
)  # fmt: skip

CONNECTING = (
    Claim("after-an-end", "Reconnects after the end of a stream", connection.after_an_end),
    Claim("after-a-break", "Reconnects after a connection that broke", connection.after_a_break),
    Claim("last-event-id", "Resumes with `Last-Event-ID`", connection.last_event_id),
    Claim("foreign-id", "An id beyond Latin-1 is sent as UTF-8", connection.foreign_last_event_id),
    Claim("half-event", "Half an event is not joined to the next connection's", connection.half_event),
    Claim("retry", "Waits as long as the server's `retry` says", connection.retry),
    Claim("backoff", "Waits grow with failures, and are jittered", connection.backoff),
    Claim("no-content", "Ends quietly when the server answers 204", connection.no_content),
    Claim("retry-after", "Comes back after 503, not before its `Retry-After`", connection.retry_after),
    Claim("new-token", "Asks for a new token after 401, and resumes", connection.new_token),
    Claim("redirect", "Follows a redirect; a reconnection asks the first address again", connection.redirect),
    Claim("wrong-type", "Refuses a response that is no event stream", connection.wrong_type),
    Claim("post", "Sends POST with a body, at each connection", connection.post),
)

CONTROLLING = (
    Claim("byte-idle", "A connection without a byte for too long is replaced", control.byte_idle),
    Claim("event-idle", "A stream of heartbeats without events is replaced", control.event_idle),
    Claim("event-size", "An event beyond a size limit is an error", control.event_size),
    Claim("kept-cursor", "Keeps the id of the last processed event beyond the process", control.kept_cursor),
    Claim("preset-id", "Starts after an id that you kept", control.preset_id),
    Claim("told", "Can be told to reconnect", control.told_to_reconnect),
    Claim("close", "`close` from another thread or task ends a waiting read", control.closed_from_elsewhere),
)

PACKAGES = (
    Claim("sync", "A synchronous interface", package.synchronous, of_package=True),
    Claim("async", "An asynchronous interface", package.asynchronous, of_package=True),
    Claim("typed", "Carries its types (`py.typed`)", package.typed, of_package=True),
    Claim("older-python", "Runs on Python 3.10 too", package.older_python, of_package=True),
    Claim(
        "dependencies",
        "Requires nothing but its HTTP library; `none` where you install that yourself",
        package.dependencies,
        of_package=True,
    ),
)

SECTIONS = {
    "Reading a stream": READING,
    "Connections": CONNECTING,
    "Control": CONTROLLING,
    "Package": PACKAGES,
}
CLAIMS = tuple(claim for section in SECTIONS.values() for claim in section)
