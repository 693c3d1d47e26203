"""Starts Mercure (a hub in Go, version 0.x) where its program is on the path.

Not here: its settings (Caddyfile).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.ports import HOST
from benchmarks.comparison.server_processes import Command

from longwave.load import LongwaveTarget

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTINGS = Path(__file__).with_name("Caddyfile")
KEY = "only-for-the-comparison-and-long-enough"
PATH = "/.well-known/mercure"
MAX_HISTORY = 1_000_000  # updates


class MercurePeer(LaunchedPeer):
    """Mercure: its local transport has no history; durable, it keeps one in a Bolt database."""

    name = "mercure"
    abilities = frozenset({Ability.RESTART, Ability.DURABLE, Ability.MANY_TOPICS})

    def missing(self) -> Missing | None:
        """Return that its program is not there."""
        if shutil.which("mercure") is not None:
            return None
        return Missing("expected the program `mercure` on the path, got none: no package of Debian has it")

    def versions(self) -> Mapping[str, str]:
        """Return what the program says."""
        if self.missing() is not None:
            return {}
        asked = subprocess.run(["mercure", "version"], capture_output=True, text=True, check=False, timeout=10)
        return {"mercure": asked.stdout.strip()}

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "GOMAXPROCS=1, the local transport (durable: bolt), no end of streams (write_timeout 0s), no access log, "
            "anonymous subscribers, as its page Configuration describes them"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return the hub's own build of Caddy."""
        bolt = f"bolt {{\n\t\t\tpath {folder / 'mercure.db'}\n\t\t\tsize {MAX_HISTORY}\n\t\t}}"
        settings = folder / "Caddyfile"
        transport = bolt if durable else "local"
        settings.write_text(SETTINGS.read_text().format(port=ports[0], key=KEY, transport=transport))
        home = {"GOMAXPROCS": "1", "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        program = Command(("mercure", "run", "--config", str(settings), "--adapter", "caddyfile"), home)
        target = LongwaveTarget(HOST, ports[0], PATH, (f"Authorization: Bearer {make_token(KEY)}",))
        return Launch((program,), target)


def make_token(key: str) -> str:
    """Return a JWT that may publish and receive everything; see https://mercure.rocks/spec#authorization."""
    claims = {"mercure": {"publish": ["*"], "subscribe": ["*"]}}
    signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
    return f"{signed}.{_to_base64(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


def _encode(part: Mapping[str, object]) -> str:
    return _to_base64(json.dumps(part, separators=(",", ":")).encode())


def _to_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


PEER = MercurePeer()
