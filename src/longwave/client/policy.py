"""What a client does about a response: read it, come back, ask with a new token, end, or fail.

Not here: how long it waits (reconnection.py), connections that fail without a response (session.py).
A policy is any function from a Response to an Action; `resilient` is the default.
Standard: https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from longwave.client.response import Response

STOP = 204  # No Content: the documented way for a server to say that there is nothing more
UNAUTHORISED = 401
COMES_BACK = frozenset({408, 425, 429})  # Request Timeout, Too Early, Too Many Requests


class Action(Enum):
    """What to do about a response."""

    STREAM = "stream"  # read events from it
    RETRY = "retry"  # come back after a wait
    REFRESH = "refresh"  # come back at once with headers and token asked anew; fail if that was tried just now
    END = "end"  # the server says that there is nothing more: iteration ends
    FAIL = "fail"  # it will not get better: RequestFailed is raised


Policy = Callable[[Response], Action]


def resilient(response: Response) -> Action:
    """Do what a service wants that outlives deployments and tokens: 408, 425, 429 and 5xx are tried again."""
    if response.status == UNAUTHORISED:
        return Action.REFRESH
    if response.status in COMES_BACK or response.status >= 500:
        return Action.RETRY
    return standard(response)


def standard(response: Response) -> Action:
    """Do what the standard says: whatever is not an event stream with status 200 fails for good."""
    if response.status == STOP:
        return Action.END
    if response.status == 200 and response.is_event_stream:
        return Action.STREAM
    return Action.FAIL
