"""A measure: one way to put a peer under load and read figures from it.

Not here: the measures themselves (the other files of this folder), their sizes (scenarios.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.comparison.record import Finding
    from benchmarks.comparison.stand import Stand


class Measure(Protocol):
    """A frozen value; `take` starts the peer, measures it once, and leaves it running."""

    def take(self, stand: Stand) -> Finding:
        """Measure a peer. Raises LoadFailed, RuntimeError or OSError if it could not be measured."""
