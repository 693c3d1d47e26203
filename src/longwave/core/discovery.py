"""The `Link` header by which a resource tells its readers where its updates come from, and after which one to begin.

Not here: the hub's address and the ids; both are the application's to know.
Standards: https://mercure.rocks/spec#discovery (draft 07), RFC 8288.
"""

from __future__ import annotations

import re

from longwave.errors import InvalidValue

_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", re.ASCII)
_QUOTABLE = re.compile(r"[ -~]*", re.ASCII)


def discovery_link(
    hub: str, *, topic: str = "", last_event_id: str = "", content_type: str = "", key_set: str = ""
) -> str:
    """Return the value of a `Link` header for a resource whose updates a hub publishes.

    hub: address of the hub's `/.well-known/mercure`, absolute or relative to the resource.
    topic: what the updates are about, where that is not the resource's own address.
    last_event_id: id of the last update that the resource shows; who subscribes after it misses nothing in between.
    content_type: of the updates' data. key_set: address of the JWK set that they are encrypted with.

    Raises InvalidValue for what is no address, or holds what a header must not.
    """
    attributes = {
        "rel": "mercure",
        "last-event-id": last_event_id,
        "content-type": content_type,
        "key-set": key_set and _address("key_set", key_set),
    }
    link = f"<{_address('hub', hub)}>"
    for name, value in attributes.items():
        link += f"; {name}={_quoted(name, value)}" if value else ""
    return f'{link}, <{_address("topic", topic)}>; rel="self"' if topic else link


def _address(field: str, text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise InvalidValue(field, f"expected an address, with percent signs for what is none of it, got {text[:200]!a}")
    return text


def _quoted(field: str, text: str) -> str:
    if not _QUOTABLE.fullmatch(text):
        raise InvalidValue(field, f"expected printable ASCII, as it goes into a header, got {text[:200]!a}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
