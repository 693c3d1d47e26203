"""Tokens of the Mercure protocol, and hubs that want them; for the tests whose names begin with test_mercure."""

from __future__ import annotations

import jwt

from longwave.server.config import AccessConfig

MERCURE = "/.well-known/mercure"
KEY = "a secret of more than thirty-two bytes"
OTHER_KEY = "another secret of more than thirty-two bytes"

KEYED = AccessConfig(key=KEY)  # no token, no access
ANONYMOUS = AccessConfig(key=KEY, anonymous=True)  # what is public needs none


def token(publish=None, subscribe=None, *, key=KEY, algorithm="HS256", **claims):
    """A token; the lists are those of its claim, None leaves one out."""
    lists = {"publish": publish, "subscribe": subscribe}
    content = {name: value for name, value in lists.items() if value is not None}
    return jwt.encode({"mercure": content} | claims, key, algorithm)


def bearer(publish=None, subscribe=None, **more):
    """The header that carries one."""
    return f"Authorization: Bearer {token(publish, subscribe, **more)}"


PUBLISHER = bearer(publish=["*"])
SUBSCRIBER = bearer(subscribe=["*"])


async def post(client, form, *headers, content_type="application/x-www-form-urlencoded", target=MERCURE):
    """Publish a form and return the answer."""
    return await client.post(form, content_type, *headers, target=target)
