"""Starts Centrifugo (a hub in Go, version 6) where its program is on the path.

Not here: its settings (config.json).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from benchmarks.comparison.http_target import HttpTarget, get, post
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.peer import Ability, Missing
from benchmarks.comparison.server_processes import Command

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = Path(__file__).with_name("config.json")
KEY = "only-for-the-comparison"


@dataclass(frozen=True, slots=True, kw_only=True)
class CentrifugoTarget(HttpTarget):
    """Its streams for EventSource, uni_sse: JSON around each event, and frames of its own among them."""

    chatter: bool = True

    def subscription(self, topics: Sequence[str], last_event_id: str = "") -> bytes:
        """Return a GET with the connect command in the query."""
        command = json.dumps({"subs": {topic: {} for topic in topics}}, separators=(",", ":"))
        return get(self.port, f"/connection/uni_sse?cf_connect={quote(command, safe='')}", last_event_id)

    def publication(self, topic: str, data: str) -> bytes:
        """Return a POST to its HTTP API."""
        body = json.dumps({"channel": topic, "data": data})
        headers = [f"X-API-Key: {KEY}"]
        return post(self.port, "/api/publish", body, media_type="application/json", headers=headers)


class CentrifugoPeer(LaunchedPeer):
    """Centrifugo: its streams for EventSource carry no ids, so that nobody can resume."""

    name = "centrifugo"
    abilities = frozenset({Ability.MANY_TOPICS})

    def missing(self) -> Missing | None:
        """Return that its program is not there."""
        if shutil.which("centrifugo") is not None:
            return None
        return Missing("expected the program `centrifugo` on the path, got none: no package of Debian has it")

    def versions(self) -> Mapping[str, str]:
        """Return what the program says."""
        if self.missing() is not None:
            return {}
        asked = subprocess.run(["centrifugo", "version"], capture_output=True, text=True, check=False, timeout=10)
        return {"centrifugo": asked.stdout.strip()}

    def tuning(self) -> str:
        """Return how it is configured."""
        return (
            "GOMAXPROCS=1, memory engine without history, a queue of 16 MiB for each client instead of 1 MiB, errors "
            "logged only, as its pages Configuration and Unidirectional SSE describe them"
        )

    def launch(self, folder: Path, ports: tuple[int, ...], *, durable: bool) -> Launch:
        """Return its program."""
        settings = folder / "config.json"
        settings.write_text(SETTINGS.read_text().replace('"{port}"', str(ports[0])))
        program = Command(("centrifugo", "--config", str(settings)), {"GOMAXPROCS": "1"})
        return Launch((program,), CentrifugoTarget(port=ports[0]))


PEER = CentrifugoPeer()
