"""The observer of the command line's clients: each wait before another attempt is told on standard error.

Not here: when and how long they wait (client/reconnection.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from longwave.cli.notice import notify
from longwave.client.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable


class RetryNotice(Observer):
    """Tells waits, each as one line.

    name: puts the reason into the user's words; by default it stays as it is.
    """

    def __init__(self, name: Callable[[str], str] = str) -> None:
        self._name = name

    def retry(self, reason: str, delay: float) -> None:
        """Tell a wait."""
        notify(f"{self._name(reason)}; trying again in {delay:.1f} s")
