"""Subscriptions as the Mercure protocol tells of them: JSON-LD documents, and the topics that they are about.

Not here: who is subscribed (presence.py), paths and tokens (server/subscriptions_api.py).
Protocol: https://mercure.rocks/spec#active-subscriptions (draft 07). Documents are laid out by hand, as `json` takes
20 µs for one with line ends and this takes 4.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

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

_quote = json.JSONEncoder(ensure_ascii=False).encode


def subscription_topic(selector: str, member_id: str) -> str:
    """Return the topic of the events about one subscription, which is also its path and its IRI."""
    return f"{SUBSCRIPTIONS}/{quote_plus(selector)}/{quote_plus(member_id)}"


def is_tellable(selector: str, member_id: str) -> bool:
    """Tell whether there can be updates about a subscription: its topic is not longer than a topic may be."""
    return len(selector) <= SURELY_TELLABLE or len(subscription_topic(selector, member_id)) <= MAX_LENGTH


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


def describe_collection(path: str, last_event_id: str, items: Iterable[str]) -> str:
    """Return the document of a collection. items: of `describe_item`."""
    listed = ",\n".join(items)
    fields = [
        CONTEXT,
        f'"id": {_quote(path)}',
        '"type": "Subscriptions"',
        f'"lastEventID": {_quote(last_event_id)}',
        f'"subscriptions": [\n{listed}\n  ]' if listed else '"subscriptions": []',
    ]
    return _object(fields)


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
    if member.payload:
        fields.append(f'"payload": {_indented(member.payload)}')
    return fields


def _object(fields: list[str]) -> str:
    return "{\n  " + ",\n  ".join(fields) + "\n}"


@lru_cache(1024)
def _indented(payload: str) -> str:
    """Return a payload as the value of a field: each line but the first begins below the field's name."""
    return json.dumps(json.loads(payload), ensure_ascii=False, indent=2).replace("\n", "\n  ")
