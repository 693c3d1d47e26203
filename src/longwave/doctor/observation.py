"""What was seen of a server: its answers and the bytes of its streams, with times; frozen values.

Not here: how it was seen (probe.py), what is thought of it (checks.py).
Times are seconds since the request of their connection was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from longwave.doctor.framing import Framing

if TYPE_CHECKING:
    from longwave.client.response import Response
    from longwave.doctor.inquiry import Inquiry


NOTHING = Framing()


class Ending(Enum):
    """How watching a connection ended."""

    OPEN = "open"  # it was still open
    CLOSED = "closed"  # the server ended the response as it should
    BROKEN = "broken"  # the connection was lost, or never made
    FULL = "full"  # as much came as is read at most
    ENOUGH = "enough"  # everything that it was opened for was seen


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a response, header names in lower case, with when it came.

    redirects: status and target of each redirect before it.
    """

    response: Response
    at: float = 0.0
    redirects: tuple[tuple[int, str], ...] = ()

    @property
    def status(self) -> int:
        """Its status."""
        return self.response.status

    def header(self, name: str) -> str:
        """Return a header's value by its lower-case name; "" if it was not sent."""
        return self.response.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class Watch:
    """One connection while it was watched.

    head: None where none came. framing: of the body, made readable. arrivals: when readable bytes came. received: bytes
    of the body as they came. readable: whether its compression could be undone. problem: what went wrong, "" if
    nothing. excerpt: beginning of a body that is no event stream.
    """

    head: Head | None = None
    framing: Framing = NOTHING
    arrivals: tuple[float, ...] = ()
    received: int = 0
    readable: bool = True
    ending: Ending = Ending.OPEN
    ended_at: float = 0.0
    problem: str = ""
    excerpt: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether the answer is an event stream."""
        return self.head is not None and self.head.status == 200 and self.head.response.is_event_stream


@dataclass(frozen=True, slots=True)
class Resumption:
    """A second connection.

    after: the id that it was to go on after; b"" for none. expected: the id that had followed it before; b"" if none.
    """

    watch: Watch
    after: bytes = b""
    expected: bytes = b""


@dataclass(frozen=True, slots=True)
class Observation:
    """All that was seen. resumption, cross_origin (a GET with an Origin), preflight: None if not made or not answered.

    protocol: what TLS agreed on, `h2` or `http/1.1`; "" if unknown.
    """

    inquiry: Inquiry
    watch: Watch
    resumption: Resumption | None = None
    cross_origin: Head | None = None
    preflight: Head | None = None
    protocol: str = ""
