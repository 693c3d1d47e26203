"""Starts Pushpin (a proxy that holds streams, C++ and Rust) from its Debian packages, and a backend for it.

Not here: its settings (pushpin.conf), the backend (backend.py), installing it (install).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.debian_package import package_version
from benchmarks.comparison.http_target import HttpTarget, get, post, topics_query
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.server_processes import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).resolve().parent
INTERNAL = Path("/usr/lib/pushpin/internal.conf")
PROGRAMS = ("pushpin", "condure", "zurl")
DEBIAN_ZURL, OWN_ZURL = "ipc:///var/run/zurl/zurl-", "ipc://{rundir}/{ipc_prefix}zurl-"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushpinTarget(HttpTarget):
    """Subscribers ask the backend through Pushpin; publishers write the stream's bytes to its control port."""

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET that the backend will answer."""
        return get(self.port, f"/events?{topics_query(topics)}", last_event_id)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST of one item with the bytes of an event."""
        item = {"channel": topic, "formats": {"http-stream": {"content": f"data: {data}\n\n"}}}
        return post(self.publish_port, "/publish/", json.dumps({"items": [item]}), media_type="application/json")


class PushpinPeer(LaunchedPeer):
    """Pushpin: no history of its own; its four processes share a processor, the backend stands beside."""

    name = "pushpin"
    abilities = frozenset({Ability.MANY_TOPICS})
    connect_rate = 500.0  # more at once: 500 Accept service unavailable
    port_count = 3

    def __init__(self) -> None:
        super().__init__()
        self._run = ""  # a short path: the names of its sockets have a limit

    def missing(self) -> Missing | None:
        """Return which of its programs is not there."""
        absent = [name for name in PROGRAMS if shutil.which(name) is None]
        if not INTERNAL.exists():
            absent.append(str(INTERNAL))
        reason = f"expected the Debian package pushpin, got no {', '.join(absent)}"
        return Missing(reason, "benchmarks/comparison/pushpin/install") if absent else None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages."""
        found = {name: package_version(name) for name in PROGRAMS}
        return {name: version for name, version in found.items() if version}

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "message_rate without a limit (with one, of any height, events less than 25 ms apart wait until publishing "
            "pauses), message_hwm and connection_subscription_max raised far above their defaults, as the comments of "
            "its own file describe them; published by its HTTP control port; it keeps no history"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return the backend, and the runner, which starts the rest."""
        port, publish_port, backend_port = ports
        self._run = self._run or tempfile.mkdtemp(prefix="pushpin-")
        (folder / "routes").write_text(f"* 127.0.0.1:{backend_port}\n")
        # Debian runs zurl as a service of its own; here it is one of ours.
        (folder / "internal.conf").write_text(INTERNAL.read_text().replace(DEBIAN_ZURL, OWN_ZURL))
        settings = folder / "pushpin.conf"
        places = {"folder": folder, "run": self._run, "port": port, "publish_port": publish_port}
        text = (HERE / "pushpin.conf").read_text()
        for name, value in places.items():
            text = text.replace(f"{{{name}}}", str(value))
        settings.write_text(text)
        backend = Command((sys.executable, str(HERE / "backend.py"), str(backend_port)), counted=False)
        runner = Command(("pushpin", "--config", str(settings), "--merge-output"))
        return Launch((backend, runner), PushpinTarget(port=port, publish_port=publish_port))

    def stop(self) -> None:
        """End it; safe to call when it has ended."""
        super().stop()
        shutil.rmtree(self._run, ignore_errors=True)
        self._run = ""


PEER = PushpinPeer()
