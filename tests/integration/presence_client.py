"""Clients that watch who subscribes, and tokens with which that can be seen; for tests of presence and revocation."""

from __future__ import annotations

import json
from urllib.parse import quote_plus

import jwt

from integration.mercure_tokens import KEY
from longwave.server.config import AccessConfig

SUBSCRIPTIONS = "/.well-known/mercure/subscriptions"
EVERY = f"{SUBSCRIPTIONS}{{/topic}}{{/subscriber}}"  # the template of the protocol's own examples
TOLD = AccessConfig(key=KEY, anonymous=True, subscriptions=True, allowed_hosts=("h", "hub.test"))


def credential(*, key=KEY, claims=None, **mercure):
    """The header with a token; `mercure` is its claim of that name."""
    return f"Authorization: Bearer {jwt.encode({'mercure': mercure} | (claims or {}), key, 'HS256')}"


WATCHER = credential(subscribe=[EVERY])


class Watcher:
    """A client that sees the events about one selector's subscriptions, or about all."""

    def __init__(self, client):
        self.client = client

    @classmethod
    async def connect(cls, client, selector=EVERY, *headers):
        """Begin to watch; it is told of itself to others, and not to itself."""
        await client.subscribe(f"/events?topic={quote_plus(selector)}", WATCHER, *headers)
        return cls(client)

    async def next(self):
        """The next event: topic, whether active, subscriber."""
        document = json.loads(await self.client.data())
        return document["topic"], document["active"], document["subscriber"]


async def listed(client, path=SUBSCRIPTIONS, header=WATCHER):
    """The documents of a collection."""
    answer = await client.get(path, header)
    assert answer.status == 200, answer.text
    return json.loads(answer.text)["subscriptions"]


async def topics_listed(client, path=SUBSCRIPTIONS, header=WATCHER):
    return sorted(document["topic"] for document in await listed(client, path, header))
