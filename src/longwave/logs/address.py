"""The address of a log, as in configuration: `memory:` or `sqlite:PATH`.

Not here: the logs themselves (memory.py, sqlite.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.errors import InvalidValue
from longwave.logs.memory import MemoryLog
from longwave.logs.sqlite import SqliteLog
from longwave.logs.sqlite_schema import check_durability
from longwave.logs.trimming import DEFAULT_RETENTION

if TYPE_CHECKING:
    from longwave.logs.base import Log
    from longwave.logs.bell import Bell
    from longwave.logs.retention import Retention

FIELD = "log address"
FORMS = "expected memory: or sqlite:PATH"


def open_address(
    address: str, *, retention: Retention = DEFAULT_RETENTION, durability: str = "full", bell: Bell | None = None
) -> Log:
    """Return the log that `address` names; await its `open` before you use it.

    address: `memory:`, or `sqlite:` and the path of a file, absolute or from the working directory.
    retention: how much history is kept.
    durability: what an acknowledged update survives in a file: `full` (power loss) or `relaxed` (the end of the
        process); a log in memory survives neither.
    bell: of the processes that share a file and tell each other what they append; a log in memory is not shared.

    Raises InvalidValue for anything else.
    """
    check_durability(durability)
    scheme, colon, rest = address.partition(":")
    if not colon or scheme not in ("memory", "sqlite"):
        raise InvalidValue(FIELD, f"{FORMS}, got {address!r}")
    if scheme == "sqlite":
        return SqliteLog(_path(address, rest), retention=retention, durability=durability, bell=bell)
    if rest:
        raise InvalidValue(FIELD, f"expected nothing after memory:, got {address!r}")
    return MemoryLog(retention)


def is_shared(address: str) -> bool:
    """Tell whether several processes that open `address` get the same log."""
    return address.partition(":")[0] != "memory"


def _path(address: str, path: str) -> str:
    if path.startswith("//"):
        raise InvalidValue(FIELD, f"expected a path right after sqlite:, as in sqlite:/var/lib/log.db, got {address!r}")
    if not path or "\0" in path or path == ":memory:":
        raise InvalidValue(FIELD, f"expected the path of a file after sqlite:, got {address!r}")
    return path
