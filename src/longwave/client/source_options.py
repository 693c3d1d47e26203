"""The options of an event source: their names for the caller, and their checked values.

Not here: what they do (event_source.py, session.py).
Two lists of the same names: one types the keyword arguments, the other holds and checks; a test compares them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from longwave.client.policy import Policy, resilient
from longwave.client.reconnection import Patience
from longwave.client.request import NAME, merge_headers
from longwave.errors import InvalidValue
from longwave.eventstream.event import check_text
from longwave.eventstream.parser import MAX_EVENT, MAX_LINE

if TYPE_CHECKING:
    from longwave.client.cursor import Cursor
    from longwave.client.observer import Observer
    from longwave.core.gap import Gap

IDLE = 60.0  # seconds; four heartbeats of a hub with its defaults
CONNECT_TIMEOUT = 10.0  # seconds
LONGEST_TIMEOUT = 31_536_000.0  # seconds; a year, as what counts time below overflows at some point
DEFAULT_PATIENCE = Patience()

Headers = Mapping[str, str]
HeadersOption = Headers | Callable[[], Headers | Awaitable[Headers]]
TokenOption = str | Callable[[], str | Awaitable[str | None] | None]


class SourceOptions(TypedDict, total=False):
    """Keyword arguments of EventSource and SyncEventSource, all optional.

    method: of the request; `GET`.
    body: bytes sent with every request; none.
    headers: a mapping, or a callable that gives one and is asked anew at each connection (it may be async for
        EventSource). They replace the client's own of the same name, but never `Last-Event-ID`.
    token: sent as `Authorization: Bearer`; text, or a callable that is asked anew at each connection, and may give None
        for no token. What a callable raises reaches the consumer; an OSError counts as a failed connection instead.
    topics: selectors, added to the query as `topic` parameters, as a hub takes them.
    last_event_id: where to start; "" means now, `earliest` means all that a hub of Longwave still has.
    cursor: keeps the last processed id beyond this process (FileCursor, SqliteCursor, your own); what it has counts
        more than `last_event_id`. What it raises reaches the consumer, and the same id is saved at the next try.
    on_gap: called with each Gap that a hub tells, instead of handing it out as an event of type `gap` (it may be async
        for EventSource); what it raises reaches the consumer (`raise_gap` does just that), and the gap counts as told.
        None: gaps come as events.
    observer: is told what happens (Observer).
    policy: what each response means; `resilient`, or `standard` for what browsers do.
    patience: how long it goes on trying (Patience); for ever, with at most 30 s between two attempts.
    connect_timeout: seconds that a connection may take to be made; 10.
    idle: seconds without a byte after which a connection counts as dead; 60. None waits for ever.
    event_idle: seconds without an event, heartbeats or not, after which the stream counts as stalled and is opened
        anew; None (the default) never does that. Noticed at the next heartbeat.
    max_line, max_event: bytes that one line, and the data of one event, may hold; 16 MiB each.
    """

    method: str
    body: bytes | None
    headers: HeadersOption
    token: TokenOption | None
    topics: Sequence[str]
    last_event_id: str
    cursor: Cursor | None
    on_gap: Callable[[Gap], object] | None
    observer: Observer | None
    policy: Policy
    patience: Patience
    connect_timeout: float
    idle: float | None
    event_idle: float | None
    max_line: int
    max_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """The options with their defaults, checked. Raises InvalidValue."""

    method: str = "GET"
    body: bytes | None = None
    headers: HeadersOption = field(default_factory=dict)
    token: TokenOption | None = None
    topics: Sequence[str] = ()
    last_event_id: str = ""
    cursor: Cursor | None = None
    on_gap: Callable[[Gap], object] | None = None
    observer: Observer | None = None
    policy: Policy = resilient
    patience: Patience = DEFAULT_PATIENCE
    connect_timeout: float = CONNECT_TIMEOUT
    idle: float | None = IDLE
    event_idle: float | None = None
    max_line: int = MAX_LINE
    max_event: int = MAX_EVENT

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "idle", "event_idle"):
            value = getattr(self, name)
            if not (value is None and name != "connect_timeout") and not 0 < value <= LONGEST_TIMEOUT:
                raise InvalidValue(name, f"expected seconds above 0 and up to {LONGEST_TIMEOUT:g}, got {value!r}")
        self._check_request()

    def _check_request(self) -> None:
        if not NAME.fullmatch(self.method):
            raise InvalidValue("method", f"expected the name of a method, got {self.method!r}")
        if self.body is not None and not isinstance(self.body, bytes):
            raise InvalidValue("body", f"expected bytes, got {type(self.body).__name__}")
        if isinstance(self.topics, str):
            raise InvalidValue("topics", f"expected a list of topics, got the text {self.topics!r}")
        for topic in self.topics:
            check_text("topics", topic)
        fixed = {} if callable(self.headers) else self.headers
        merge_headers((), fixed, None if callable(self.token) else self.token)

    @property
    def is_refreshable(self) -> bool:
        """Whether asking anew can give other headers or another token."""
        return callable(self.headers) or callable(self.token)

    @property
    def read_timeout(self) -> float | None:
        """Seconds that a read may wait for bytes; None for ever."""
        limits = [limit for limit in (self.idle, self.event_idle) if limit is not None]
        return min(limits, default=None)
