"""The servers that the client is tried against: how each is started, published to, and what is its own way.

Not here: what is tried (test_servers.py), the applications (*_app.py), nginx's settings (nchan.conf).
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.request
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.hub_process import HOST, SECONDS_TO_STOP, eventually, free_port
from interop.server_process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
MODULES = Path("/usr/lib/nginx/modules")


@dataclass(frozen=True)
class Sample:
    """What is published, and must come."""

    type: str
    data: str


class Server:
    """One server that runs, and may be killed and started again.

    begin: the id after which a client finds everything that is published. chatter: types of events that it sends of its
    own accord. comments: how many it can be counted on to send within seconds. idle: seconds after which its silence
    means something.
    """

    begin = ""
    chatter: frozenset[str] = frozenset()
    comments = 2
    idle = 0.5

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self.url = f"http://{HOST}:{process.port}/events"
        self._published = 0

    def publish(self, *samples: Sample) -> None:
        for sample in samples:
            self._published += 1
            self._post(sample)

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.process.kill()
        self.process.start()

    def _post(self, sample: Sample) -> None:
        body = {"id": self._published, "type": sample.type, "data": sample.data}
        self._send(json.dumps(body).encode(), {})

    def _send(self, body: bytes, headers: dict[str, str]) -> None:
        request = urllib.request.Request(self.url.replace("/events", "/publish"), body, headers)
        urllib.request.urlopen(request, timeout=SECONDS_TO_STOP).close()


class Application(Server):
    """An application that keeps its events in memory, and can end a stream for good."""


class DjangoEventstream(Server):
    """Ids name the channel and count from 1; without one a client gets what comes from now on."""

    begin = "news:1"
    chatter = frozenset({"stream-open", "keep-alive"})
    comments = 1  # the padding of the beginning

    def __init__(self, process: ServerProcess) -> None:
        super().__init__(process)
        self.publish(Sample("message", "what `begin` names"))


class Nchan(Server):
    """A body is an event, a header its type; ids are its own: a second and a number in it."""

    idle = 1.5  # its comments come each second, at best

    def restart(self) -> None:
        """Start it in another second: it forgot what it gave in this one, and would give the same ids again."""
        self.process.kill()
        second = int(time.time())
        assert eventually(lambda: int(time.time()) > second)
        self.process.start()

    def _post(self, sample: Sample) -> None:
        # The standard library sends a header's characters as bytes.
        kind = sample.type.encode().decode("latin-1")
        self._send(sample.data.encode(), {"X-EventSource-Event": kind, "Content-Type": "text/plain"})


# One function each: the process that runs the server, or a skip that says what is missing.


def need(module: str) -> None:
    """Skip where the module is not installed; without importing it, as Django's are of no use without settings."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def uvicorn(app: str, port: int) -> Sequence[str]:
    need("uvicorn")
    quiet = ("--log-level", "warning", "--no-access-log")
    return (sys.executable, "-m", "uvicorn", f"interop.{app}:app", "--host", HOST, "--port", str(port), *quiet)


def sse_starlette(folder: Path, port: int) -> ServerProcess:
    need("sse_starlette")
    return ServerProcess(uvicorn("sse_starlette_app", port), port)


def starlette(folder: Path, port: int) -> ServerProcess:
    need("starlette")
    return ServerProcess(uvicorn("starlette_app", port), port)


def aiohttp_sse(folder: Path, port: int) -> ServerProcess:
    need("aiohttp_sse")
    app = "interop.aiohttp_sse_app:make_app"
    return ServerProcess((sys.executable, "-m", "aiohttp.web", "-H", HOST, "-P", str(port), app), port)


def django_eventstream(folder: Path, port: int) -> ServerProcess:
    need("django_eventstream")
    environment = {"EVENTSTREAM_DATABASE": str(folder / "events.sqlite3")}
    return ServerProcess(uvicorn("django_eventstream_app", port), port, environment)


def nchan(folder: Path, port: int) -> ServerProcess:
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None or not (MODULES / "ngx_nchan_module.so").exists():
        pytest.skip("no nginx with nchan: install Debian's nginx and libnginx-mod-nchan")
    settings = folder / "nginx.conf"
    text = (FOLDER / "nchan.conf").read_text()
    settings.write_text(text.format(directory=folder, modules=MODULES, port=port))
    return ServerProcess((nginx, "-p", str(folder), "-c", str(settings), "-e", str(folder / "error.log")), port)


SERVERS = {
    "sse_starlette": (sse_starlette, Application),
    "starlette": (starlette, Application),
    "aiohttp_sse": (aiohttp_sse, Application),
    "django_eventstream": (django_eventstream, DjangoEventstream),
    "nchan": (nchan, Nchan),
}


APPLICATIONS = [name for name, (_, kind) in SERVERS.items() if kind is Application]


def prepare(name: str, folder: Path) -> tuple[ServerProcess, type[Server]]:
    """Return a server's process, to be started, and what is known of it."""
    make, kind = SERVERS[name]
    return make(folder, free_port()), kind
