"""A real HTTP/1.1 server on a real socket that plays a script, for tests of any client of event streams.

Not here: the script's values (script.py), HTTP (scripted_connection.py), fixtures (pytest_plugin.py).
Rules that always hold: it serves 127.0.0.1 or a Unix socket only, in a thread of its own, so that blocking and
asynchronous clients both work; every wait has a limit; after `with` nothing of it is left.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

from longwave.errors import InvalidValue
from longwave.testing.end_of_serving import drop, stop_accepting
from longwave.testing.recorded_request import Limits
from longwave.testing.script import Answer, Item
from longwave.testing.scripted_connection import ConnectionStream, ScriptedConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from longwave.testing.recorded_request import RecordedRequest

HOST = "127.0.0.1"
WAIT = 5.0  # seconds that a test waits for its client by default
TIME_TO_END = 5.0  # seconds; a thread that takes longer hangs
MAX_PROBLEMS = 100
NOTHING_MORE = Answer(status=204)
DEFAULT_LIMITS = Limits()


class ScriptedServer:
    """Answers the first request with the script's first item, and so on; all requests after it with `last`.

        with ScriptedServer([Answer(steps=[Send(b"data: 1\\n\\n"), Cut()]), Answer(503)]) as server:
            client.connect(server.url)
            server.wait_for_requests(2)

    Requests count in the order in which they arrive, over however many connections and with any target. port: 0 for a
    free one. path: of a Unix socket to listen at instead. For use in one `with`. Raises InvalidValue for an item that
    is none and for both port and path, OSError if the port or the path is taken.

    The waits block their thread. Where an event loop runs in it they raise RuntimeError instead of standing still;
    there, write `await asyncio.to_thread(server.wait_for_requests, 2)`.
    """

    def __init__(
        self,
        script: Sequence[Item] = (),
        *,
        last: Item = NOTHING_MORE,
        limits: Limits = DEFAULT_LIMITS,
        port: int = 0,
        path: Path | None = None,
    ) -> None:
        if port and path is not None:
            raise InvalidValue("path", f"expected no path beside a port, got {path} and {port}")
        self._play = _Play(script, last, limits)
        self._port = port
        self._path = path
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port, as an event's origin has them; with a path, `http://localhost`.

        Raises RuntimeError before `with`.
        """
        if self._thread is None:
            raise RuntimeError("expected the server to be in a `with`, got one that was not started")
        return f"http://{HOST}:{self._port}" if self._path is None else "http://localhost"

    @property
    def url(self) -> str:
        """A URL to ask for; any other target of the same origin gets the same answers."""
        return f"{self.origin}/events"

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """All requests that came, in order; also those that were not answered."""
        return tuple(self._play.requests)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was wrong with clients: no HTTP, or beyond the limits."""
        return tuple(self._play.problems)

    def release(self, name: str = "", times: int = 1) -> None:
        """Let the next `times` clients through the gate of that name; at once if they stand there already.

        Raises InvalidValue if the script has no such gate, RuntimeError if the server does not run.
        """
        if name not in self._play.gates:
            raise InvalidValue("name", f"expected one of the gates {sorted(self._play.gates)}, got {name!r}")
        if self._loop is None or self._loop.is_closed():
            raise RuntimeError("expected a running server, got one that is not")
        for _ in range(times):
            self._loop.call_soon_threadsafe(self._play.gates[name].release)

    def wait_for_requests(self, count: int, timeout: float = WAIT) -> tuple[RecordedRequest, ...]:
        """Return all requests once at least `count` came. Raises TimeoutError after `timeout` seconds."""
        play = self._play
        if not play.wait(lambda: len(play.requests) >= count, timeout):
            raise TimeoutError(f"expected {count} requests within {timeout:g} s, got {len(play.requests)}")
        return self.requests

    def wait_until_gone(self, timeout: float = WAIT) -> None:
        """Return once no connection is open, and at least one was. Raises TimeoutError after `timeout` seconds.

        A connection that the server ended is open until the client ends its side too.
        """
        play = self._play
        if not play.wait(lambda: play.came > 0 and not play.connections, timeout):
            state = f"{len(play.connections)} are open" if play.came else "none ever came"
            raise TimeoutError(f"expected all connections to be gone within {timeout:g} s, got: {state}")

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("expected a new server, got one that was started before")
        listener = self._listen()
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(
            target=_run, args=(self._loop, self._play.serve(listener)), name="ScriptedServer", daemon=True
        )
        self._thread.start()
        return self

    def _listen(self) -> socket.socket:
        if self._path is not None:
            return _listen_at(self._path)
        listener = socket.create_server((HOST, self._port))
        self._port = listener.getsockname()[1]
        return listener

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and drop all that is open, as its process would by dying; `with` does it. Safe to call twice.

        What was recorded stays.
        """
        if self._thread is None or self._loop is None or self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._play.over.set)
        self._thread.join(TIME_TO_END)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        if self._thread.is_alive():
            raise RuntimeError(f"expected the server to end within {TIME_TO_END:g} s, got a thread that runs on")


class _Play:
    """The script as it is played; lives in the server's thread, but for `wait` and what is only read."""

    def __init__(self, script: Sequence[Item], last: Item, limits: Limits) -> None:
        for item in (*script, last):
            if not isinstance(item, Item):
                raise InvalidValue("script", f"expected Answer, Redirect, Silence, Refuse or Raw, got {item!r}")
        self.limits = limits
        self.requests: list[RecordedRequest] = []
        self.problems: list[str] = []
        self.connections: set[asyncio.Task[None]] = set()
        self.came = 0
        self.over = asyncio.Event()
        names = {name for item in (*script, last) if isinstance(item, Answer) for name in item.gates()}
        self.gates = {name: asyncio.Semaphore(0) for name in names}
        self._script = tuple(script)
        self._last = last
        self._changed = threading.Condition()

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait, in the test's thread, until the condition holds; return whether it does."""
        with self._changed:
            if not condition():
                _refuse_to_block_a_loop()
            return self._changed.wait_for(condition, timeout)

    async def serve(self, listener: socket.socket) -> None:
        """Serve until `over` is set; then drop all that is open."""
        server = await asyncio.get_running_loop().create_server(self._accept, sock=listener)
        await self.over.wait()
        await stop_accepting(server, listener)
        await drop(self.connections)

    def _accept(self) -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(ConnectionStream(self.limits.head), self._begin)

    def _begin(self, stream: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self.connections) >= self.limits.connections:
            self.note(f"connections: expected at most {self.limits.connections} at a time, got one more")
            writer.transport.abort()
            return
        assert isinstance(stream, ConnectionStream)
        connection = asyncio.ensure_future(ScriptedConnection(stream, writer, self, number=self.came).serve())
        with self._changed:
            self.came += 1
            self.connections.add(connection)
        connection.add_done_callback(lambda _: writer.transport.abort())  # also if it was cancelled before it began
        connection.add_done_callback(self._end)

    def _end(self, connection: asyncio.Task[None]) -> None:
        if not connection.cancelled() and (error := connection.exception()) is not None:
            self.note(f"{type(error).__name__}: {error}")
        with self._changed:
            self.connections.discard(connection)
            self._changed.notify_all()

    def take(self, request: RecordedRequest) -> Item:
        """Keep the request and return the item for it. Raises InvalidValue if there were too many."""
        count = len(self.requests)
        if count >= self.limits.requests:
            raise InvalidValue("requests", f"expected at most {self.limits.requests} in all, got one more")
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
        return self._script[count] if count < len(self._script) else self._last

    async def pass_gate(self, name: str) -> None:
        """Return once the gate is released for one."""
        await self.gates[name].acquire()

    def note(self, problem: str) -> None:
        """Keep what was wrong with a client."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def _listen_at(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _run(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serving)


def _refuse_to_block_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(
        "expected to wait in a thread without an event loop, got one with a loop, which would stand still: "
        "await asyncio.to_thread(server.wait_for_requests, ...)"
    )
