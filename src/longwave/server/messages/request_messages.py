"""What a message says of the request that it is about: an id, who asked, for what, and with whose token.

Not here: how a message looks (log_format.py), which there are (refusal_messages.py, revoke_api.py, routes.py).

Rule that always holds: what a client sent is shortened, and nothing in it can do more than be read.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from longwave.server.messages.log_format import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from longwave.transports.exchange import Headers, Request


def new_request_id() -> str:
    """Return an id that nobody can guess, for one answer and its line."""
    return secrets.token_hex(8)


def headers_of(request_id: str) -> Headers:
    """Return the headers that tell the client a request id."""
    return ((b"X-Request-Id", request_id.encode()),)


def fields_of(request: Request, request_id: str, reason: str, facts: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a message about a request; what a client sent is shortened, and prints."""
    fields = {"client": request.client, "method": request.method, "path": request.path, "reason": reason, **facts}
    printable = {name: shown(value) if isinstance(value, str) else value for name, value in fields.items()}
    return {"request_id": request_id, **{name: value for name, value in printable.items() if value != ""}}


def place_of(fields: Mapping[str, object]) -> str:
    """Return who asked for what, in a line for people: `192.0.2.7 (subject 'user-7'): GET /events`."""
    told = (("subject", fields.get("subject")), ("token id", fields.get("token_id")))
    named = ", ".join([f"{name} {value!r}" for name, value in told if value])
    client = f"{fields.get('client', 'a client')}{f' ({named})' if named else ''}"
    return f"{client}: {fields['method']} {fields['path']}"
