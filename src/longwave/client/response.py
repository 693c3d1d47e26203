"""What is known of a response before its body: status, headers, the URL that gave it.

Not here: what a client makes of it (policy.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a response.

    headers: by lower-case names. url: the final one, after redirects; "" where there is none. http_version: `HTTP/1.1`
    and the like, "" if unknown.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    http_version: str = ""

    @property
    def content_type(self) -> str:
        """The header as it came; "" if there is none."""
        return self.headers.get("content-type", "")

    @property
    def is_event_stream(self) -> bool:
        """Whether the type is an event stream's, whatever its parameters."""
        return self.content_type.partition(";")[0].strip(" \t\r\n").lower() == EVENT_STREAM

    @property
    def origin(self) -> str:
        """Scheme, host and port of the URL, a scheme's own port left out; "" if there is none that can be read."""
        try:
            parts = urlsplit(self.url)
            number = parts.port
        except ValueError:
            return ""
        if not parts.hostname:
            return ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        port = f":{number}" if number is not None and number != usual else ""
        return f"{parts.scheme}://{host}{port}"
