"""The subscription API: who subscribes to what at this moment, to those whose token allows it.

Not here: the picture that it is read from (core/presence.py), the documents (core/subscription_document.py), making
lists (subscription_lists.py).
Protocol: https://mercure.rocks/spec#subscription-api (draft 07).
Rules that always hold: what is listed is not older than the last event id beside it, so whoever subscribes to the
events after that id misses nothing; whoever is told that nothing has changed has what would be listed, although
that can change without an event, when a hub tells others again of what they have forgotten.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from longwave.core.cursor import EARLIEST, parse_id
from longwave.core.subscription_document import CONTENT_TYPE, SUBSCRIPTIONS, describe, describe_collection
from longwave.errors import LogUnavailable
from longwave.server.presence.subscription_lists import SubscriptionLists
from longwave.transports.exchange import Response, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from longwave.hub import Hub
    from longwave.server.presence.presence_node import PresenceNode
    from longwave.server.presence.subscription_lists import SubscriptionList
    from longwave.transports.exchange import Headers, Request


class SubscriptionsApi:
    """Answers requests whose tokens were looked at already."""

    def __init__(self, hub: Hub, presence: PresenceNode) -> None:
        self._hub = hub
        self._presence = presence
        self._lists = SubscriptionLists(presence.picture, hub.notes.last_event_id)
        self._latest: tuple[object, Response] | None = None  # the last list that was answered, with what it is of

    def serves(self, path: str) -> bool:
        """Tell whether a path is one of this API's: the collection, or one or two segments below it."""
        return path == SUBSCRIPTIONS or (path.startswith(f"{SUBSCRIPTIONS}/") and _segments(path) is not None)

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Return the document at a path that is served, 304 if the client has it, 404 for an unknown subscription."""
        tags = _tags(request.header(b"if-none-match"))
        if len(tags) == 1 and tags[0] != EARLIEST and parse_id(tags[0]) is None:
            return self._answer_after(request, tags[0])
        return self._answer(request, has_last=self._hub.notes.last_event_id() in tags)

    async def _answer_after(self, request: Request, event_id: str) -> Response:
        """Answer a client that has seen an event whose publisher chose the id."""
        position = None
        with contextlib.suppress(LogUnavailable):
            position = await self._hub.log.locate(event_id)
        answer = self._answer(request, has_last=position == self._hub.notes.last_told)
        return answer if isinstance(answer, Response) else await answer

    def _answer(self, request: Request, *, has_last: bool) -> Response | Awaitable[Response]:
        """has_last: whether the client knows what was so at the last event."""
        has_all = has_last and self._presence.changed_at <= self._hub.notes.last_told
        match _segments(request.path):
            case (selector, member_id):
                return self._describe(selector, member_id, has_all=has_all)
            case (selector,):
                return self._not_modified() if has_all else self._list(request.path, selector)
            case _:
                return self._not_modified() if has_all else self._list(request.path, None)

    def _describe(self, selector: str, member_id: str, *, has_all: bool) -> Response:
        member = self._presence.picture.find(selector, member_id)
        if member is None:
            return refusal(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
        if has_all:
            return self._not_modified()
        last_event_id = self._hub.notes.last_event_id()
        return _document(describe(member, selector, last_event_id).encode(), last_event_id)

    def _not_modified(self) -> Response:
        return Response(HTTPStatus.NOT_MODIFIED, headers=_headers(self._hub.notes.last_event_id()), sized=False)

    def _list(self, path: str, selector: str | None) -> Response | Awaitable[Response]:
        found = self._lists.at_hand(selector)
        if found is None:
            return self._make(path, selector)
        return self._list_document(path, found, self._hub.notes.last_event_id())

    async def _make(self, path: str, selector: str | None) -> Response:
        made = await self._lists.make(selector)
        return self._list_document(path, made, made.last_event_id)

    def _list_document(self, path: str, made: SubscriptionList, last_event_id: str) -> Response:
        """Return the same answer again if it is the same, as it may be large and asked for often."""
        of = path, made.number, last_event_id
        if self._latest is None or self._latest[0] != of:
            self._latest = of, _document(describe_collection(path, last_event_id, made.parts), last_event_id)
        return self._latest[1]


def _document(body: bytes, last_event_id: str) -> Response:
    return Response(HTTPStatus.OK, body, CONTENT_TYPE, _headers(last_event_id))


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
