"""A worker's own process: it serves like a hub that is alone, for as long as its supervisor lives.

Not here: the supervisor (supervisor.py) and its side of the pipes (worker_process.py).

Rules: standard input brings the assignment, and its end says stop, also when the supervisor was killed; standard output
takes that it listens, or why it does not, and why it failed later if it did.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
from typing import TYPE_CHECKING

from longwave.errors import LongwaveError
from longwave.hub import Hub
from longwave.server.event_loop import run
from longwave.server.messages.log_format import configure_logging
from longwave.server.server import serve

if TYPE_CHECKING:
    from longwave.server.workers.assignment import Assignment

LISTENING = "listening"
FAILED = 1


def main() -> None:
    """Be a worker; the whole of its process."""
    assignment: Assignment = pickle.load(sys.stdin.buffer)
    configure_logging(assignment.log_level, assignment.log_format, worker=assignment.number)
    try:
        run(_work(assignment))
    except (LongwaveError, OSError) as error:
        _tell((isinstance(error, OSError) and error.strerror) or str(error))
        sys.exit(FAILED)


async def _work(assignment: Assignment) -> None:
    stop = asyncio.Event()
    _stop_with_supervisor(stop)
    hub = Hub(assignment.open_log(), assignment.config.delivery())
    exchange = assignment.sample_exchange()
    await serve(
        hub,
        assignment.config,
        announce=lambda _: _tell(LISTENING),
        stop=stop,
        place=assignment.place,
        exchange=exchange,
    )


def _stop_with_supervisor(stop: asyncio.Event) -> None:
    """Stop at the end of standard input, which comes when the supervisor closes it or is no more."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def end() -> None:
        loop.remove_reader(descriptor)
        stop.set()

    loop.add_reader(descriptor, end)


def _tell(text: str) -> None:
    try:
        sys.stdout.write(" ".join(text.split()) + "\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = sys.stderr  # nobody listens any more: the end of standard input is next
