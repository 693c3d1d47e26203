"""A hub to measure: of the installed package, or of the source that PYTHONPATH names, on a free port.

Not here: other servers (comparison/), measuring.
"""

from __future__ import annotations

import sys

from benchmarks.load.server_process import ServerProcess, free_port

SERVER_CPU, LOAD_CPU = 0, 1  # the processor that the server keeps to, and the one that all load keeps to


def launch(log: str, *options: str, port: int = 0) -> ServerProcess:
    """Return a hub over the log at this address, ready to be started."""
    port = port or free_port()
    arguments = ["serve", "--port", str(port), "--log", log, "--log-level", "warning", *options]
    return ServerProcess([sys.executable, "-m", "longwave", *arguments], port, cpu=SERVER_CPU)
