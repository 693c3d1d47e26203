"""What a scripted server is told to do: an item for each request, steps in each answer.

Not here: doing it (scripted_connection.py), what clients sent (recorded_request.py).
Rules that always hold: values are checked where they are made, so that a wrong script fails in the line that wrote it;
what can never be reached is refused.
Standard: https://www.rfc-editor.org/rfc/rfc9112 (messages and their framing)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVENT_STREAM = "text/event-stream"
MAX_PAUSE = 60.0  # seconds; longer is Stall
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WITHOUT_BODY = frozenset({204, 304})

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(r"[\x00\r\n]")


class Framing(Enum):
    """How a body says where it ends."""

    CHUNKED = "chunked"  # each Send, or each piece of it, is a chunk; the usual one of event streams
    CLOSE = "close"  # where the connection ends, as in HTTP/1.0
    LENGTH = "length"  # a Content-Length: the sum of all Sends


@dataclass(frozen=True, slots=True)
class Send:
    """Send bytes of the body.

    piece: cut them into pieces of so many bytes, each a write, and a chunk, of its own; None sends them as one.
    """

    data: bytes
    piece: int | None = None

    def __post_init__(self) -> None:
        _check_bytes(self.data)
        if self.piece is not None and self.piece < 1:
            raise InvalidValue("piece", f"expected at least 1 byte, got {self.piece}")

    def pieces(self) -> list[bytes]:
        """Return what goes into each write."""
        size = self.piece or len(self.data) or 1
        return [self.data[start : start + size] for start in range(0, len(self.data), size)]


@dataclass(frozen=True, slots=True)
class Pause:
    """Send nothing for so many seconds, at most MAX_PAUSE. Where a test can say when to go on, use Gate."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds <= MAX_PAUSE:
            raise InvalidValue("seconds", f"expected 0 to {MAX_PAUSE:g}, got {self.seconds!r}")


@dataclass(frozen=True, slots=True)
class Gate:
    """Send nothing until the test calls `server.release(name)`; a release that came before counts."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing any more, until the client goes away or the server ends."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Break the connection off in the middle of the body.

    reset: with a TCP reset, which may overtake what was sent just before (put a Gate between if that must arrive);
    False: with an ordinary end of the connection, as when a proxy dies.
    """

    reset: bool = True


@dataclass(frozen=True, slots=True)
class End:
    """End the body cleanly; implied where steps end otherwise."""


Step: TypeAlias = Send | Pause | Gate | Stall | Cut | End
LAST_STEPS = (Stall, Cut, End)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its head at once, then its steps.

    headers: added to, or instead of, those that the server makes (`Content-Type: text/event-stream` with status 200,
    and the framing's); None leaves one of these out. Sent as UTF-8.
    """

    status: int = 200
    headers: Mapping[str, str | None] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    framing: Framing = Framing.CHUNKED

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 999:
            raise InvalidValue("status", f"expected 200 to 999, got {self.status!r}")
        for name, value in self.headers.items():
            _check_header(name, value)
        _check_steps(self.steps)
        if self.status in WITHOUT_BODY and any(isinstance(step, Send) for step in self.steps):
            raise InvalidValue("steps", f"expected no Send with status {self.status}, which has no body, got one")

    def gates(self) -> set[str]:
        """Return the names of its gates."""
        return {step.name for step in self.steps if isinstance(step, Gate)}

    def length(self) -> int:
        """Return how many bytes all its Sends have."""
        return sum(len(step.data) for step in self.steps if isinstance(step, Send))


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirect; `location` is sent as it is: a path or a whole URL."""

    location: str
    status: int = 302

    def __post_init__(self) -> None:
        if self.status not in REDIRECTS:
            raise InvalidValue("status", f"expected one of {sorted(REDIRECTS)}, got {self.status!r}")
        _check_header("Location", self.location)

    def answer(self) -> Answer:
        """Return it as the answer that it is."""
        return Answer(self.status, {"Location": self.location}, framing=Framing.LENGTH)


@dataclass(frozen=True, slots=True)
class Silence:
    """Take the request and never answer, until the client goes away or the server ends."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Take the request and end the connection without a byte."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Take the request, send these bytes as they are, and end the connection: half a head, or what is no HTTP."""

    data: bytes

    def __post_init__(self) -> None:
        _check_bytes(self.data)


Item: TypeAlias = Answer | Redirect | Silence | Refuse | Raw


def _check_bytes(data: bytes) -> None:
    if not isinstance(data, bytes):
        raise InvalidValue("data", f"expected bytes, got {type(data).__name__}")


def _check_header(name: str, value: str | None) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidValue("headers", f"expected the name of a header, got {name!r}")
    if value is not None and _FORBIDDEN.search(value):
        raise InvalidValue("headers", f"expected a value without NUL, CR and LF for {name}, got {value!r}")


def _check_steps(steps: Sequence[Step]) -> None:
    for step in steps:
        if not isinstance(step, Step):
            raise InvalidValue("steps", f"expected Send, Pause, Gate, Stall, Cut or End, got {step!r}")
    for step, following in pairwise(steps):
        if isinstance(step, LAST_STEPS):
            raise InvalidValue("steps", f"expected nothing after {step!r}, got {following!r}")
