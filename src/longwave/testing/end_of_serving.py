"""How a server on an event loop ends so that no connection of it is lost, not even one that came a moment before.

Not here: what is served (scripted_server.py, fault_proxy.py). For loops that select, as asyncio.SelectorEventLoop does.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

ROUNDS = 3  # of the loop: to make a transport and tell its protocol, or to close it, takes two


async def stop_accepting(server: asyncio.Server, listener: socket.socket) -> None:
    """Close the server once all that it accepted have told their protocols.

    asyncio never closes a socket that it accepted if `close` comes before the socket has its transport.
    """
    asyncio.get_running_loop().remove_reader(listener)
    await _pass_rounds()
    server.close()


async def drop(connections: Iterable[asyncio.Task[None]]) -> None:
    """Cancel the tasks of all connections, and return when the transports that they abort have closed their sockets."""
    tasks = tuple(connections)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await _pass_rounds()


async def _pass_rounds() -> None:
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
