"""How long it takes until all clients of a hub that was killed have caught up.

Run from the root of the repository:
    PYTHONPATH=src python -m benchmarks.micro.replay [--clients 10000] [--behind 100] [--rounds 5]

A hub over SQLite takes updates and is killed (SIGKILL). It is started again on the same port and log; as soon as it
accepts, all clients connect at once, each so many events behind, and it ends when each has got them all. One client's
events are read one by one; all others must have got the very same bytes. `bare` is a server that knows nothing but to
accept, to read once, and to send those bytes: what the kernel needs, in Python. They take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.load import footprint
from benchmarks.load.arrivals import Arrivals, Arrived
from benchmarks.load.bare_replay_server import READY
from benchmarks.load.longwave_server import LOAD_CPU, SERVER_CPU, launch
from benchmarks.load.server_process import free_port

from longwave.eventstream.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = 150  # bytes
FILES_BESIDES = 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Head: " + b"x" * 250 + b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Round:
    """seconds: until everybody had caught up. cpu: microseconds of the server for a client. stream: what one got."""

    seconds: float
    cpu: float
    stream: str


def request(last_event_id: str) -> bytes:
    """Return the request of a client that comes back."""
    return (
        f"/events?topic=t HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\nLast-Event-ID: {last_event_id}"
    ).encode()


def return_to_hub(clients: int, behind: int) -> Round:
    """Kill a hub, start it again, and let all clients come back."""
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        log = f"sqlite:{place}/log.db"
        with launch(log, port=port) as server:
            ids = publish(port, 2 * behind)
            os.kill(server.pids[0], signal.SIGKILL)
        with launch(log, port=port) as server:
            back = come_back(port, server.pids, request(ids[behind - 1]), clients, behind)
    check(back.stream, ids[behind:])
    return back


def return_to_bare(clients: int, behind: int, stream: str) -> Round:
    """Let all clients come back to the bare server."""
    port = free_port()
    command = ["taskset", "--cpu-list", str(SERVER_CPU), sys.executable, "-m", "benchmarks.load.bare_replay_server"]
    with subprocess.Popen([*command, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(HEAD + stream.encode())
            process.stdin.close()
            if process.stdout.readline() != READY:
                raise OSError("expected a bare server that is ready, got none")
            return come_back(port, [process.pid], request("x"), clients, behind)
        finally:
            process.kill()


def publish(port: int, count: int) -> list[str]:
    """Publish numbered updates in one request and return their ids."""
    lines = [json.dumps({"topic": "t", "data": f"{number:08} ".ljust(DATA, "x")}) for number in range(count)]
    headers = {"Content-Type": "application/x-ndjson"}
    body = "\n".join(lines).encode()
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/events", body, headers)) as answer:
        return json.load(answer)["ids"]


def come_back(port: int, pids: Sequence[int], asked: bytes, clients: int, behind: int) -> Round:
    """Let all clients connect, and wait until each has got what it lacks."""
    with Arrivals(port, asked, clients, cpu=LOAD_CPU) as members:
        before = footprint.cpu_time(pids)
        arrived: Arrived = members.wait(behind)
        cpu = footprint.cpu_time(pids) - before
    if arrived.streams != 1:
        raise AssertionError(f"expected the same bytes for all clients, got {arrived.streams} different streams")
    return Round(arrived.seconds, cpu / 1e3 / clients, arrived.sample)


def check(stream: str, ids: list[str]) -> None:
    """Fail unless one client got each event that it lacked, once and in order."""
    lines = [line for line in stream.encode().split(b"\r\n") if b":" in line]  # without the sizes of chunks
    got = [event.id for event in Parser().feed(b"".join(lines))]
    if got != ids:
        raise AssertionError(f"expected the ids {ids[0]} to {ids[-1]}, got {got[:1]} to {got[-1:]}, {len(got)} in all")


def run(*, clients: int = 10_000, behind: int = 100, rounds: int = 5) -> None:
    """Print the table."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    clients = min(clients, hard - FILES_BESIDES)
    hub: list[Round] = []
    bare: list[Round] = []
    for _ in range(rounds):
        hub.append(return_to_hub(clients, behind))
        time.sleep(0.2)  # closing so many connections keeps the kernel busy for a moment
        bare.append(return_to_bare(clients, behind, hub[-1].stream))
        time.sleep(0.2)
    floor = statistics.median(each.seconds for each in bare)
    print(
        f"{clients:,} clients, {behind} events behind: {'s, median':>12} {'range':>11} {'ratio':>6} {'us CPU each':>12}"
    )
    for name, rounds_of_one in (("longwave, killed", hub), ("bare", bare)):
        seconds = sorted(each.seconds for each in rounds_of_one)
        middle = statistics.median(seconds)
        cpu = statistics.median(each.cpu for each in rounds_of_one)
        print(f"{name:36} {middle:12.2f} {seconds[0]:5.2f}-{seconds[-1]:<5.2f} {middle / floor:6.2f} {cpu:12.1f}")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--behind", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run(clients=options.clients, behind=options.behind, rounds=options.rounds)


if __name__ == "__main__":
    main()
