"""Every exception that Longwave raises on purpose.

The tree:

    LongwaveError
    ├── InvalidValue            you gave a value that is not allowed (also a ValueError)
    │   └── InvalidConfiguration    ... as an option, in the environment or in a file
    ├── StreamError             the peer's event stream broke a limit
    │   ├── LineTooLong
    │   └── EventTooLarge
    ├── LogError                the log did not take or give updates
    │   ├── DuplicateId         an update with this id is on the log already
    │   └── LogUnavailable      disk full, I/O error, closed: try again later
    ├── HubClosed               the hub was closed, by you
    ├── GapFound                a hub told that events were lost, and you asked for an error then
    ├── RequestFailed           a server answered a request with an error, or not at all
    └── TokenRefused            a token, or a request's way to present one, does not count

Each message is one sentence that says what was expected and what came.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "DuplicateId",
    "EventTooLarge",
    "GapFound",
    "HubClosed",
    "InvalidConfiguration",
    "InvalidValue",
    "LineTooLong",
    "LogError",
    "LogUnavailable",
    "LongwaveError",
    "RequestFailed",
    "StreamError",
    "TokenRefused",
]


class LongwaveError(Exception):
    """Base of all errors that Longwave raises on purpose."""


class InvalidValue(LongwaveError, ValueError):
    """A value given by the caller is not allowed; `field` names it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class InvalidConfiguration(InvalidValue):
    """An option, environment variable or line of a configuration file is not allowed."""


class StreamError(LongwaveError):
    """The peer's event stream broke a limit; the parser that raised it reads no further.

    `events` holds the events (of eventstream.Event) that the same `feed` call had completed before.
    """

    def __init__(self, limit: int, came: int, events: list[Any]) -> None:
        super().__init__(limit, came, events)
        self.limit = limit
        self.came = came
        self.events = events


class LineTooLong(StreamError):
    """A line of the stream is longer than `max_line` bytes."""

    def __str__(self) -> str:
        return f"expected lines of at most {self.limit} bytes, got {self.came} bytes without a line end"


class EventTooLarge(StreamError):
    """The data of one event is larger than `max_event` bytes."""

    def __str__(self) -> str:
        return f"expected events of at most {self.limit} bytes, got {self.came} bytes without a blank line"


class LogError(LongwaveError):
    """The log did not take or give updates; nothing of the request was stored."""


class DuplicateId(LogError):
    """An update with this id is on the log already, or stands twice in one batch."""

    def __init__(self, event_id: str) -> None:
        super().__init__(event_id)
        self.event_id = event_id

    def __str__(self) -> str:
        return f"id: expected an id that is not on the log, got {self.event_id!r} again"


class LogUnavailable(LogError):
    """The log cannot take or give updates now: disk full, I/O error, closed."""


class HubClosed(LongwaveError):
    """The hub was closed; make a new one."""


class GapFound(LongwaveError):
    """A hub told a client that events between two ids were not delivered.

    reason: `expired`, `restarted` or `slow`. since, until: the ids before and at the end of the gap.
    """

    def __init__(self, reason: str, since: str, until: str) -> None:
        super().__init__(reason, since, until)
        self.reason = reason
        self.since = since
        self.until = until

    def __str__(self) -> str:
        return f"expected all events after {self.since!r}, got a gap up to {self.until!r} ({self.reason})"


class RequestFailed(LongwaveError):
    """A server answered a request with an error status, or could not be reached."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason, status)
        self.reason = reason
        self.status = status

    def __str__(self) -> str:
        return self.reason


class TokenRefused(LongwaveError):
    """A token, or a request's way to present one, does not count.

    reason: its kind (auth.refusal.Reason). detail: why, for the operator and not for the client; no part of the token
    but what its head names, and what its claims say once its signature was verified.
    facts: the same for programs, by names that messages have for them: `topic`, `expired_for` in seconds; `subject` and
    `token_id` (the claims `sub` and `jti`) of a token that a key signed. What a client sent may be in them, as it came.
    """

    def __init__(self, reason: str, detail: str, **facts: object) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.facts = facts

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
