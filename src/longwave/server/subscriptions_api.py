"""The subscription API: who subscribes to what at this moment, to those whose token allows it.

Not here: the picture that it is read from (core/presence.py), the documents (core/subscription_document.py).
Protocol: https://mercure.rocks/spec#subscription-api (draft 07).
Rules that always hold: what is listed is not older than the last event id beside it, so whoever subscribes to the
events after that id misses nothing; a long list is made in steps, and one at a time.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from longwave.core.subscription_document import (
    CONTENT_TYPE,
    SUBSCRIPTIONS,
    describe,
    describe_collection,
    describe_item,
)
from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from longwave.core.member import Member
    from longwave.core.presence import Presence
    from longwave.hub import Hub
    from longwave.transports.exchange import Headers, Request

STEP = 500  # items that are described without a break


class SubscriptionsApi:
    """Answers requests whose tokens were looked at already."""

    def __init__(self, hub: Hub, picture: Presence) -> None:
        self._hub = hub
        self._picture = picture
        self._turn = asyncio.Lock()

    def serves(self, path: str) -> bool:
        """Tell whether a path is one of this API's: the collection, or one or two segments below it."""
        return path == SUBSCRIPTIONS or (path.startswith(f"{SUBSCRIPTIONS}/") and _segments(path) is not None)

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Return the document at a path that is served, 304 if the client has it, 404 for an unknown subscription."""
        last_event_id = self._hub.notes.last_event_id()
        if last_event_id in _tags(request.header(b"if-none-match")):
            return Response(HTTPStatus.NOT_MODIFIED, headers=_headers(last_event_id), sized=False)
        match _segments(request.path):
            case (selector, member_id):
                member = self._picture.find(selector, member_id)
                if member is None:
                    return refusal(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
                return _document(describe(member, selector, last_event_id), last_event_id)
            case (selector,):
                return self._list(request.path, selector)
            case _:
                return self._list(request.path, None)

    async def _list(self, path: str, selector: str | None) -> Response:
        async with self._turn:
            last_event_id = self._hub.notes.last_event_id()
            items = self._subscriptions(selector)
            described: list[str] = []
            for start in range(0, len(items), STEP):
                described += [describe_item(member, selector) for member, selector in items[start : start + STEP]]
                await asyncio.sleep(0)
            return _document(describe_collection(path, last_event_id, described), last_event_id)

    def _subscriptions(self, selector: str | None) -> list[tuple[Member, str]]:
        if selector is None:
            return [(member, selector) for member in self._picture.members() for selector in member.selectors]
        return [(member, selector) for member in self._picture.subscribed_to(selector)]


def _document(text: str, last_event_id: str) -> Response:
    return Response(HTTPStatus.OK, text.encode(), CONTENT_TYPE, _headers(last_event_id))


def _headers(last_event_id: str) -> Headers:
    return ((b"ETag", last_event_id.encode()), (b"Cache-Control", b"private, no-cache"))  # its ETags have no quotes


def _segments(path: str) -> tuple[str, ...] | None:
    """Return the decoded segments below the collection, two at most; None for a path that has others."""
    rest = path.removeprefix(SUBSCRIPTIONS)
    if not rest:
        return ()
    segments = rest[1:].split("/")
    if len(segments) > 2 or not all(segments):
        return None
    try:
        return tuple([unquote_plus(segment, errors="strict") for segment in segments])
    except UnicodeDecodeError:
        return None


def _tags(if_none_match: bytes | None) -> list[str]:
    """Return the entity tags of an If-None-Match header, with or without quotes."""
    if if_none_match is None:
        return []
    tags = if_none_match.decode(errors="replace").split(",")
    return [tag.strip().removeprefix("W/").strip('"') for tag in tags]
