"""The server's life: listen, serve, drain on a signal, stop.

Not here: what is shared by connections (site.py), options (config.py, cli/).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from typing import TYPE_CHECKING

from longwave.server.drain import drain
from longwave.server.site import Site
from longwave.server.wire.http1 import Connection
from longwave.server.wire.listener import listen, unix_path, url_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from longwave.hub import Hub
    from longwave.server.config import ServerConfig
    from longwave.server.metrics.sample_exchange import SampleExchange

logger = logging.getLogger("longwave.server")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Each collection walks all live objects, which costs the more the more subscribers there are; what the server makes
# for a delivery is no garbage in cycles.
GC_THRESHOLDS = (50_000, 50, 100)


# uvloop accepts one connection for each listening descriptor in a round of its loop. With several for one socket a
# storm of connections costs fewer rounds: 37.6 instead of 44.4 µs of processor time to connect and subscribe.
ACCEPTORS = 16


class Server:
    """Serves one hub; use it inside `async with`, in the loop that it is to serve in.

    place: see presence/presence_node.py. exchange: of metrics with other workers, if there are any.
    url: the first address that it listens on; known once entered.
    """

    def __init__(self, hub: Hub, config: ServerConfig, place: str = "", exchange: SampleExchange | None = None) -> None:
        self._hub = hub
        self._config = config
        self.site = Site(hub, config, place, exchange)
        self.url = ""
        self._listening: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []

    async def __aenter__(self) -> Server:
        """Open the hub and listen. Raises LogUnavailable, or OSError that names the address."""
        loop = asyncio.get_running_loop()
        self._listening = listen(self._config)
        try:
            await self._hub.open()
            await self.site.access.open()
            await self.site.measuring.open()
        except BaseException:
            self._stop_listening()
            raise
        self.site.open()
        backlog = self._config.listen.backlog
        for sock in [copy for original in self._listening for copy in copies(original, ACCEPTORS)]:
            self._servers.append(await loop.create_server(lambda: Connection(self.site), sock=sock, backlog=backlog))
        self.url = url_of(self._listening[0])
        return self

    async def prepare_to_stop(self) -> None:
        """Say that the hub is to be left, and go on as before for the time that others need to notice."""
        self.site.stopping = True
        delay = self._config.timeouts.shutdown_delay
        if delay:
            logger.info("stopping in %g s", delay)
            await asyncio.sleep(delay)
        logger.info("stopping: %d connections are open", self.site.limits.open)

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, end all streams within the drain time, and close the hub."""
        self._stop_listening()
        await drain(self.site, self._config.timeouts.drain)
        for connection in list(self.site.connections):
            connection.abort()
        self.site.close()
        await self.site.leave()
        await self.site.measuring.close()
        await self.site.access.close()
        await self._hub.close()

    def _stop_listening(self) -> None:
        # Files first: nobody else can have taken such a path as long as this process listens there.
        for path in filter(None, map(unix_path, self._listening)):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        for server in self._servers:
            server.close()
        for sock in self._listening:
            sock.close()


def copies(sock: socket.socket, count: int) -> list[socket.socket]:
    """Return so many sockets that are all the same one, so that what is accepted by one is not by another."""
    return [sock.dup() for _ in range(count)]


async def serve(
    hub: Hub,
    config: ServerConfig,
    announce: Callable[[str], None],
    *,
    stop: asyncio.Event | None = None,
    place: str = "",
    exchange: SampleExchange | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, and for the delay that is configured, then drain.

    A second signal ends the process at once.

    announce: called with the address once connections are accepted. stop: set by whoever else may stop it.
    place: see presence/presence_node.py.
    Raises LogUnavailable, or OSError that names the address.
    """
    stop = stop or asyncio.Event()
    with signals_to(stop):
        async with Server(hub, config, place, exchange) as server:
            spare_collections()
            announce(server.url)
            await stop.wait()
            await server.prepare_to_stop()


@contextlib.contextmanager
def signals_to(stop: asyncio.Event, before_exit: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Set the event at the first signal to stop; if it is set, call `before_exit` and end the process at once."""
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        if stop.is_set():
            before_exit()
            os._exit(128 + number)
        stop.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)


def spare_collections() -> None:
    """Let the garbage collector pass over what lives as long as the process, and come by less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
