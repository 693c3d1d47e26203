"""Imports point down only; imports for types count too.

Each rule is a function from one module to its breaches, so that the same rule is shown to catch a wrong module
and to find none in the source.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from meta.source_tree import PACKAGE, ROOT, Module, source_modules

CORE = {"errors", "eventstream", "core"}
BELOW_HUB = CORE | {"logs", "auth", "delivery", "replay", "known_ids", "last_seen", "lane", "notes", "subscription"}
BELOW_SERVER = BELOW_HUB | {"hub", "transports"}
EVERYTHING = BELOW_SERVER | {"server", "integrations", "client", "doctor", "load", "web"}

# room: the rooms that it may import besides itself
ALLOWED = {
    "errors": set(),
    "eventstream": {"errors"},
    "core": {"errors", "eventstream"},
    "logs": CORE,
    "auth": CORE,
    "delivery": CORE | {"logs", "auth"},
    "known_ids": CORE | {"logs", "last_seen"},
    "last_seen": CORE | {"logs"},
    "notes": CORE | {"logs"},
    "replay_pages": CORE | {"logs"},
    "replay": CORE | {"logs", "auth", "delivery", "replay_pages"},
    "subscription": CORE | {"logs", "auth", "delivery"},
    "lane": CORE | {"logs", "delivery"},
    "hub": BELOW_HUB,
    "transports": BELOW_HUB | {"hub"},
    "server": BELOW_SERVER | {"web"},
    "integrations": BELOW_SERVER | {"web"},
    "client": CORE,
    "doctor": CORE | {"client"},
    "load": CORE,
    "testing": BELOW_SERVER,
    "web": set(),
    "cli": EVERYTHING | {PACKAGE},
    "__init__": BELOW_SERVER,
    "__main__": {"cli"},
}

SANS_IO = {"eventstream", "core"}
IO_MODULES = {"asyncio", "socket", "ssl", "threading", "time", "datetime", "random", "secrets", "os", "logging"}

# third-party module: the rooms that may import it
THIRD_PARTY = {
    "click": {"cli", "client"},
    "cryptography": {"auth", "cli"},
    "hdrh": {"load"},
    "httptools": {"server"},
    "httpx2": {"cli", "client", "doctor"},
    "jwt": {"auth", "cli"},
    "matplotlib": {"load"},
    "prometheus_client": {"server"},
    "psutil": {"cli", "client"},
    "rich": {"cli", "client"},
    "uvloop": {"server", "cli"},
}
# of modules that are not called like them; PyJWT[crypto] brings cryptography
DISTRIBUTIONS = {
    "hdrh": "hdrhistogram",
    "jwt": "PyJWT",
    "cryptography": "PyJWT",
    "prometheus_client": "prometheus-client",
}
# what only its own users have installed: a test runner for contract suites, other HTTP libraries and
# telemetry for the client
BROUGHT_BY_USER = {
    "pytest": {"testing"},
    "aiohttp": {"client"},
    "opentelemetry": {"client"},
    "requests": {"client"},
    "urllib3": {"client"},
}

# The engines of logs/, each a family of files (sqlite.py, sqlite_schema.py); all engines share the other files there.
ENGINES = {"memory", "sqlite", "redis", "nats", "postgres"}
CHOOSES_ENGINE = {"__init__", "address"}


# Folders of server/, each of which may import those before it.
SERVER_FOLDERS = ("limits", "messages", "metrics", "presence", "wire", "workers")


def layer_breaches(module: Module) -> list[str]:
    """Imports of a room that is not below the module's own."""
    if module.room not in ALLOWED:
        return [f"{module.path}: give the room {module.room} its place in ALLOWED"]
    allowed = ALLOWED[module.room] | {module.room}
    return [
        f"{module.path}:{item.line}: {module.room} may not import {item.name}"
        for item in module.imports()
        if item.top == PACKAGE and room_of(item.name) not in allowed
    ]


def room_of(name: str) -> str:
    """The room of a dotted name; what is not a room (`longwave.Hub`) is the package's own surface."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else PACKAGE


def engine_breaches(module: Module) -> list[str]:
    """Imports of an engine's files by another engine, or by what all engines share."""
    mine = family(module.path.partition("/")[2])
    if module.room != "logs" or mine in CHOOSES_ENGINE:
        return []
    return [
        f"{module.path}:{item.line}: logs/{mine} may not import {item.name}"
        for item in module.imports()
        if item.name.startswith(f"{PACKAGE}.logs.") and family(item.name.split(".")[2]) in ENGINES - {mine}
    ]


def family(file_name: str) -> str:
    """`sqlite` of `sqlite_schema.py`; any other file stands for itself."""
    stem = file_name.removesuffix(".py")
    engine = stem.partition("_")[0]
    return engine if engine in ENGINES else stem


def server_breaches(module: Module) -> list[str]:
    """Imports of a folder of server/ that stands above the module's own."""
    folder = module.path.removeprefix("server/").partition("/")[0]
    if module.room != "server" or folder not in SERVER_FOLDERS:
        return []
    above = SERVER_FOLDERS[SERVER_FOLDERS.index(folder) + 1 :]
    return [
        f"{module.path}:{item.line}: server/{folder} may not import {item.name}"
        for item in module.imports()
        if item.name.startswith(f"{PACKAGE}.server.") and item.name.split(".")[2] in above
    ]


def sans_io_breaches(module: Module) -> list[str]:
    """Clock, loop, socket, thread, randomness or logging in the rooms that take them as arguments."""
    return [
        f"{module.path}:{item.line}: {module.room} may not import {item.name}"
        for item in module.imports()
        if module.room in SANS_IO and item.top in IO_MODULES
    ]


def third_party_breaches(module: Module) -> list[str]:
    """Third-party modules outside the rooms that need them."""
    return [
        f"{module.path}:{item.line}: {module.room} may not import the third-party {item.name}"
        for item in module.imports()
        if item.top != PACKAGE
        and item.top not in sys.stdlib_module_names
        and module.room not in (THIRD_PARTY | BROUGHT_BY_USER).get(item.top, set())
    ]


RULES = [layer_breaches, engine_breaches, server_breaches, sans_io_breaches, third_party_breaches]


@pytest.mark.parametrize("rule", RULES)
def test_source_keeps_the_rule(rule):
    breaches = [breach for module in source_modules() for breach in rule(module)]

    assert not breaches, "\n".join(breaches)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (layer_breaches, "core/feed.py", "from longwave.hub import Hub"),
        (layer_breaches, "core/feed.py", "from longwave import hub"),
        (layer_breaches, "core/feed.py", "from ..logs.base import Log"),
        (layer_breaches, "core/feed.py", "if TYPE_CHECKING:\n    from longwave.logs.base import Log"),
        (layer_breaches, "core/feed.py", "def late():\n    import longwave.logs.base"),
        (layer_breaches, "core/feed.py", "importlib.import_module('longwave.server')"),
        (layer_breaches, "eventstream/event.py", "from longwave.core.update import Update"),
        (layer_breaches, "logs/memory.py", "from longwave.auth.grant import Grant"),
        (layer_breaches, "auth/token.py", "from longwave.logs.base import Log"),
        (layer_breaches, "hub.py", "from longwave.transports.sse import serve"),
        (layer_breaches, "client/source.py", "from longwave.hub import Hub"),
        (layer_breaches, "testing/client.py", "from longwave.server.wire.http1 import Connection"),
        (layer_breaches, "server/routes.py", "from longwave import Hub"),
        (layer_breaches, "pantry/jam.py", "import os"),
        (engine_breaches, "logs/sqlite_writer.py", "from longwave.logs.memory import MemoryLog"),
        (engine_breaches, "logs/memory.py", "from longwave.logs import sqlite"),
        (engine_breaches, "logs/trimming.py", "from longwave.logs.sqlite_schema import create"),
        (server_breaches, "server/limits/rate_limits.py", "from longwave.server.wire.http1 import Connection"),
        (server_breaches, "server/metrics/samples.py", "from longwave.server.workers import worker"),
        (sans_io_breaches, "core/pacing.py", "import time"),
        (sans_io_breaches, "eventstream/parser.py", "from os.path import join"),
        (third_party_breaches, "hub.py", "import httptools"),
        (third_party_breaches, "core/feed.py", "from click import echo"),
        (third_party_breaches, "cli/serve.py", "import numpy"),
    ],
)
def test_rule_catches_a_breach(rule, path, text):
    assert rule(Module.parse(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("core/feed.py", "import bisect\nfrom longwave.core.cursor import Cursor\nfrom . import entry"),
        ("logs/sqlite.py", "import asyncio\nfrom longwave.logs.sqlite_writer import Writer"),
        ("logs/address.py", "from longwave.logs.memory import MemoryLog"),
        ("server/wire/http1.py", "from longwave.server.limits.held_bytes import HeldBytes\nimport httptools"),
        ("cli/serve.py", "import click\nfrom longwave import Hub\nfrom longwave.client import publisher"),
        ("__main__.py", "from longwave.cli.app import main"),
    ],
)
def test_rules_let_a_good_module_pass(path, text):
    module = Module.parse(path, text)

    assert [breach for rule in RULES for breach in rule(module)] == []


def test_third_party_table_names_just_what_the_extras_install():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    installed = {Requirement(line).name for extra in ("hub", "bench") for line in extras[extra]}

    assert {DISTRIBUTIONS.get(module, module) for module in THIRD_PARTY} == installed
    assert project["dependencies"] == []


_IMPORT_WITHOUT_THIRD_PARTY = """
import importlib, importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top != "longwave" and top not in sys.stdlib_module_names:
            raise ModuleNotFoundError(f"third-party module {name} was imported", name=name)

for name in [name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names]:
    if name != "__main__":
        del sys.modules[name]
sys.meta_path.insert(0, Refuse())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_base_package_imports_where_no_third_party_module_is_installed():
    rooms = sorted(BELOW_SERVER & {module.room for module in source_modules()})

    done = run_without_third_party(PACKAGE, *(f"{PACKAGE}.{room}" for room in rooms))

    assert done.returncode == 0, done.stderr


def test_third_party_import_is_noticed():
    assert "third-party module packaging was imported" in run_without_third_party("packaging").stderr


def run_without_third_party(*names):
    return subprocess.run(
        [sys.executable, "-c", _IMPORT_WITHOUT_THIRD_PARTY, *names],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
