"""The Mercure protocol's own form of a publication, its checks in its order, and its terse answers.

Not here: what is the same at every path: tokens (access.py), forms and JSON with full sentences (publish_api.py),
streams (transports/sse.py). Protocol: https://mercure.rocks/spec#publication (draft 07), and what its own hub 0.24
answers.
"""

from __future__ import annotations

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
SUBSCRIBE_TEXTS: dict[type[LongwaveError], str] = {
    MissingTopic: 'Missing "topic" parameter.',
    TooManyTopics: 'Too many "topic" parameters.',
}


class Refused(InvalidValue):
    """A publication breaks the protocol; `problem` is the body of the answer."""

    def __init__(self, text: str) -> None:
        super().__init__("body", text)


def read_publication(request: Request, authorise: Authorise) -> Batch:
    """Return the one update of a form. Raises Refused, or what `authorise` does, in the protocol's order."""
    if media_type(request) != FORM:
        raise Refused(BAD_REQUEST)
    try:
        fields = parse_parameters("body", request.body.decode())
    except (UnicodeDecodeError, InvalidValue):
        raise Refused(BAD_REQUEST) from None
    topics = tuple(value for name, value in fields if name == "topic")
    if not topics:
        raise Refused('Missing "topic" parameter')
    if len(topics) > MAX_TOPICS:
        raise Refused('Too many "topic" parameters')
    try:
        return read_form(fields, authorise)
    except InvalidRetry:
        raise Refused('Invalid "retry" parameter') from None


def describe(error: LongwaveError, status: HTTPStatus, method: str) -> tuple[HTTPStatus, str]:
    """Return the status and text that the protocol has for an error; our own sentence where it leaves that open."""
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        status = HTTPStatus.INTERNAL_SERVER_ERROR if method == "POST" else status
        return status, status.phrase
    if isinstance(error, Refused):
        return status, error.problem
    return status, SUBSCRIBE_TEXTS.get(type(error)) or str(error)
