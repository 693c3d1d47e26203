"""Starts nchan (nginx with a module, in C) from its Debian packages, in one worker.

Not here: its settings (nchan.conf), installing it (install).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.load.publisher import Endpoint
from benchmarks.load.server_process import ServerProcess, free_port

HERE = Path(__file__).parent
MODULES = Path("/usr/lib/nginx/modules")
ENDPOINT = Endpoint("/pub/t", lambda data: data, {"Content-Type": "text/plain"})


def subscription(topic: str) -> bytes:
    """Return the request that subscribes to a topic."""
    return f"/sub/{topic} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream".encode()


class NotInstalled(Exception):
    """nginx or its module is not on this machine."""


def launch(directory: Path, *, cpu: int) -> ServerProcess:
    """Return nchan, ready to be started, with its files in `directory`. Raises NotInstalled."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None or not (MODULES / "ngx_nchan_module.so").exists():
        raise NotInstalled(f"expected nginx with nchan, got none. As root: {HERE.parent.name}/{HERE.name}/install")
    port = free_port()
    settings = directory / "nchan.conf"
    settings.write_text((HERE / "nchan.conf").read_text().format(directory=directory, port=port))
    (directory / "modules").symlink_to(MODULES)
    errors = str(directory / "error.log")
    return ServerProcess([nginx, "-p", str(directory), "-c", str(settings), "-e", errors], port, cpu=cpu)
