"""Header fields as they stand on the wire, read as names and texts.

Not here: the libraries that hand them out (httpx_transport.py and its siblings).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_fields(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the values by lower-case name, those of one name joined by `, `.

    A value is UTF-8 where it can be, as ids are, else Latin-1, as all bytes are.
    """
    fields: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
