"""The provenance of a run: on what machine, with which versions, by which command its figures came about.

Not here: the figures (record.py).
Rules that always hold: no host name, no path of this machine; what cannot be found out is left out, never guessed.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.comparison.commit import find_commit
from benchmarks.comparison.record import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.comparison.peer import Peer, Skipped

FILE, PAGE = "provenance.json", "PROVENANCE.md"
SYSCTLS = (
    "net/core/somaxconn",
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/tcp_mem",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_max_syn_backlog",
    "fs/file-max",
)
PACKAGES = ("longwave", "uvloop", "httptools", "hdrhistogram", "psutil", "rich", "matplotlib")
VENDORS = ("sys_vendor", "product_name")


def collect(arguments: Iterable[str], peers: Iterable[Peer], skipped: Iterable[Skipped]) -> dict[str, Any]:
    """Return everything, as plain JSON. arguments: of the command that began the run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": scrub(" ".join(["python -m benchmarks.comparison", *arguments])),
        "commit": find_commit(),
        "machine": find_machine(),
        "sysctls": {name.replace("/", "."): value for name in SYSCTLS if (value := _read(f"/proc/sys/{name}"))},
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "peers": {
            peer.name: {
                "versions": dict(peer.versions()),
                "tuning": scrub(peer.tuning()),
                "abilities": sorted(ability.value for ability in peer.abilities),
            }
            for peer in peers
        },
        "skipped": [{"name": one.name, "reason": scrub(one.reason), "versions": dict(one.versions)} for one in skipped],
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def join(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provenance of a run that went on: what was newer counts, no command, commit or peer is forgotten."""
    if not earlier:
        return dict(later)
    peers = {**earlier["peers"], **later["peers"]}
    skipped = {one["name"]: one for one in (*earlier["skipped"], *later["skipped"]) if one["name"] not in peers}
    command = f"{earlier['command']}; {later['command']}"
    commits = dict.fromkeys([*earlier["commit"].split("; "), later["commit"]])
    return {
        **later,
        "command": command,
        "commit": "; ".join(commits),
        "peers": peers,
        "skipped": list(skipped.values()),
    }


def find_machine() -> dict[str, str]:
    """Return what the machine is, in words."""
    cpu = _read("/proc/cpuinfo")
    found = {
        "processor": _field(cpu, "model name"),
        "processors": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB",
        "virtualisation": _virtualisation(cpu),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "system": _field(_read("/etc/os-release"), "PRETTY_NAME").strip('"'),
        "open files": " / ".join(map(str, resource.getrlimit(resource.RLIMIT_NOFILE))) + " (soft / hard)",
    }
    return {name: value for name, value in found.items() if value}


def write(folder: Path, collected: Mapping[str, Any]) -> None:
    """Write the provenance beside the figures, for programs and for people."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(collected, indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(collected), encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Return what `write` wrote; an empty dict if there is nothing."""
    path = folder / FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def page(collected: Mapping[str, Any]) -> str:
    """Return the provenance for people."""
    lines = ["# Provenance", "", "Written by `python -m benchmarks.comparison`; the figures are in `cells.jsonl`.", ""]
    lines += [f"- {name}: {collected[name]}" for name in ("date", "command", "commit", "python")]
    lines += [f"- load average at the begin: {', '.join(map(str, collected['load_average']))}"]
    lines += _section("Machine", collected["machine"])
    lines += _section("Kernel settings", collected["sysctls"])
    lines += _section("Packages", collected["packages"])
    lines += ["", "## Peers", ""]
    for name, peer in collected["peers"].items():
        versions = ", ".join(f"{program} {version}" for program, version in peer["versions"].items())
        lines.append(f"- {name}: {versions}. {peer['tuning']}")
    lines += [f"- {one['name']}: not measured: {one['reason']}" for one in collected["skipped"]]
    return "\n".join(lines) + "\n"


def _section(title: str, values: Mapping[str, str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {name}: {value}" for name, value in values.items())]


def _virtualisation(cpu: str) -> str:
    guest = "hypervisor" in _field(cpu, "flags").split()
    names = " ".join(filter(None, (_read(f"/sys/class/dmi/id/{name}") for name in VENDORS)))
    return " ".join(filter(None, ["a guest of a hypervisor" if guest else "none seen", f"({names})" if names else ""]))


def _field(text: str, name: str) -> str:
    for line in text.splitlines():
        key, mark, value = line.partition(":" if ":" in line else "=")
        if mark and key.strip() == name:
            return value.strip()
    return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip().replace("\t", " ")
    except OSError:
        return ""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
