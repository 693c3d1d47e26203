"""A client that vanishes: hub and client each in a network of their own, joined by a cable that leads nowhere any more.

Nothing tells the hub then: no FIN, no reset, no acknowledgement. It takes no rights on the machine, only that users may
make namespaces (`unshare`, `nsenter`, `ip`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from integration.hub_process import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = ("unshare", "nsenter", "ip")
PORT = 8080
HUB, CLIENT = "10.99.0.1", "10.99.0.2"
CLIENT_HARDWARE = "02:00:00:00:00:02"
OF_A_USER = ("unshare", "--map-root-user", "--net", "--")
COME = f"""
import socket
input()
client = socket.create_connection(("{HUB}", {PORT}), timeout=10)
client.sendall(b"GET /events?topic=t HTTP/1.1\\r\\nHost: {HUB}\\r\\n\\r\\n")
received = b""
while not received.endswith(b":\\n\\r\\n"):
    received += client.recv(4096)
print("open", flush=True)
input()
"""


def why_not() -> str:
    """Return why it cannot be done here, "" if it can."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"expected the commands {', '.join(TOOLS)}, got none called {', '.join(missing)}"
    cable = ("ip", "link", "add", "name", "one", "type", "veth")
    tried = subprocess.run([*OF_A_USER, *cable], capture_output=True, check=False)
    return f"expected to be allowed a network of its own, got: {tried.stderr.decode()}" if tried.returncode else ""


class Networks:
    """A hub and one client that has a stream."""

    def __init__(self, hub: subprocess.Popen[str], client: subprocess.Popen[str]) -> None:
        self._hub = hub
        self._client = client
        cable = ("name", "hub", "type", "veth", "peer", "name", "client", "address", CLIENT_HARDWARE)
        self._in(hub, "ip", "link", "add", *cable)
        self._in(hub, "ip", "link", "set", "dev", "client", "netns", str(client.pid))
        for process, name, address in ((hub, "hub", HUB), (client, "client", CLIENT)):
            self._in(process, "ip", "address", "add", f"{address}/24", "dev", name)
            self._in(process, "ip", "link", "set", "dev", name, "up")
        # So that the hub's machine goes on sending, and does not notice by itself that nobody has the address.
        self._in(hub, "ip", "neighbour", "replace", CLIENT, "lladdr", CLIENT_HARDWARE, "dev", "hub", "nud", "permanent")

    def open_stream(self) -> None:
        """Return once the client's stream has begun."""
        self._say_to_client()
        assert self._client.stdout is not None
        assert self._client.stdout.readline() == "open\n"

    def vanish(self) -> None:
        """Let the client's machine be gone: what is sent to it goes nowhere, and nothing comes from it."""
        self._in(self._client, "ip", "address", "flush", "dev", "client")

    def connections(self) -> int:
        """Return how many the hub has open."""
        files = f"/proc/{self._hub.pid}/fd"
        return sum(_is_socket(os.path.join(files, number)) for number in os.listdir(files))

    def _say_to_client(self) -> None:
        assert self._client.stdin is not None
        self._client.stdin.write("\n")
        self._client.stdin.flush()

    def _in(self, process: subprocess.Popen[str], *command: str) -> None:
        subprocess.run([*inside(process), *command], check=True, capture_output=True, timeout=10)


def inside(process: subprocess.Popen[str]) -> list[str]:
    """Return how a command begins that runs in the network of a process."""
    return ["nsenter", f"--target={process.pid}", "--user", "--net", "--preserve-credentials", "--"]


@contextlib.contextmanager
def networks(*options: str) -> Iterator[Networks]:
    """Start a hub with these options, and a client in another network."""
    serve = ["-m", "longwave", "serve", "--host", "0.0.0.0", "--port", str(PORT), "--insecure", "--log", "memory:"]
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(_running([*OF_A_USER, sys.executable, *serve, *options]))
        assert hub.stdout is not None
        assert hub.stdout.readline().startswith("Longwave is listening")
        client = stack.enter_context(_running([*inside(hub), "unshare", "--net", "--", sys.executable, "-c", COME]))
        yield Networks(hub, client)


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _is_socket(link: str) -> bool:
    try:
        return os.readlink(link).startswith("socket:")
    except FileNotFoundError:  # closed meanwhile
        return False
