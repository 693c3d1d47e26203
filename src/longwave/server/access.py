"""Who may publish and subscribe: the credential of a request to its grants.

Not here: reading tokens (auth/), what a refused client is told (routes.py), whose streams are open (subscriptions.py).
Protocol: https://mercure.rocks/spec#authorization (draft 07).
Rules that always hold: without any key everything public is open, and the server listens on the loopback address only;
with a key, what has no key is closed; a token that is bad is refused, also where none is needed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from longwave.auth.credentials import PARAMETER, Credential, Presented, check_page, find_credential
from longwave.auth.grants import NOTHING, Grants, some_of
from longwave.auth.origins import Origins
from longwave.auth.refusal import Reason
from longwave.auth.revocations import Revocations
from longwave.errors import InvalidValue, TokenRefused
from longwave.server.config import PUBLISHER, SUBSCRIBER
from longwave.transports.exchange import parse_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.auth.key_set import KeySet
    from longwave.auth.keys import Keys
    from longwave.auth.tokens import TokenReader
    from longwave.server.config import AccessConfig
    from longwave.transports.exchange import Request

logger = logging.getLogger("longwave.server")

SEVERAL = "several values"  # no origin, and no address of a page


class Access:
    """What the configuration allows whom. Raises InvalidConfiguration for a key that cannot be one.

    now: Unix time in seconds. is_open: whether there is no key at all, so that everybody who reaches the server may
    publish and subscribe. may_publish, may_subscribe: whether anybody may, with whatever token.
    """

    def __init__(self, config: AccessConfig, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._now = now
        self.is_open = not config.has_keys
        self.may_publish = config.may_publish
        self.may_subscribe = config.may_subscribe
        self._publish_origins = Origins.parse("publish_origins", config.publish_origins)
        self._key_sets: dict[str, KeySet] = {}  # by their addresses
        self._weak: list[str] = []  # fields
        self.revocations = Revocations()
        self._publishers = self._reader(config.source_of_keys(PUBLISHER))
        self._subscribers = self._reader(config.source_of_keys(SUBSCRIBER))

    async def open(self) -> None:
        """Read the JWK sets, if there are any, and warn of weak keys."""
        for field in self._weak:
            option = f"--{field.replace('_', '-')}"
            logger.warning("%s can be found out from any token: take at least 32 bytes, or 2,048 bits of RSA", option)
        await asyncio.gather(*(key_set.open() for key_set in self._key_sets.values()))

    async def close(self) -> None:
        """Read them no more."""
        await asyncio.gather(*(key_set.close() for key_set in self._key_sets.values()))

    @property
    def is_ready(self) -> bool:
        """Whether tokens can be verified: each JWK set was read, if there are to be any."""
        return all(key_set.ready for key_set in self._key_sets.values())

    def publisher(self, request: Request) -> Grants:
        """Return what the bearer of the request's token may publish. Raises TokenRefused."""
        grants = self.revoker(request)
        if grants.publish is None:
            raise TokenRefused(
                Reason.CLAIM, "expected a list of selectors as mercure.publish, got none", **grants.bearer
            )
        return grants

    def revoker(self, request: Request) -> Grants:
        """Return what the bearer of the request's token, of a publisher's key, may revoke. Raises TokenRefused."""
        credential = self._credential(request)
        if credential is None:
            raise TokenRefused(Reason.MISSING, "expected a token, got none")
        page = _only_value(request, b"origin"), _only_value(request, b"referer")
        check_page(credential, request.method, page, self._publish_origins)
        return self._read(self._publishers, credential)

    def subscriber(self, request: Request) -> Grants:
        """Return which private updates the bearer of the request's token may see. Raises TokenRefused."""
        if self._subscribers is None:
            return NOTHING
        credential = self._credential(request)
        if credential is not None:
            return self._read(self._subscribers, credential)
        if not self._config.anonymous:
            raise TokenRefused(Reason.MISSING, "expected a token, got none")
        return NOTHING

    def check_listing(self, request: Request) -> None:
        """Raise TokenRefused unless the request's token covers its path; without a key of subscribers everybody may."""
        if self._subscribers is None:
            return
        grants, path = self.subscriber(request), request.path
        if not grants.may_see(path):
            detail = f"expected mercure.subscribe to cover {path[:200]!r}, got {some_of(grants.subscribe)}"
            raise TokenRefused(Reason.UNCOVERED, detail, topic=path, **grants.bearer)

    def allows_page(self, origin: str) -> bool:
        """Tell whether pages of another site may publish where everybody may, or with a cookie."""
        return self._publish_origins.allow(origin)

    def _reader(self, source: str | None) -> TokenReader | None:
        """Return what reads tokens with the keys that a field of the configuration tells; None for none."""
        if source is None:
            return None
        from longwave.auth.tokens import TokenReader  # a hub without keys needs no PyJWT

        read = self._one_key if source.endswith("key") else self._keys_of_set
        return TokenReader(read(source, getattr(self._config, source)), self.revocations)

    def _one_key(self, field: str, text: str) -> Keys:
        from longwave.auth.keys import OneKey, is_weak, read_key

        key = read_key(field, text)
        if is_weak(key) and field not in self._weak:
            self._weak.append(field)
        return OneKey(key)

    def _keys_of_set(self, field: str, address: str) -> Keys:
        from longwave.auth.key_set import KeySet

        if address not in self._key_sets:
            self._key_sets[address] = KeySet(address, option=field)
        return self._key_sets[address]

    def _credential(self, request: Request) -> Credential | None:
        headers = _values(request, b"authorization")
        parameters = [] if headers else _tokens_in(request.query)
        cookies = "; ".join(_values(request, b"cookie"))
        return find_credential(Presented(headers, parameters, cookies), self._config.cookie_name)

    def _read(self, reader: TokenReader | None, credential: Credential) -> Grants:
        if reader is None:
            raise TokenRefused(Reason.UNKNOWN_KEY, "expected a key of this kind to verify it with, got none")
        return reader.read(credential.token, self._now())


def _values(request: Request, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in request.headers if key == name]


def _tokens_in(query: str) -> list[str]:
    """Return the tokens in a query. Raises TokenRefused if it may have some, but cannot be read."""
    if PARAMETER not in unquote(query):
        return []
    try:
        return [value for name, value in parse_parameters("query", query) if name == PARAMETER]
    except InvalidValue as error:
        raise TokenRefused(Reason.MALFORMED, error.problem) from None


def _only_value(request: Request, name: bytes) -> str | None:
    """Return the value of a header, None without it; `SEVERAL` if it comes more than once, as either could count."""
    values = _values(request, name)
    if len(values) > 1:
        return SEVERAL
    return values[0] if values else None
