"""What subscribers cost a hub: next to nothing when idle, a bounded amount when they do not read."""

from __future__ import annotations

import http.client
import json
import re
import resource
import select
import shutil
import socket
import subprocess
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from integration.hub_process import HOST, HubProcess, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

KIB = 1024
CROWD = 5_000
WARM_UP = 500  # subscribers that come first, so that what is allocated once for all does not count
OUR_FILES = CROWD + WARM_UP + 1024  # the hub keeps a reserve, too
CONNECTING = 250  # at the same time; the rest waits for these
PATIENCE = 30  # seconds for any one wait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        resource.getrlimit(resource.RLIMIT_NOFILE)[1] < OUR_FILES, reason=f"needs {OUR_FILES} open files in a process"
    ),
]


class Client:
    """One subscriber on a plain socket; `received` is all that it read."""

    def __init__(self, port: int, topic: str, *, buffer: int = 0) -> None:
        """buffer: bytes that the kernel may hold for it unread, roughly; 0 for the system's default."""
        self.received = b""
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((HOST, port))
        self.socket.sendall(b"GET /events?topic=%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % topic.encode())

    def read_until(self, end: bytes) -> None:
        """Read on to something that is still to come."""
        while end not in self.received:
            chunk = self.socket.recv(64 * KIB)
            assert chunk, f"expected {end!r}, got the end of the stream after {self.received[-200:]!r}"
            self.received += chunk

    def read_to_end(self) -> None:
        """Read until the hub closed the connection or reset it."""
        try:
            while chunk := self.socket.recv(64 * KIB):
                self.received += chunk
        except ConnectionResetError:
            return

    def waits_for_events(self) -> bool:
        """Tell whether nothing came that was not read."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return not poll.poll(0)


@contextmanager
def crowd(port: int, topic: str, size: int) -> Iterator[list[Client]]:
    """Subscribers that have read the head of their stream and its first comment."""
    with ExitStack() as stack:
        clients: list[Client] = []
        while len(clients) < size:
            some = [Client(port, topic) for _ in range(min(CONNECTING, size - len(clients)))]
            for client in some:
                stack.callback(client.socket.close)
                client.read_until(b":\n\r\n")
                client.received = b""
            clients += some
        yield clients


@pytest.fixture(autouse=True)
def open_files():
    """Let this process open as many files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_idle_subscriber_costs_less_than_a_kibibyte_and_leaves_nothing_behind():
    with HubProcess("memory:", "--head-timeout", "1s", "--heartbeat", "5m") as hub:
        unused = hub.descriptors()
        with crowd(hub.port, "t", WARM_UP):
            hub.publish("t", "warm-up")
            before = hub.memory()
            with crowd(hub.port, "t", CROWD) as clients:
                # What a connection needed until its stream began is let go once its deadline is passed.
                small = eventually(lambda: hub.memory() - before < CROWD * KIB)
                assert small, f"{(hub.memory() - before) / CROWD:.0f} bytes a subscriber"

                event_id = hub.publish("t", "to all")
                for client in clients:
                    client.read_until(b"\n\n\r\n")
                frame = f"id: {event_id}\ndata: to all\n\n"
                assert {client.received for client in clients} == {f"{len(frame):x}\r\n{frame}\r\n".encode()}
                assert all(client.waits_for_events() for client in clients)
                assert hub.memory() - before < CROWD * KIB
                assert hub.descriptors() == unused + WARM_UP + CROWD

        assert eventually(lambda: hub.descriptors() == unused), hub.descriptors() - unused
        hub.stop()
        assert "stopping: 0 connections are open" in hub.messages


STALLED = 10
LAG = 256 * KIB
IN_KERNEL = 64 * KIB
SEND_TIMEOUT = 5  # seconds; a round of publishing takes far less


def publish_round(hub: HubProcess, reader: Client, *, size: int, together: int, total: int) -> None:
    """Publish `total` bytes to `busy`, so many updates of `size` bytes in a request; return when `reader` has all."""
    updates = json.dumps([{"topic": "busy", "data": "x" * size}] * together)
    with closing(http.client.HTTPConnection(HOST, hub.port, timeout=PATIENCE)) as connection:
        for _ in range(total // (size * together)):
            connection.request("POST", "/events", updates, {"Content-Type": "application/json"})
            last_id = json.load(connection.getresponse())["ids"][-1]
            reader.read_until(f"id: {last_id}\n".encode())
            reader.read_until(b"\n\n\r\n")
            reader.received = b""


def bytes_in_kernel(hub: HubProcess) -> list[int]:
    """Return what the kernel holds to be sent, for each connection of the hub."""
    command = ["ss", "-tmnH", "state", "connected", f"sport = :{hub.port}"]
    listing = subprocess.run(command, text=True, check=True, capture_output=True, timeout=PATIENCE).stdout
    return [int(queued) for queued in re.findall(r"skmem:\(.*?,w(\d+),", listing)]


def test_client_that_never_reads_costs_a_hub_no_more_than_the_lag_until_it_is_cut_off():
    round_of = {
        "size": 1000,
        "together": 50,
        "total": 10_000_000,
    }  # far more than all stalled clients may hold together
    options = ("--max-lag", str(LAG), "--send-timeout", f"{SEND_TIMEOUT}s", "--retain-events", "1000")
    with HubProcess("memory:", *options) as hub, ExitStack() as stack:
        unused = hub.descriptors()
        (reader,) = stack.enter_context(crowd(hub.port, "busy", 1))
        for _ in range(2):  # so that what is allocated once for all does not count
            with crowd(hub.port, "busy", STALLED):
                publish_round(hub, reader, **round_of)
        assert eventually(lambda: hub.descriptors() == unused + 1)
        before = hub.memory()

        stalled = stack.enter_context(crowd(hub.port, "busy", STALLED))
        publish_round(hub, reader, **round_of)

        assert hub.descriptors() >= unused + 1 + STALLED, "the round was to be over before anybody is cut off"
        assert hub.memory() - before < STALLED * LAG

        assert eventually(lambda: hub.descriptors() == unused + 1, 2 * SEND_TIMEOUT)
        for client in stalled:
            client.read_to_end()
        publish_round(hub, reader, **round_of)  # whoever reads goes on


@pytest.mark.skipif(shutil.which("ss") is None, reason="needs ss, of the Debian package iproute2")
@pytest.mark.parametrize(("size", "together"), [(100, 5), (150, 50), (600, 1), (1000, 1), (3000, 20), (20_000, 1)])
def test_kernel_holds_little_for_a_client_that_never_reads(size, together):
    with HubProcess("memory:") as hub, crowd(hub.port, "busy", 1) as (reader,):
        with crowd(hub.port, "busy", STALLED):
            publish_round(hub, reader, size=size, together=together, total=300_000)

            queued = bytes_in_kernel(hub)
            assert sum(size > 0 for size in queued) >= STALLED
            assert max(queued) < IN_KERNEL

        assert eventually(lambda: sum(bytes_in_kernel(hub)) < IN_KERNEL)
