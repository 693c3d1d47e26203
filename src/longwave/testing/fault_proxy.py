"""A TCP proxy that cuts, stalls, splits and delays what it passes on, for tests of clients on a bad network.

Not here: where the faults come (faults.py), a server that says what it is told to (scripted_server.py).
Rules that always hold: it listens on 127.0.0.1 only, in a thread of its own; bytes are never changed, reordered or
made up; what it holds of a connection is bounded, so that a slow side slows the other one; after `with`
nothing of it is left.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from longwave.testing.end_of_serving import drop, stop_accepting
from longwave.testing.faults import Fault, FaultPlan, Faults

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

HOST = "127.0.0.1"
MAX_CONNECTIONS = 1000
MAX_PIECE = 16_384  # bytes read at a time; asyncio holds twice as many for each side
CONNECT_TIMEOUT = 5.0  # seconds
TIME_TO_END = 5.0  # seconds; a thread that takes longer hangs
APART = 0.001  # seconds between two pieces, so that the other side reads them one by one, mostly
NO_FAULTS = Faults()

Breakdown: TypeAlias = Callable[[], Awaitable[None]]  # what happens to a connection in the end

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing sends a reset


class FaultProxy:
    """Passes connections on to `host` and `port`, and lets happen to them what `faults` says.

        with FaultProxy("127.0.0.1", server_port, seed=7, faults=Faults(cut=0.01, delay=0.1)) as proxy:
            client = EventSource(proxy.url("/events"), idle=1.0)

    seed: of all chances. The connection that comes first, second and so on meets its faults at the same bytes in each
        run with the same seed; which connection comes first is up to those who connect.
    listen_port: 0 for a free one.
    max_connections: at a time; what comes beyond is dropped at once.

    A connection for which the target does not take one is dropped, as a proxy does whose server is away. A cut is a
    reset or an ordinary end, each in half of the cases. What stalls passes nothing more either way until the client
    goes, as where a router forgot the connection. For use in one `with`. Raises OSError if the port is taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        seed: int,
        faults: Faults = NO_FAULTS,
        listen_port: int = 0,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._port = listen_port
        self._traffic = _Traffic((host, port), seed, faults, max_connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens. Raises RuntimeError before `with`."""
        if self._thread is None:
            raise RuntimeError("expected the proxy to be in a `with`, got one that was not started")
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port to ask for instead of the target's."""
        return f"http://{HOST}:{self.port}"

    def url(self, target: str = "/") -> str:
        """Return the URL of a path and query of the target's."""
        return f"{self.origin}{target}"

    @property
    def connections(self) -> int:
        """How many connections came so far."""
        return self._traffic.came

    @property
    def counts(self) -> Mapping[Fault, int]:
        """How many faults of each kind happened so far."""
        return dict(self._traffic.counts)

    def calm(self) -> None:
        """Let no fault happen from now on; what stalls already is not mended. Safe to call twice."""
        self._call(self._traffic.calm)

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("expected a new proxy, got one that was started before")
        listener = socket.create_server((HOST, self._port))
        self._port = listener.getsockname()[1]
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop, self._traffic.serve(listener)), name="FaultProxy", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the proxy and drop all connections; `with` does it. Safe to call twice. The counts stay."""
        if self._thread is None:
            return
        self._call(self._traffic.over)
        self._thread.join(TIME_TO_END)
        if self._thread.is_alive():
            raise RuntimeError(f"expected the proxy to end within {TIME_TO_END:g} s, got a thread that runs on")

    def _call(self, event: asyncio.Event) -> None:
        if self._loop is None:
            raise RuntimeError("expected the proxy to be in a `with`, got one that was not started")
        with suppress(RuntimeError):  # it ended already
            self._loop.call_soon_threadsafe(event.set)


class _Traffic:
    """All connections; lives in the proxy's thread, but for the counts, which any thread may read."""

    def __init__(self, target: tuple[str, int], seed: int, faults: Faults, max_connections: int) -> None:
        self.target = target
        self._max_connections = max_connections
        self.counts: Counter[Fault] = Counter(dict.fromkeys(Fault, 0))
        self.came = 0
        self.calm = asyncio.Event()
        self.over = asyncio.Event()
        self._seed = seed
        self._faults = faults
        self._connections: set[asyncio.Task[None]] = set()

    def plan(self, number: int, direction: str) -> FaultPlan:
        """Return the plan of one direction of a connection; text seeds are the same in every process."""
        return FaultPlan(self._faults, random.Random(f"{self._seed} {number} {direction}"))

    async def serve(self, listener: socket.socket) -> None:
        """Serve until `over` is set; then drop all that is open."""
        server = await asyncio.start_server(self._accept, sock=listener, limit=MAX_PIECE)
        await self.over.wait()
        await stop_accepting(server, listener)
        await drop(self._connections)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= self._max_connections:
            writer.transport.abort()
            return
        self.came += 1
        connection = asyncio.ensure_future(_Connection(self, self.came, reader, writer).serve())
        self._connections.add(connection)
        connection.add_done_callback(lambda _: writer.transport.abort())  # also if it was cancelled before it began
        connection.add_done_callback(self._connections.discard)


class _Connection:
    """One connection from its client to the target."""

    def __init__(
        self, traffic: _Traffic, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._traffic = traffic
        self._number = number
        self._reader = reader
        self._client = writer

    async def serve(self) -> None:
        """Return when it is over, whatever the reason, for the caller to abort its client's side."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                reader, server = await asyncio.open_connection(*self._traffic.target, limit=MAX_PIECE)
        except OSError:
            return
        try:
            await self._pass_on(reader, server)
        except OSError:
            return  # one side broke, so the other one is dropped
        finally:
            server.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        """Pass bytes both ways until both sides ended, or something goes wrong for good. Raises OSError."""
        pumps = {
            asyncio.ensure_future(self._pump(self._reader, server, "up")),
            asyncio.ensure_future(self._pump(reader, self._client, "down")),
        }
        try:
            breakdown = await _first_breakdown(pumps)
        finally:
            await _cancel(pumps)
        if breakdown is not None:
            await breakdown()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> Breakdown | None:
        """Pass on one direction; return what ended it if that was not its end. Raises OSError."""
        plan = self._traffic.plan(self._number, direction)
        writer.transport.set_write_buffer_limits(high=0)  # so that a piece has left before the next one comes
        while piece := await reader.read(MAX_PIECE):
            if (breakdown := await self._send(piece, writer, plan)) is not None:
                return breakdown
        writer.write_eof()
        return None

    async def _send(self, piece: bytes, writer: asyncio.StreamWriter, plan: FaultPlan) -> Breakdown | None:
        """Send what was read, delayed and split, up to where the connection breaks down."""
        while piece:
            passed, fault = (len(piece), None) if self._traffic.calm.is_set() else plan.pass_bytes(len(piece))
            writer.write(piece[:passed])
            await writer.drain()
            piece = piece[passed:]
            if fault is None:
                continue
            self._traffic.counts[fault] += 1
            if fault is Fault.CUT:
                return partial(self._cut, reset=plan.draw_reset())
            if fault is Fault.STALL:
                return self._stall
            await asyncio.sleep(APART if fault is Fault.SPLIT else plan.draw_delay())
        return None

    async def _cut(self, *, reset: bool) -> None:
        """Break the connection off at the client's side; `serve` drops the rest."""
        if reset:
            self._client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        self._client.close()
        await self._client.wait_closed()  # what was sent before gets there

    async def _stall(self) -> None:
        """Pass nothing: read what the client says, and forget it, until it goes. Raises OSError."""
        while await self._reader.read(MAX_PIECE):
            continue


async def _first_breakdown(pumps: Iterable[asyncio.Task[Breakdown | None]]) -> Breakdown | None:
    """Return the first that one of the pumps met; None once all came to their ends. Raises OSError."""
    for pump in asyncio.as_completed(pumps):
        if (breakdown := await pump) is not None:
            return breakdown
    return None


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)
