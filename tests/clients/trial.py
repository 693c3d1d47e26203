"""One run of one client against one script: what most measures are made of.

Not here: what is measured. A first answer is usually `FIRST`: an event with an id that also sets a short retry.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from clients.client import Wish
from clients.reading import Reading
from clients.verdict import YOURS, Verdict, no
from longwave.testing import Answer, ScriptedServer, Send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients.client import Client
    from longwave.testing import Item, Step

FIRST = Send(b"retry: 10\nid: 7\ndata: 1\n\n")
SECOND = Send(b"retry: 10\ndata: 2\n\n")
ENOUGH = 3  # losses after which a client that has not come back does not


def stream(*steps: Step) -> Answer:
    return Answer(steps=steps)


@contextmanager
def trial(client: type[Client], *script: Item, **wish: object) -> Iterator[tuple[ScriptedServer, Reading]]:
    """Let a client read a script, with what the wish says; a script is followed by 204 for ever."""
    with ScriptedServer(script) as server, Reading(client(), server.url, Wish(**wish)) as reading:
        yield server, reading


def read_stream(client: type[Client], *steps: Step) -> Reading:
    """Return what a client made of one whole response."""
    with trial(client, stream(*steps)) as (_, reading):
        assert reading.until(lambda: reading.is_over), "expected the client to see the end of the response"
        return reading


def comes_back(server: ScriptedServer, reading: Reading, requests: int) -> bool:
    """Wait for the client's request of that number; return whether it came."""
    reading.until(lambda: len(server.requests) >= requests or len(reading.losses) >= ENOUGH)
    return len(server.requests) >= requests


def gave_up(client: type[Client], reading: Reading) -> Verdict:
    """Return the verdict for a client that did not come back."""
    return no(reading.failed) if client.reconnects else YOURS
