"""How much history a log keeps."""

from __future__ import annotations

from dataclasses import dataclass

from longwave.errors import InvalidValue

DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Limits of a log; what is past any of them is trimmed, oldest first.

    events: at most so many updates (default 1,000,000).
    age: seconds that an update is kept (default 7 days).
    size: bytes of topics, ids, types and data together, in UTF-8 (default 1 GiB).
    """

    events: int = 1_000_000
    age: float = 7 * DAY
    size: int = 2**30

    def __post_init__(self) -> None:
        for name in ("events", "age", "size"):
            if not getattr(self, name) > 0:
                raise InvalidValue(f"retention {name}", f"expected more than 0, got {getattr(self, name)!r}")
