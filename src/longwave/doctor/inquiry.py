"""What is to be examined, and how: the address, what is sent, how long it is watched.

Not here: doing it (probe.py), the command line (cli/doctor.py).
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#the-eventsource-interface
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longwave.client.request import add_parameters, merge_headers
from longwave.doctor.content_coding import ACCEPTED
from longwave.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Sequence

WATCH = 20.0  # seconds; a heartbeat every 15 s shows in it
HEARTBEAT = 15.0  # seconds; what the standard recommends
EVENTS = "/events"  # of a hub
ANY_ORIGIN = "https://longwave-doctor.invalid"  # of pages that no server can mean to let in

_OWN = (
    (b"Accept", b"text/event-stream"),
    (b"Accept-Encoding", ACCEPTED.encode()),
    (b"Cache-Control", b"no-cache"),
    (b"User-Agent", b"longwave-doctor"),
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ID = re.compile(rb"[\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What is to be examined.

    url: of the stream, with its query. uds: path of the Unix socket that leads there, or None. headers: of each
    request but the preflight. last_event_id: where the first connection starts, "" for now. seconds: how long that is
    watched. heartbeat: seconds of silence after which a heartbeat is due. origin: of the page that is to listen, ""
    for none in particular.
    """

    url: str
    uds: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = _OWN
    last_event_id: str = ""
    seconds: float = WATCH
    heartbeat: float = HEARTBEAT
    origin: str = ""

    def __post_init__(self) -> None:
        if self.last_event_id and not _ID.fullmatch(self.last_event_id.encode()):
            raise InvalidValue("last-event-id", f"expected an id that a header can carry, got {self.last_event_id!r}")
        if self.origin and not _ORIGIN.fullmatch(self.origin):
            raise InvalidValue("origin", f"expected an origin such as https://example.com, got {self.origin!r}")
        for name in ("seconds", "heartbeat"):
            if not getattr(self, name) > 0:
                raise InvalidValue(name, f"expected a time above 0, got {getattr(self, name)}")

    @property
    def asked_origin(self) -> str:
        """The origin that is sent: the page's, or one that nobody can mean."""
        return self.origin or ANY_ORIGIN


def parse_address(address: str, topics: Sequence[str] = ()) -> tuple[str, str | None]:
    """Return the URL that an address and topics mean, and the path of its Unix socket if it is one.

    `http://host` without any path, and `unix:PATH`, are hubs, whose stream is at /events; any other URL stays as it is.
    Raises InvalidValue.
    """
    parameters = [("topic", topic) for topic in topics]
    if address.startswith("unix:") and address != "unix:":
        return add_parameters(f"http://localhost{EVENTS}", parameters), address.removeprefix("unix:")
    url = add_parameters(address, [])
    parts = urlsplit(url)
    if not parts.path:
        url = parts._replace(path=EVENTS).geturl()
    return add_parameters(url, parameters), None


def make_headers(lines: Sequence[str], token: str | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of a request with more lines `Name: value` and a bearer token. Raises InvalidValue."""
    given = dict(map(_read_header, lines))
    return merge_headers(_OWN, given, token)


def _read_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _HEADER_NAME.fullmatch(name):
        raise InvalidValue("header", f"expected 'Name: value', got {name!r}")  # not the value: it may be a secret
    if name.lower() == "last-event-id":
        raise InvalidValue("header", "expected the last event's id as --last-event-id, got it as a header")
    return name, value.strip()
