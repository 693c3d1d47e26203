"""The Mercure protocol's own form of a publication, its checks in its order, and its terse answers.

Not here: what is the same at every path: tokens (access.py), forms and JSON with full sentences (publish_api.py),
streams (transports/sse.py). Protocol: https://mercure.rocks/spec#publication (draft 07), and what its own hub 0.24
answers.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from longwave.core.update import MAX_TOPICS
from longwave.errors import InvalidValue, LongwaveError
from longwave.server.publish_api import FORM, Batch, InvalidRetry, media_type, read_form
from longwave.transports.exchange import Request, parse_parameters
from longwave.transports.sse import MissingTopic, TooManyTopics

if TYPE_CHECKING:
    from longwave.server.publish_api import Authorise

BAD_REQUEST = "Bad Request"
TOO_MANY_TOPICS = 'Too many "topic" parameters'
SUBSCRIBE_TEXTS: dict[type[LongwaveError], str] = {
    MissingTopic: 'Missing "topic" parameter.',
    TooManyTopics: 'Too many "topic" parameters.',
}

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


class Refused(InvalidValue):
    """A publication breaks the protocol; `problem` is the body of the answer."""

    def __init__(self, text: str) -> None:
        super().__init__("body", text)


def read_publication(request: Request, authorise: Authorise) -> Batch:
    """Return the one update of a form. Raises Refused, or what `authorise` does, in the protocol's order."""
    if media_type(request) != FORM:
        raise Refused(BAD_REQUEST)
    try:
        fields = _fields(request.body.decode())
    except (UnicodeDecodeError, InvalidValue):
        many = sum(pair.startswith(b"topic=") for pair in request.body.split(b"&")) > MAX_TOPICS
        raise Refused(TOO_MANY_TOPICS if many else BAD_REQUEST) from None
    topics = tuple(value for name, value in fields if name == "topic")
    if not topics:
        raise Refused('Missing "topic" parameter')
    if len(topics) > MAX_TOPICS:
        raise Refused(TOO_MANY_TOPICS)
    try:
        return read_form(fields, authorise)
    except InvalidRetry:
        raise Refused('Invalid "retry" parameter') from None


def _fields(text: str) -> list[tuple[str, str]]:
    """Return the fields of a form. Raises InvalidValue also for a `%` that encodes nothing, as `100%` without care."""
    if "%" in text and _BROKEN_ESCAPE.search(text):
        raise InvalidValue("body", "expected two hexadecimal digits behind each '%', got something else")
    return parse_parameters("body", text)


def describe(error: LongwaveError, status: HTTPStatus, method: str) -> tuple[HTTPStatus, str]:
    """Return the status and text that the protocol has for an error; our own sentence where it leaves that open."""
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        status = HTTPStatus.INTERNAL_SERVER_ERROR if method == "POST" else status
        return status, status.phrase
    if isinstance(error, Refused):
        return status, error.problem
    return status, SUBSCRIBE_TEXTS.get(type(error)) or str(error)
