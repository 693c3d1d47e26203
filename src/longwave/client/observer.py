"""Who is told what an event source does: connections, events, comments, waits, errors, the end.

Not here: when that happens (event_source.py), traces and metrics (telemetry.py).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from longwave.client.request import show

if TYPE_CHECKING:
    from longwave.client.received_event import ReceivedEvent
    from longwave.client.response import Response

logger = logging.getLogger("longwave.client")


class Observer:
    """Override what you want to be told; each method is called where it happens, and must be quick.

    What one raises is logged with its traceback and changes nothing.
    """

    def opened(self, response: Response) -> None:
        """A stream is open; `response.url` is whole, with the secrets that it may hold."""

    def event(self, event: ReceivedEvent) -> None:
        """An event was read; the consumer gets it when it asks."""

    def comment(self, text: str) -> None:
        """A comment came; hubs send empty ones as heartbeats."""

    def retry(self, reason: str, delay: float) -> None:
        """The connection was lost, or not made, because of `reason`; it is tried again in `delay` seconds."""

    def error(self, error: Exception) -> None:
        """The source failed for good; the consumer gets this error."""

    def closed(self, reason: str) -> None:
        """The source is closed, because of `reason`; nothing comes any more."""


class LoggingObserver(Observer):
    """Writes to the logger `longwave.client`: connections and ends as INFO, waits as WARNING, errors as ERROR.

    It is what an event source has if it is given no other. Addresses, topics and ids are logged; headers, tokens and
    data never, nor a URL's password and other parameters. The HTTP libraries have loggers of their own, which do less.
    """

    def opened(self, response: Response) -> None:
        """Log that a stream is open."""
        logger.info("%s: the stream is open", show(response.url))

    def retry(self, reason: str, delay: float) -> None:
        """Log a wait."""
        logger.warning("%s; trying again in %.1f s", reason, delay)

    def error(self, error: Exception) -> None:
        """Log a failure."""
        logger.error("%s", error)

    def closed(self, reason: str) -> None:
        """Log the end."""
        logger.info("closed: %s", reason)


class Shielded(Observer):
    """Tells another observer, and logs what that raises instead of passing it on: watching must not break anything."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def opened(self, response: Response) -> None:
        """Pass it on."""
        self._tell("opened", response)

    def event(self, event: ReceivedEvent) -> None:
        """Pass it on."""
        self._tell("event", event)

    def comment(self, text: str) -> None:
        """Pass it on."""
        self._tell("comment", text)

    def retry(self, reason: str, delay: float) -> None:
        """Pass it on."""
        self._tell("retry", reason, delay)

    def error(self, error: Exception) -> None:
        """Pass it on."""
        self._tell("error", error)

    def closed(self, reason: str) -> None:
        """Pass it on."""
        self._tell("closed", reason)

    def _tell(self, method: str, *news: object) -> None:
        try:
            getattr(self._observer, method)(*news)
        except Exception:
            logger.exception("expected an observer that does not raise, got an error from its method %s", method)
