"""The clients that are compared: name, version, package, and how each is used here.

Not here: the adapters (*_client.py), which import the packages and so are loaded only where these are installed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clients.client import Client


@dataclass(frozen=True, slots=True)
class Column:
    """One client. `adapters`: classes of `adapter`, each of which must come to the column's verdict."""

    name: str
    version: str
    module: str
    adapter: str
    adapters: tuple[str, ...]
    used: str

    @property
    def distribution(self) -> str:
        return self.name

    @property
    def is_ours(self) -> bool:
        return self.module == "longwave"

    @property
    def heading(self) -> str:
        return f"{self.name} {self.version}".strip()

    def client(self, name: str) -> type[Client]:
        found: type[Client] = getattr(importlib.import_module(f"clients.{self.adapter}"), name)
        return found


OURS = Column(
    "Longwave",
    "",
    "longwave",
    "longwave_client",
    ("LongwaveSync", "LongwaveAsync"),
    "`SyncEventSource` and `EventSource` with their defaults, both held to the same verdict.",
)

PEERS = (
    Column(
        "httpx-sse",
        "0.4.3",
        "httpx_sse",
        "httpx_sse_client",
        ("HttpxSse",),
        "`connect_sse` over `httpx.Client`; `aconnect_sse` only where a row asks for it. It reads one response; "
        "connections are left to its user, by design.",
    ),
    Column(
        "sseclient-py",
        "1.9.0",
        "sseclient",
        "sseclient_py_client",
        ("SseclientPy",),
        "`SSEClient(...).events()` over a response of httpx, one of the three libraries that its page names. It "
        "reads one response; connections are left to its user, by design.",
    ),
    Column(
        "aiohttp-sse-client2",
        "0.3.0",
        "aiohttp_sse_client2",
        "aiohttp_sse_client2_client",
        ("AiohttpSseClient2",),
        "`EventSource`, the maintained fork of aiohttp-sse-client.",
    ),
    Column(
        "requests-sse",
        "0.5.3",
        "requests_sse",
        "requests_sse_client",
        ("RequestsSse",),
        "`EventSource`.",
    ),
    Column(
        "launchdarkly-eventsource",
        "1.7.4",
        "ld_eventsource",
        "launchdarkly_client",
        ("LaunchDarkly",),
        "`SSEClient` with the strategies that its documentation has for reconnecting: an `ErrorStrategy` that always "
        "continues, and a `RetryDelayStrategy` with jitter. Without them it ends at the first end of a stream. A "
        "strategy of your own can decide otherwise by status, for example after 204. `AsyncSSEClient` only where a row "
        "asks for it.",
    ),
)

COLUMNS = (OURS, *PEERS)
