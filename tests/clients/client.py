"""What the measures need of any client: to read a URL and tell what comes, and to be closed from elsewhere.

Not here: the clients (one file each), the thread that they read in (reading.py).
A wish for which a client has no option is left out: the run shows what follows. What an HTTP library offers to its
users counts for the client that stands on it, where their documentation shows it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from clients.reading import Reading

RETRY = 0.01  # seconds; scripts say the same with `retry: 10`, as not every client has an option for it


class Received(NamedTuple):
    """An event as every client can show it: `id` is what the standard calls its last event id."""

    data: str
    type: str = "message"
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a measure asks of a client.

    token: asked for a bearer token. retry: seconds between two connections, until the server says otherwise. idle,
    event_idle: seconds without a byte, without an event. max_event: bytes of one event. last_event_id: where to start.
    cursor: where the id is kept. fails_at: the data of the event whose processing fails.
    """

    method: str = "GET"
    body: bytes | None = None
    token: Callable[[], str] | None = None
    retry: float = RETRY
    idle: float | None = None
    event_idle: float | None = None
    max_event: int | None = None
    last_event_id: str = ""
    cursor: Path | None = None
    fails_at: str | None = None


class Client(ABC):
    """One use of one client; `source` is its own object, once `read` has begun.

    reconnects: whether it makes a second connection by itself, as it says. token_from: what of the HTTP library gives
    a new token. caution: what its documentation says about this way of using it. others: the same package's other way.
    """

    is_async: ClassVar[bool] = False
    reconnects: ClassVar[bool] = True
    token_from: ClassVar[str] = ""
    caution: ClassVar[str] = ""
    others: ClassVar[tuple[type[Client], ...]] = ()
    source: Any = None

    @abstractmethod
    def read(self, url: str, wish: Wish, reading: Reading) -> Awaitable[None] | None:
        """Read until the client's own end, and tell the reading what comes."""

    @abstractmethod
    def close(self) -> Awaitable[None] | None:
        """End `read`, from another thread or task, in the client's own way."""

    def restart(self) -> Awaitable[None] | None:
        """Leave the connection for a new one; for clients that can be told to."""
        raise NotImplementedError
