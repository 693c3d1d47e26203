"""One client that reads one URL in a thread of its own, and what has come of it so far.

Not here: the clients, what is measured.
Rules that always hold: nothing that a client does is raised here, it is recorded; a wait is for a condition and has a
limit; at the end the client is told to stop, but nobody waits for one that does not.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

from clients.client import Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from clients.client import Client, Wish

WAIT = 5.0  # seconds that what must come may take
LOOK_EVERY = 0.005  # seconds
TIMES_STILL = 8  # looks in a row at which a thread stands at the same place
THREAD = "reading"
TIME_TO_END = 0.5  # seconds that a client gets at the end


class Stopped(Exception):
    """The measure is over; ends a client that calls back."""


class ProcessingFailed(Exception):
    """The consumer failed at an event."""


def forget_all() -> None:
    """Wait for the clients that are not done yet, and collect what they left open."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(WAIT)
    gc.collect()


def raises(error: BaseException | None) -> str:
    """Say it in the words of a verdict; "" for no error."""
    return "" if error is None else f"raises {type(error).__name__}"


class Reading:
    """Runs a client. Lists only grow: `events`, `comments`, `losses` (the announced wait each, None if unknown)."""

    def __init__(self, client: Client, url: str, wish: Wish) -> None:
        self.events: list[Received] = []
        self.comments: list[str] = []
        self.losses: list[float | None] = []
        self.error: BaseException | None = None
        self.loss_error: BaseException | None = None  # the first that the client told of
        self.call_error: BaseException | None = None  # of `call`
        self.ended = False
        self.stopped = False
        self.client = client
        self._url = url
        self._wish = wish
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)

    # What clients tell.

    def event(self, data: str, kind: str | None, event_id: str | None) -> None:
        self._stop_if_over()
        if data == self._wish.fails_at:
            raise ProcessingFailed
        self.events.append(Received(data, kind or "message", event_id or ""))

    def comment(self, text: str) -> None:
        self.comments.append(text)

    def lost(self, wait: float | None = None, error: BaseException | None = None) -> None:
        """The connection ended, or none could be made, and the client goes on."""
        self._stop_if_over()
        self.loss_error = self.loss_error or error
        self.losses.append(wait)

    def _stop_if_over(self) -> None:
        if self.stopped:
            raise Stopped

    # What measures ask.

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]

    @property
    def failed(self) -> str:
        """The error that the client ended with, or told first when it lost a connection; "" for none."""
        return raises(self.error or self.loss_error)

    @property
    def is_over(self) -> bool:
        """Whether the client is done with its first connection."""
        return self.ended or bool(self.losses)

    def until(self, condition: Callable[[], object], timeout: float = WAIT) -> bool:
        """Wait for the condition, or for the client's end; return whether the condition holds."""
        over = time.monotonic() + timeout
        while not condition():
            if self.ended or time.monotonic() > over:
                return bool(condition())
            time.sleep(LOOK_EVERY)
        return True

    def until_event(self, count: int, timeout: float = WAIT) -> bool:
        return self.until(lambda: len(self.events) >= count, timeout)

    def until_still(self) -> None:
        """Wait until the client's thread stands still, that is, in a call that waits for the network."""
        before, still = None, 0
        while still < TIMES_STILL and not self.ended:
            frame = sys._current_frames().get(self._thread.ident or 0)
            here = frame and (id(frame), frame.f_lasti)
            still = still + 1 if here == before else 0
            before = here
            time.sleep(LOOK_EVERY)

    def call(self, method: Callable[[], object]) -> threading.Thread:
        """Call a method of the client in another thread, or task, as it may block; return that thread."""
        calling = threading.Thread(target=self._call, args=(method,), name=THREAD, daemon=True)
        calling.start()
        return calling

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped = True
        if self._loop is not None and self._task is not None:
            self._cancel(self._loop, self._task)
        elif not self.ended:
            self.call(self.client.close)
        self._thread.join(TIME_TO_END if self._loop is not None else 0)

    def _call(self, method: Callable[[], object]) -> None:
        try:
            if self._loop is not None:
                asyncio.run_coroutine_threadsafe(method(), self._loop).result(WAIT)
            else:
                method()
        except Exception as error:
            self.call_error = error

    def _cancel(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:
            return  # the loop is closed, which is what was wanted

    def _run(self) -> None:
        try:
            if self.client.is_async:
                asyncio.run(self._read())
            else:
                self.client.read(self._url, self._wish, self)
        except BaseException as error:
            self.error = error
        self.ended = True

    async def _read(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        await self.client.read(self._url, self._wish, self)
