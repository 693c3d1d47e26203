"""A JWK set, read again as keys are rotated.

Not here: what is in a set (jwk.py), how it is fetched (key_document.py), verifying (tokens.py).
Rules that always hold: whoever verifies never waits; what was read counts until another set is read, and from then on
only that; an unknown `kid` makes it be read again, but not within `LEAST` seconds of the last time, whoever sends such
tokens; one reading goes on at a time.
Standard: RFC 7517.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from longwave.auth.jwk import read_key_set
from longwave.auth.key_document import check_address, is_file, read_document
from longwave.auth.keys import MAX_KEYS_TRIED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from longwave.auth.keys import Key

logger = logging.getLogger("longwave.auth")

EVERY = 300.0  # seconds between two readings of a server
LEAST = 10.0  # seconds between any two readings; a file, which costs nearly nothing, is always read so often

ALIKE = (
    "the JWK set at %s has %d keys that only trying tells apart, and at most %d are tried for a token: "
    "give each a kid of its own, and name it in the tokens"
)


async def read_keys_once(option: str, address: str) -> KeySet:
    """Return the set as it is now; it is not read again. Raises InvalidConfiguration, OSError and ValueError."""
    keys = KeySet(address, option=option)
    keys.take(await read_document(address))
    return keys


class KeySet:
    """The keys of the JWK set at `address`: `https://`, `http://`, or `file://` and a path.

    Until a reading succeeds it has no keys, so every token is refused. Secrets count only in a file. `read` gets the
    document; it may raise OSError and ValueError. Raises InvalidConfiguration, which names the option, for another kind
    of address.
    """

    def __init__(
        self, address: str, *, option: str = "jwks", read: Callable[[str], Awaitable[bytes]] = read_document
    ) -> None:
        check_address(option, address)
        self._address = address
        self._is_file = is_file(address)
        self._read = read
        self._document: bytes | None = None
        self._keys: list[Key] = []
        self._by_id: dict[str, list[Key]] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._version = 0

    @property
    def version(self) -> int:
        """How often another document was read than before; 0 until the first."""
        return self._version

    @property
    def ready(self) -> bool:
        """Whether a reading succeeded."""
        return self._version > 0

    @property
    def keys(self) -> Sequence[Key]:
        """Those that count now."""
        return self._keys

    def find(self, key_id: str) -> Sequence[Key]:
        """Return the keys with this id, or all if a token names none, those without an id first."""
        if not key_id:
            return self._keys
        found = self._by_id.get(key_id, ())
        if not found:
            self._wanted.set()
        return found

    async def open(self) -> None:
        """Read for the first time, and go on reading in the background. A failure is logged, and tried again."""
        if urlsplit(self._address).scheme == "http":
            logger.warning("the JWK set at %s is read without TLS: whoever is in between can sign tokens", self._name)
        await self._refresh()
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    @property
    def _name(self) -> str:
        """The address without its query, which may hold a secret."""
        return self._address.partition("?")[0]

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(LEAST)
            if self.ready and not self._is_file:
                await self._wait_for_need(EVERY - LEAST)
            await self._refresh()

    async def _wait_for_need(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wanted.wait()
        except TimeoutError:
            return

    async def _refresh(self) -> None:
        self._wanted.clear()
        try:
            document = await self._read(self._address)
            if document != self._document:
                self.take(document)
        except (OSError, ValueError, RecursionError) as error:
            kept = f"its {len(self._keys)} keys of before count on" if self.ready else "every token is refused"
            logger.error("the JWK set at %s could not be read, and %s: %s", self._name, kept, error)

    def take(self, document: bytes) -> None:
        """Let the keys of a document count from now on, and no others. Raises ValueError if it is no JWK set."""
        keys = read_key_set(json.loads(document), symmetric=self._is_file)
        by_id: dict[str, list[Key]] = {}
        for key in keys:
            by_id.setdefault(key.id, []).append(key)
        self._document, self._keys, self._by_id = document, sorted(keys, key=_has_id), by_id
        self._version += 1
        level = logging.INFO if keys else logging.WARNING
        logger.log(level, "the JWK set at %s has %d keys for signatures", self._name, len(keys))
        alike = max(map(_count_alike, by_id.values()), default=0)
        if alike > MAX_KEYS_TRIED:
            logger.warning(ALIKE, self._name, alike, MAX_KEYS_TRIED)


def _has_id(key: Key) -> bool:
    return bool(key.id)


def _count_alike(keys: Iterable[Key]) -> int:
    """Return how many of the keys a token may have been signed by at most, whatever algorithm it names."""
    return max(Counter(name for key in keys for name in key.algorithms).values(), default=0)
