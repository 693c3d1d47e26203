"""Who may publish and subscribe: the credential of a request to its grants.

Not here: reading tokens (auth/), what a refused client is told (routes.py), whose streams are open (subscriptions.py).
Protocol: https://mercure.rocks/spec#authorization (draft 07).
Rules that always hold: without any key everything public is open, and the server listens on the loopback address only;
with a key, what has no key is closed; a token that is bad is refused, also where none is needed.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

from longwave.auth.credentials import PARAMETER, Credential, Presented, check_page, find_credential
from longwave.auth.grants import NOTHING, Grants
from longwave.auth.origins import Origins
from longwave.auth.refusal import Reason
from longwave.auth.revocations import Revocations
from longwave.errors import InvalidValue, TokenRefused
from longwave.transports.exchange import parse_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from longwave.auth.key_set import KeySet
    from longwave.auth.keys import Keys
    from longwave.auth.tokens import TokenReader
    from longwave.server.config import AccessConfig
    from longwave.transports.exchange import Request

logger = logging.getLogger("longwave.server")


class Access:
    """What the configuration allows whom. Raises InvalidConfiguration for a key that cannot be one.

    now: Unix time in seconds.
    """

    def __init__(self, config: AccessConfig, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._now = now
        self._publish_origins = Origins.parse("publish_origins", config.publish_origins)
        self._key_set: KeySet | None = None
        self._weak: list[str] = []  # options
        self.revocations = Revocations()
        self._publishers = self._reader("publisher_key", config.publisher_key or config.key)
        self._subscribers = self._reader("subscriber_key", config.subscriber_key or config.key)

    async def open(self) -> None:
        """Read the JWK set, if there is one, and warn of weak keys."""
        for option in self._weak:
            logger.warning("%s can be found out from any token: take at least 32 bytes, or 2,048 bits of RSA", option)
        if self._key_set is not None:
            await self._key_set.open()

    async def close(self) -> None:
        """Read it no more."""
        if self._key_set is not None:
            await self._key_set.close()

    @property
    def is_open(self) -> bool:
        """Whether there is no key at all, so that everybody who reaches the server may publish and subscribe."""
        return not self._config.has_keys

    @property
    def is_ready(self) -> bool:
        """Whether tokens can be verified: a JWK set was read, if there is to be one."""
        return self._key_set is None or self._key_set.ready

    @property
    def may_publish(self) -> bool:
        """Whether anybody may, with whatever token."""
        return self.is_open or self._publishers is not None

    @property
    def may_subscribe(self) -> bool:
        """Whether anybody may, with whatever token."""
        return self.is_open or self._subscribers is not None or self._config.anonymous

    def publisher(self, request: Request) -> Grants:
        """Return what the bearer of the request's token may publish. Raises TokenRefused."""
        grants = self.revoker(request)
        if grants.publish is None:
            raise TokenRefused(Reason.CLAIM, "expected a list of selectors as mercure.publish, got none")
        return grants

    def revoker(self, request: Request) -> Grants:
        """Return what the bearer of the request's token, of a publisher's key, may revoke. Raises TokenRefused."""
        credential = self._credential(request)
        if credential is None:
            raise TokenRefused(Reason.MISSING, "expected a token, got none")
        page = _text(request.header(b"origin")), _text(request.header(b"referer"))
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
        if self._subscribers is not None and not self.subscriber(request).may_see(request.path):
            raise TokenRefused(Reason.UNCOVERED, "expected mercure.subscribe to cover the path, which it does not")

    def allows_page(self, origin: str) -> bool:
        """Tell whether pages of another site may publish where everybody may, or with a cookie."""
        return self._publish_origins.allow(origin)

    def _reader(self, option: str, text: str | None) -> TokenReader | None:
        if not (text or self._config.jwks):
            return None
        from longwave.auth.tokens import TokenReader  # a hub without keys needs no PyJWT

        return TokenReader(self._one_key(option, text) if text else self._keys_of_set(), self.revocations)

    def _one_key(self, option: str, text: str) -> Keys:
        from longwave.auth.keys import OneKey, is_weak, read_key

        option = option if getattr(self._config, option) else "key"
        key = read_key(option, text)
        if is_weak(key) and option not in self._weak:
            self._weak.append(option)
        return OneKey(key)

    def _keys_of_set(self) -> Keys:
        from longwave.auth.key_set import KeySet

        if self._key_set is None:
            assert self._config.jwks is not None, "there is no other key"
            self._key_set = KeySet(self._config.jwks)
        return self._key_set

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


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
