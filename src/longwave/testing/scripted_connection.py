"""One connection of a scripted server: reads requests, plays what the script says, notices that the client leaves.

Not here: what there is to say (script.py), which item comes next (scripted_server.py).
Rules that always hold: whatever is being played ends when the client ends its side; each piece is written on its own.
Standard: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from longwave.errors import InvalidValue
from longwave.testing.recorded_request import read_request
from longwave.testing.script import (
    EVENT_STREAM,
    WITHOUT_BODY,
    Answer,
    Cut,
    Framing,
    Gate,
    Pause,
    Raw,
    Redirect,
    Refuse,
    Send,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from longwave.testing.recorded_request import Limits, RecordedRequest
    from longwave.testing.script import Item, Step

BAD_REQUEST = Answer(400, framing=Framing.LENGTH)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time: closing sends a reset


class Director(Protocol):
    """Who says what is played."""

    limits: Limits

    def take(self, request: RecordedRequest) -> Item:
        """Keep the request and return the item for it. Raises InvalidValue if there were too many."""

    async def pass_gate(self, name: str) -> None:
        """Return once the gate is released for one."""

    def note(self, problem: str) -> None:
        """Keep what was wrong with a client."""


class ConnectionStream(asyncio.StreamReader):
    """What comes from a client; `gone` is set once it ended its side, read or not."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        """The client ended its side."""
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        """The connection broke."""
        super().set_exception(exc)
        self.gone.set()


class ScriptedConnection:
    """Serves one connection until one side ends it. number: which of the server's connections it is, from 0."""

    def __init__(
        self, stream: ConnectionStream, writer: asyncio.StreamWriter, director: Director, *, number: int
    ) -> None:
        self._stream = stream
        self._writer = writer
        self._director = director
        self._number = number

    async def serve(self) -> None:
        """Answer one request after the other; return when the connection is over, for the caller to abort."""
        try:
            await self._serve()
        except InvalidValue as error:
            self._director.note(str(error))
            await self._until_gone(self._refuse())

    async def _serve(self) -> None:
        while (request := await read_request(self._stream, self._director.limits, self._number)) is not None:
            item = self._director.take(request)
            if not await self._until_gone(self._play(item, request)):
                return

    async def _until_gone(self, playing: Coroutine[Any, Any, bool]) -> bool:
        """Play until its end or until the client is gone; return whether another request may come."""
        task = asyncio.ensure_future(playing)
        leaving = asyncio.ensure_future(self._stream.gone.wait())
        try:
            await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            leaving.cancel()
        try:
            return await task
        except (asyncio.CancelledError, ConnectionError):
            return False

    async def _play(self, item: Item, request: RecordedRequest) -> bool:
        match item:
            case Answer():
                return await self._answer(item, request)
            case Redirect():
                return await self._answer(item.answer(), request)
            case Refuse():
                return await self._finish()
            case Raw(data):
                await self._write(data)
                return await self._finish()
        return await self._stream.gone.wait()

    async def _refuse(self) -> bool:
        await self._write(head_of(BAD_REQUEST, Framing.LENGTH))
        return await self._finish()

    async def _answer(self, answer: Answer, request: RecordedRequest) -> bool:
        framing = framing_of(answer, request)
        await self._write(head_of(answer, framing))
        for step in answer.steps:
            await self._step(step, framing)
            if isinstance(step, Stall | Cut):
                return False
        if framing is Framing.CHUNKED:
            await self._write(b"0\r\n\r\n")
        return (request.keeps_connection and framing is not Framing.CLOSE) or await self._finish()

    async def _step(self, step: Step, framing: Framing | None) -> None:
        match step:
            case Send():
                await self._send(step, framing)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Gate(name):
                await self._director.pass_gate(name)
            case Stall():
                await self._stream.gone.wait()
            case Cut(reset):
                await (self._reset() if reset else self._finish())

    async def _send(self, step: Send, framing: Framing | None) -> None:
        for piece in step.pieces():
            await self._write(b"%x\r\n%b\r\n" % (len(piece), piece) if framing is Framing.CHUNKED else piece)

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _reset(self) -> None:
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()

    async def _finish(self) -> bool:
        """End this side, and wait for the client to end its own."""
        self._writer.write_eof()
        await self._stream.gone.wait()
        return False


def framing_of(answer: Answer, request: RecordedRequest) -> Framing | None:
    """Return how an answer is framed for this client; None if there is no body."""
    if answer.status in WITHOUT_BODY or request.method == "HEAD":
        return None
    if answer.framing is Framing.CHUNKED and request.version == "HTTP/1.0":
        return Framing.CLOSE
    return answer.framing


def head_of(answer: Answer, framing: Framing | None) -> bytes:
    """Return the head of an answer, its own headers instead of the usual ones of these names."""
    usual: dict[str, str] = {"Content-Type": EVENT_STREAM} if answer.status == 200 else {}
    match framing:
        case Framing.CHUNKED:
            usual["Transfer-Encoding"] = "chunked"
        case Framing.LENGTH:
            usual["Content-Length"] = str(answer.length())
        case Framing.CLOSE:
            usual["Connection"] = "close"
    own = {name.lower() for name in answer.headers}
    headers = {name: value for name, value in usual.items() if name.lower() not in own} | dict(answer.headers)
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"HTTP/1.1 {answer.status} {_phrase(answer.status)}", *lines, "", ""]).encode()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
