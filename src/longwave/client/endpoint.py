"""Where a hub's event resource is.

Not here: what is asked of it (publisher.py, event_source.py), the connection to it (httpx_transport.py).
Rules that always hold: a base address without a path means `/events`; what is told of an endpoint holds no password.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from longwave.client.request import add_parameters, show
from longwave.errors import InvalidValue

PATH = "/events"
UNIX = "unix:"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A hub's event resource.

    url: absolute, with the path. uds: path of the Unix socket that leads there, or None for TCP.
    """

    url: str
    uds: str | None = None

    @classmethod
    def parse(cls, address: str) -> Endpoint:
        """Read `http://host:port` (then `/events` is added), a full URL, or `unix:PATH` of a socket.

        Raises InvalidValue.
        """
        if address.startswith(UNIX) and address != UNIX:
            return cls(f"http://localhost{PATH}", address.removeprefix(UNIX))
        if not address.startswith(("http://", "https://")):
            raise InvalidValue("url", f"expected http://, https:// or unix:, got {show(address)!r}")
        parts = urlsplit(add_parameters(address, ()))
        return cls(urlunsplit(parts if parts.path.strip("/") else parts._replace(path=PATH)))

    @property
    def name(self) -> str:
        """What messages call it: the socket's path, or what they show of the URL."""
        return show(self.url) if self.uds is None else self.uds
