"""The pytest fixture that starts scripted servers and ends them with the test.

Not here: the server (scripted_server.py). pytest imports this module by its entry point; nothing else does.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from longwave.testing.scripted_server import DEFAULT_LIMITS, NOTHING_MORE, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from longwave.testing.recorded_request import Limits
    from longwave.testing.script import Item


class StartServer(Protocol):
    """Starts a scripted server that ends with the test; takes what ScriptedServer takes."""

    def __call__(
        self,
        script: Sequence[Item] = (),
        *,
        last: Item = NOTHING_MORE,
        limits: Limits = DEFAULT_LIMITS,
        port: int = 0,
        path: Path | None = None,
    ) -> ScriptedServer:
        """Return the server, running."""


@pytest.fixture
def scripted_server() -> Iterator[StartServer]:
    """Start as many scripted servers as you like; a client that broke HTTP or a limit fails the test in the end."""
    servers: list[ScriptedServer] = []
    with ExitStack() as stack:

        def start(
            script: Sequence[Item] = (),
            *,
            last: Item = NOTHING_MORE,
            limits: Limits = DEFAULT_LIMITS,
            port: int = 0,
            path: Path | None = None,
        ) -> ScriptedServer:
            servers.append(stack.enter_context(ScriptedServer(script, last=last, limits=limits, port=port, path=path)))
            return servers[-1]

        yield start
    problems = [problem for server in servers for problem in server.problems]
    assert not problems, problems
