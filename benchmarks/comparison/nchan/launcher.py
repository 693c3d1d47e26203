"""Starts nchan (nginx with a module, in C) from its Debian packages, in one worker.

Not here: its settings (nchan.conf), installing it (install).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.debian_package import package_version
from benchmarks.comparison.http_target import HttpTarget, get, post
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.server_processes import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = Path(__file__).with_name("nchan.conf")
MODULES = Path("/usr/lib/nginx/modules")
INSTALL = "benchmarks/comparison/nchan/install"


@dataclass(frozen=True, slots=True, kw_only=True)
class NchanTarget(HttpTarget):
    """Channels are in the path: one to publish to, up to 255 to subscribe to."""

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET of the channels, with commas between them."""
        return get(self.port, f"/sub/{','.join(topics)}", last_event_id)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST to the channel."""
        return post(self.port, f"/pub/{topic}", data)


class NchanPeer(LaunchedPeer):
    """nchan: history in shared memory, replayed by id, lost with the master process."""

    name = "nchan"
    abilities = frozenset({Ability.RESUME, Ability.MANY_TOPICS})

    def missing(self) -> Missing | None:
        """Return that nginx or its module is not there."""
        if _find_nginx() is None:
            return Missing("expected nginx, got none on the path or in /usr/sbin", INSTALL)
        if not (MODULES / "ngx_nchan_module.so").exists():
            return Missing(f"expected nchan among nginx's modules in {MODULES}, got none", INSTALL)
        return None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the packages."""
        found = {"nchan": package_version("libnginx-mod-nchan"), "nginx": package_version("nginx")}
        return {name: version for name, version in found.items() if version}

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "one nginx worker, no access log, 256 MB of shared memory, 10,000 messages a channel, as nchan.io's "
            "sections Message Storage, EventSource and Channel Multiplexing set it up; its history is in memory only"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return nginx in the foreground, with all its files in `folder`."""
        settings = folder / "nchan.conf"
        settings.write_text(SETTINGS.read_text().format(directory=folder, port=ports[0]))
        modules = folder / "modules"
        if not modules.exists():
            modules.symlink_to(MODULES)
        program = (str(_find_nginx()), "-p", str(folder), "-c", str(settings), "-e", str(folder / "error.log"))
        return Launch((Command(program),), NchanTarget(port=ports[0]))


def _find_nginx() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


PEER = NchanPeer()
