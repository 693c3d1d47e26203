"""What somebody revokes over HTTP, the answer, and the line that says who did it.

Not here: who may (access.py), doing it (revoking.py), paths and methods (routes.py).
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.auth.grants import some_of
from longwave.auth.refusal import Reason
from longwave.auth.revocations import Aspect, Revocation
from longwave.errors import InvalidValue, TokenRefused
from longwave.server.messages.request_messages import fields_of, headers_of, new_request_id, place_of
from longwave.server.publish_api import FORM, JSON, media_type
from longwave.transports.exchange import Response, parse_parameters, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.auth.grants import Grants
    from longwave.server.revoking import Revoking
    from longwave.transports.exchange import Request

logger = logging.getLogger("longwave.server")

ASPECTS = {aspect.value: aspect for aspect in Aspect}
EXPECTED = f"expected one of {', '.join(ASPECTS)}"


async def revoke(request: Request, grants: Grants, revoking: Revoking) -> Response:
    """Revoke what the request names, and tell how many streams of this hub were ended for it.

    Raises InvalidValue for a body that is not allowed, TokenRefused if the grants do not cover it, LogUnavailable.
    """
    media = media_type(request)
    if media not in (FORM, JSON):
        return refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {FORM} or {JSON}, got {media or 'none'}"
        )
    name, value = _read_body(request, media)
    if not grants.may_revoke(value):
        detail = f"expected mercure.revoke to cover {value[:200]!r}, got {some_of(grants.revoke)}"
        raise TokenRefused(Reason.UNCOVERED, detail, topic=value, **grants.bearer)
    revocation = Revocation(ASPECTS[name], value, revoking.now())
    closed = await revoking.revoke(revocation)
    answer = {name: value, "before": revocation.before, "closed": closed}
    headers = headers_of(_record(request, grants, revocation, closed))
    return Response(HTTPStatus.OK, json.dumps(answer).encode() + b"\n", "application/json", headers)


def _record(request: Request, grants: Grants, revocation: Revocation, closed: int) -> str:
    """Write down who revoked what, and return the request's id."""
    request_id = new_request_id()
    aspect, value = revocation.aspect.value, revocation.value
    facts = {"aspect": aspect, "value": value, "before": revocation.before, "closed": closed, **grants.bearer}
    fields = fields_of(request, request_id, "", facts)
    done = f"revoked {aspect} {value[:200]!r}, which ended streams here: {closed}"
    logger.info("%s, as asked by %s (request %s)", done, place_of(fields), request_id, extra=fields)
    return request_id


def _read_body(request: Request, media: str) -> tuple[str, str]:
    """Return the one aspect that is named, and its value."""
    try:
        text = request.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidValue("body", f"expected UTF-8, got something else at byte {error.start + 1}") from None
    fields = parse_parameters("body", text) if media == FORM else _read_json(text)
    return _only(fields)


def _read_json(text: str) -> list[tuple[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidValue("body", "expected JSON, got something else") from None
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise InvalidValue("body", 'expected a JSON object with one string, such as {"subject": "user-7"}')
    return list(content.items())


def _only(fields: Iterable[tuple[str, str]]) -> tuple[str, str]:
    named = list(fields)
    unknown = next((name for name, _ in named if name not in ASPECTS), None)
    if unknown is not None:
        raise InvalidValue("body", f"{EXPECTED}, got {unknown[:100]!r}")
    if len(named) != 1:
        raise InvalidValue("body", f"{EXPECTED}, got {len(named) or 'none'}")
    return named[0]
