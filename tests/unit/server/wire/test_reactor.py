"""Readiness of sockets: who has room, who left, and what is closed and counted when a stream ends."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing, contextmanager, suppress

import pytest

from longwave.core.audience import audience_of
from longwave.core.frame import Format
from longwave.core.subscriber import State
from longwave.hub import Hub
from longwave.server.wire.reactor import Reactor
from longwave.server.wire.streams import RECEIVE_BUFFER, SocketStream, TransportStream, duplicate


@pytest.fixture
async def hub():
    async with Hub("memory:") as one:
        yield one


@pytest.fixture
async def left():
    return []


@pytest.fixture
async def reactor(hub, left):
    one = Reactor(hub.delivery, left.append)
    yield one
    one.close()


@contextmanager
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def attach(hub, reactor, sock, head=b"head"):
    stream = SocketStream(reactor, sock, "192.0.2.7")
    stream.start(head)
    subscriber = hub.attach(audience_of(["t"]), Format.BARE, stream.sink, stream.release, opening=stream.opening)
    stream.bind(subscriber)
    return subscriber


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the conditions are counts of objects under test
            await asyncio.sleep(0)


async def test_subscriber_is_fed_by_its_socket(hub, reactor):
    with pair() as (ours, theirs):
        attach(hub, reactor, ours)
        await hub.publish("t", "x", id="i")
        await asyncio.sleep(0)

        assert theirs.recv(100) == b"headid: i\ndata: x\n\n"


@pytest.mark.parametrize("leave", [socket.socket.close, lambda sock: sock.shutdown(socket.SHUT_WR)])
async def test_client_that_leaves_is_dropped_closed_and_counted_once(hub, reactor, left, leave):
    with pair() as (ours, theirs):
        subscriber = attach(hub, reactor, ours)
        assert reactor.subscribers() == [subscriber]

        leave(theirs)
        await until(lambda: left)

        assert left == ["192.0.2.7"]
        assert (ours.fileno(), len(reactor), hub.subscribers) == (-1, 0, 0)


async def test_client_that_left_before_it_was_watched_is_dropped(hub, reactor, left):
    with pair() as (ours, theirs):
        stream = SocketStream(reactor, ours, "a")
        stream.start(b"head")
        subscriber = hub.attach(audience_of(["t"]), Format.BARE, stream.sink, stream.release, opening=stream.opening)
        theirs.close()
        hub.delivery.write(subscriber, b"x")
        stream.bind(subscriber)

        assert (left, len(reactor), hub.subscribers) == (["a"], 0, 0)


async def test_what_did_not_fit_is_sent_when_there_is_room(hub, reactor):
    with pair() as (ours, theirs):
        subscriber = attach(hub, reactor, ours)
        text = "x" * 1_000_000
        await hub.publish("t", text, id="i")
        await until(lambda: subscriber.holding)

        expected = f"headid: i\ndata: {text}\n\n".encode()
        received = b""
        while len(received) < len(expected):
            try:
                received += theirs.recv(100_000)
            except BlockingIOError:
                await asyncio.sleep(0)

        assert received == expected


async def test_stream_whose_head_cannot_be_sent_is_closed_and_counted(hub, reactor, left):
    with pair() as (ours, theirs):
        theirs.close()
        subscriber = attach(hub, reactor, ours)

        assert subscriber.state is State.CLOSED
        assert (left, ours.fileno(), len(reactor), hub.subscribers) == (["192.0.2.7"], -1, 0, 0)


async def test_what_does_not_fit_of_a_head_is_sent_when_there_is_room(hub, reactor):
    with pair() as (ours, theirs):
        head = b"x" * 1_000_000
        subscriber = attach(hub, reactor, ours, head)
        received = b""
        while subscriber.holding or len(received) < len(head):
            with suppress(BlockingIOError):
                received += theirs.recv(100_000)
            await asyncio.sleep(0)

        assert received == head
        assert subscriber.state is State.LIVE


async def test_subscriber_that_the_kernel_refuses_to_watch_is_cut_off(hub, reactor, left, tmp_path, caplog):
    """Here because its descriptor is that of a file; it could as well be one too many."""

    class File:
        def __init__(self):
            self._file = open(tmp_path / "file", "wb", buffering=0)  # noqa: SIM115 - closed by the reactor
            self.fileno, self.close = self._file.fileno, self._file.close

        def send(self, payload, _):
            return self._file.write(payload)

    attach(hub, reactor, File())

    assert (left, len(reactor), hub.subscribers) == (["192.0.2.7"], 0, 0)
    assert "cannot watch a subscriber" in caplog.text


def fill(sock):
    while sock.send(b"x" * 65536):
        pass


async def test_duplicate_outlives_the_transport_and_takes_little():
    loop = asyncio.get_running_loop()
    with pair() as (ours, theirs):
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        copy = duplicate(transport)
        transport.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        with closing(copy):
            assert (ours.fileno(), os.get_blocking(copy.fileno())) == (-1, False)
            assert copy.send(b"x") == 1
            assert copy.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 4 * RECEIVE_BUFFER
            assert theirs.recv(10) == b"x"
            with pytest.raises(BlockingIOError):
                fill(copy)


async def test_transport_that_is_closing_takes_nothing(hub):
    with pair() as (ours, _):
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
        stream = TransportStream(hub.delivery, transport, transport.close)

        assert stream.send(b"x", 0) == 1
        stream.pause_writing()
        with pytest.raises(BlockingIOError):
            stream.send(b"x", 0)
        transport.close()
        with pytest.raises(BrokenPipeError):
            stream.send(b"x", 0)
        await asyncio.sleep(0)
