"""Subscriptions as the Mercure protocol tells of them: JSON-LD documents, and the topics that they are about.

Not here: who is subscribed (presence.py), paths and tokens (server/presence/subscriptions_api.py).
Protocol: https://mercure.rocks/spec#active-subscriptions (draft 07). Documents are laid out by hand, as `json` takes
20 µs for one with line ends and this takes 4.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from longwave.core.payload import layout
from longwave.core.topic import MAX_LENGTH
from longwave.core.update import Update
from longwave.eventstream.event import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwave.core.member import Member

SUBSCRIPTIONS = "/.well-known/mercure/subscriptions"
CONTENT_TYPE = "application/ld+json"
SURELY_TELLABLE = 300  # characters, each of which takes at most twelve when it is escaped; ids are short
CONTEXT = '"@context": "https://mercure.rocks/"'
FRAME = 160  # characters of an event that are the same for all

_quote = json.JSONEncoder(ensure_ascii=False).encode


def subscription_topic(selector: str, member_id: str) -> str:
    """Return the topic of the events about one subscription, which is also its path and its IRI."""
    return f"{SUBSCRIPTIONS}/{quote_plus(selector)}/{quote_plus(member_id)}"


def is_tellable(selector: str, member_id: str) -> bool:
    """Tell whether there can be updates about a subscription: its topic is not longer than a topic may be."""
    return len(selector) <= SURELY_TELLABLE or len(subscription_topic(selector, member_id)) <= MAX_LENGTH


def told_size(member: Member) -> int:
    """Return about how many characters it takes to tell of a member once, at all its selectors together."""
    escaped_id = len(member.id) + 2 * member.id.count(":")  # there is nothing else to escape in an id of a hub
    fixed = FRAME + 2 * (len(SUBSCRIPTIONS) + escaped_id) + len(member.id) + len(layout(member.payload))
    return sum(2 * len(quote_plus(selector)) + len(selector) + fixed for selector in member.selectors)


def begin_updates(member: Member) -> list[Update]:
    """Return the updates that tell that somebody subscribed."""
    return [_update(member, selector, active=True) for selector in member.selectors]


def end_updates(member: Member) -> list[Update]:
    """Return the updates that tell that it does no more; their ids are the same whoever tells it."""
    return [
        _update(member, selector, active=False, event_id=member.end_id(place))
        for place, selector in enumerate(member.selectors)
    ]


def describe(member: Member, selector: str, last_event_id: str) -> str:
    """Return the document of one subscription that is active."""
    told = f'"lastEventID": {_quote(last_event_id)}'
    topic = subscription_topic(selector, member.id)
    return _object([CONTEXT, *_fields(member, selector, topic, active=True), told])


def describe_item(member: Member, selector: str) -> str:
    """Return one subscription as an item of a collection."""
    topic = subscription_topic(selector, member.id)
    return "    " + _object(_fields(member, selector, topic, active=True)).replace("\n", "\n    ")


def join_items(items: Iterable[str]) -> bytes:
    """Return items of `describe_item` as a part of a collection."""
    return ",\n".join(items).encode()


def describe_collection(path: str, last_event_id: str, parts: Iterable[bytes]) -> bytes:
    """Return the document of a collection. parts: of `join_items`, none of them empty."""
    fields = [
        CONTEXT,
        f'"id": {_quote(path)}',
        '"type": "Subscriptions"',
        f'"lastEventID": {_quote(last_event_id)}',
        '"subscriptions": [',
    ]
    before = f"{{\n  {_joined(fields)}".encode()
    rest = [part for each in parts for part in (b",\n", each)]  # all are copied once only, as they may be megabytes
    if not rest:
        return before + b"]\n}"
    return b"".join((before, b"\n", *rest[1:], b"\n  ]\n}"))


def _update(member: Member, selector: str, *, active: bool, event_id: str = "") -> Update:
    topic = subscription_topic(selector, member.id)
    document = _object([CONTEXT, *_fields(member, selector, topic, active=active)])
    return Update((topic,), Event(document, id=event_id), private=True)


def _fields(member: Member, selector: str, topic: str, *, active: bool) -> list[str]:
    fields = [
        f'"id": "{topic}"',  # it is escaped already
        '"type": "Subscription"',
        f'"subscriber": {_quote(member.id)}',
        f'"topic": {_quote(selector)}',
        '"active": true' if active else '"active": false',
    ]
    payload = layout(member.payload)
    if payload:
        fields.append(f'"payload": {payload}')
    return fields


def _object(fields: list[str]) -> str:
    return f"{{\n  {_joined(fields)}\n}}"


def _joined(fields: list[str]) -> str:
    return ",\n  ".join(fields)
