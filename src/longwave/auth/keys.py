"""Keys that verify tokens, each pinned to its algorithms; and how one is written as an option's text.

Not here: JWK sets (jwk.py, key_set.py), verifying (tokens.py), keys that sign (signing.py).
A key is written as text: a secret for HS256; a PEM public key or certificate, whose kind tells the algorithm; either
with another algorithm in front, as `HS512:secret` or `PS256:-----BEGIN ...`; `@PATH` stands for what a file holds,
without its last line ends. In a PEM text `\\n` may stand for a line end, as environments often have it.
Rules that always hold: no message and no `repr` shows a key; nothing that is public is taken for a secret.
Standards: RFC 7468, RFC 7515.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from longwave.auth.algorithms import ALGORITHMS, SYMMETRIC, Material, algorithms_for, is_guessable
from longwave.auth.secret import mistaken_for_secret
from longwave.errors import InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_KEY = 65_536  # bytes of a key's file
MAX_KEYS_TRIED = 10  # of those that may have signed a token; at most some 0.1 ms each

_PREFIX = re.compile(rf"({'|'.join(ALGORITHMS)}):", re.ASCII)
_MISTYPED = re.compile(r"\s*(?:(?:HS|RS|PS|ES)\d+K?|EdDSA|none):", re.ASCII | re.IGNORECASE)
_PEM = "-----BEGIN "
_PRIVATE = "PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Key:
    """A key that verifies. algorithms: those that a token may name in its head, and no other. id: its `kid`, or ""."""

    algorithms: tuple[str, ...]
    material: Material = field(repr=False)
    id: str = ""


class Keys(Protocol):
    """Where keys are looked up."""

    @property
    def version(self) -> int:
        """Another number once other keys count than before; whoever remembers what they verified forgets it then."""

    def find(self, key_id: str) -> Sequence[Key]:
        """Return the keys that may have signed a token with this `kid`, "" for none."""


@dataclass(frozen=True, slots=True)
class OneKey:
    """The one key that was configured; a token's `kid` makes no difference."""

    key: Key
    version: int = field(init=False, default=0)

    def find(self, key_id: str) -> Sequence[Key]:
        """Return it."""
        return (self.key,)


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as somebody wrote it: the algorithm in front, or "", and the secret or PEM text."""

    algorithm: str
    content: str = field(repr=False)

    @property
    def is_pem(self) -> bool:
        """Whether it is a PEM text, of whatever kind."""
        return self.content.startswith(_PEM)

    @property
    def is_private(self) -> bool:
        """Whether it holds a private key."""
        return self.is_pem and _PRIVATE in self.content


def read_key(option: str, text: str) -> Key:
    """Return the key that a text stands for. Raises InvalidConfiguration that names the option, never the key."""
    written = parse_key_text(option, text)
    if written.is_private:
        raise InvalidConfiguration(option, "expected a public key, got a private one, which a hub must not have")
    if written.is_pem:
        return pinned(option, _read_public_key(option, written.content), written.algorithm)
    return read_secret(option, written)


def read_secret(option: str, written: KeyText) -> Key:
    """Return the secret that a text is. Raises InvalidConfiguration."""
    if written.algorithm and written.algorithm not in SYMMETRIC:
        raise InvalidConfiguration(option, f"expected a PEM key for {written.algorithm}, got something else")
    try:
        secret = written.content.encode()
    except UnicodeEncodeError:
        raise InvalidConfiguration(option, "expected a secret in UTF-8, got other bytes") from None
    mistake = mistaken_for_secret(secret)
    if mistake is not None:
        raise InvalidConfiguration(option, f"expected a secret or a PEM text, {mistake}")
    return pinned(option, secret, written.algorithm)


def pinned(option: str, material: Material, algorithm: str) -> Key:
    """Return the key for this algorithm, or for the usual one of its kind. Raises InvalidConfiguration."""
    possible = algorithms_for(material)
    if not possible:
        raise InvalidConfiguration(option, f"expected a key for one of {', '.join(ALGORITHMS)}, got another kind")
    if algorithm and algorithm not in possible:
        raise InvalidConfiguration(option, f"expected a key for {algorithm}, got one for {' or '.join(possible)}")
    return Key((algorithm or possible[0],), material)


def is_weak(key: Key) -> bool:
    """Tell whether a key is so short that it can be found out: worth a warning, as Mercure's users have such keys."""
    return is_guessable(key.material)


def parse_key_text(option: str, text: str) -> KeyText:
    """Return what stands in a text or in the file that it names. Raises InvalidConfiguration."""
    prefix = _PREFIX.match(text)
    if prefix is None and _MISTYPED.match(text):
        raise InvalidConfiguration(
            option,
            f"expected one of {', '.join(ALGORITHMS)} before the colon, got another; with HS256: in front "
            "all that follows is the secret",
        )
    rest = text[prefix.end() :] if prefix else text
    content = _read_file(option, rest[1:]) if rest.startswith("@") else rest
    if content.lstrip().startswith(_PEM):
        content = content.strip()
        content = content if "\n" in content else content.replace("\\n", "\n")
    return KeyText(prefix[1] if prefix else "", content)


def _read_file(option: str, path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_KEY + 1)
    except (OSError, ValueError) as error:  # a NUL in a path is a ValueError
        problem = error.strerror if isinstance(error, OSError) else error
        raise InvalidConfiguration(option, f"expected a key in {path!r}, got {problem}") from None
    if len(content) > MAX_KEY:
        raise InvalidConfiguration(option, f"expected at most {MAX_KEY} bytes in {path!r}, got more")
    try:
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidConfiguration(option, f"expected text in {path!r}, got other bytes") from None


def _read_public_key(option: str, pem: str) -> Material:
    try:
        if "BEGIN CERTIFICATE" in pem:
            return load_pem_x509_certificate(pem.encode()).public_key()
        return load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidConfiguration(
            option, "expected a PEM public key or certificate, got one that cannot be read"
        ) from None
