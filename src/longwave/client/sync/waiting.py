"""The one thing that is waited for at a time, which `end` from another thread ends, and the steps it belongs to.

Not here: the same for tasks (../waiting.py, written by hand like this file).
Rules that always hold: once `end` was called, every wait raises Interrupted, however its operation ended; no lock is
held while anything of the user's is called; of two that end and step at the same time, one clears up, and knows it.
"""

from __future__ import annotations

import inspect
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from longwave.errors import InvalidValue, LongwaveError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from longwave.client.sync.transport import SyncResponseStream

T = TypeVar("T")

PROMPT = 1.0  # seconds; a read and a pause end far sooner, a connection that is being made may take longer


class Interrupted(Exception):
    """The wait was ended by `SyncWaiting.end`."""


class SyncWaiting:
    """Runs one operation after the other until it is ended.

    As a context manager it is one step of an iteration, in which several operations may run and everything that
    belongs to the iteration may be changed: entering raises Interrupted after `end`, LongwaveError where another
    thread is in a step.
    """

    def __init__(self) -> None:
        self.ended = False
        self._pause = threading.Event()  # what `sleep` waits for: the end
        self._lock = threading.RLock()  # a signal's handler may come back to it
        self._stepping: int | None = None  # a thread
        self._stream: SyncResponseStream | None = None
        self._outside = threading.Condition(self._lock)

    def __enter__(self) -> None:
        with self._lock:
            if self._stepping is not None:
                raise LongwaveError("expected one thread at a time to ask for events, got a second one")
            if self.ended:
                raise Interrupted
            self._stepping = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._stepping = None
            self._outside.notify_all()

    def run(self, operation: Callable[[], T], stream: SyncResponseStream | None = None) -> T:
        """Call the operation. Raises Interrupted if `end` is, or was, called.

        stream: whose socket `end` shuts down, so that a blocked read returns; without one the operation comes to its
        own end.
        """
        with self._lock:
            if self.ended:
                raise Interrupted
            self._stream = stream
        try:
            result = operation()
        except OSError:
            if self.ended:
                raise Interrupted from None
            raise
        finally:
            with self._lock:
                self._stream = None
        if self.ended:
            raise Interrupted
        return result

    def sleep(self, seconds: float) -> None:
        """Wait. Raises Interrupted."""
        self.run(lambda: self._pause.wait(seconds))

    def end(self) -> bool:
        """Interrupt what runs, and all that would; return whether nobody is in a step, nor can be from now on."""
        with self._lock:
            self.ended = True
            self._pause.set()
            if self._stream is not None:
                _shut_down(self._stream.socket)
            return self._stepping is None

    def left(self) -> bool:
        """Wait for `PROMPT` seconds at most until nobody is in a step; return whether that is so.

        It returns False at once to the thread that is in one.
        """
        if self._stepping == threading.get_ident():
            return False
        with self._outside:
            return self._outside.wait_for(lambda: self._stepping is None, PROMPT)


def _shut_down(connection: socket.socket | None) -> None:
    """Make a blocked read of another thread return; below TLS, as the TLS object is not safe to share."""
    if connection is not None:
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def ask(option: T | Callable[[], T | Awaitable[T]]) -> T:
    """Return an option's value: itself, or what it gives when it is called.

    Raises InvalidValue for an async callable.
    """
    value: Any = option() if callable(option) else option
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # else Python warns that nobody awaited it
        raise InvalidValue("option", "expected a callable that is not async in a synchronous client, got one")
    return value  # type: ignore[no-any-return]  # it is T by the types
