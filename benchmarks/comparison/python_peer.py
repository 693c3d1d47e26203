"""A Python peer: an ASGI app of its folder, on one uvicorn, in a virtual environment of its own.

Not here: the apps (each peer's app.py), making the environments (python-environment).
Rule that always holds: an environment counts as there only with exactly what the peer's requirements.txt says.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.comparison.launched_peer import LaunchedPeer
from benchmarks.comparison.peer import Missing
from benchmarks.comparison.ports import HOST
from benchmarks.comparison.server_processes import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / ".venv-peers"
SECONDS_TO_ASK = 30.0
UVICORN_PAGES = "uvicorn's pages Settings and Deployment"


class PythonPeer(LaunchedPeer):
    """An app on uvicorn. packages: whose versions are told; the environment is that of the peer's name."""

    packages: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its app and its requirements are."""
        return HERE / self.name

    @property
    def python(self) -> Path:
        """The interpreter of its environment, whether it is there or not."""
        return ENVIRONMENTS / self.name / "bin" / "python"

    def missing(self) -> Missing | None:
        """Return that its environment is not there, or not up to date."""
        installed = ENVIRONMENTS / self.name / "installed.txt"
        if installed.exists() and installed.read_text() == (self.folder / "requirements.txt").read_text():
            return None
        return Missing(
            f"expected its Python environment .venv-peers/{self.name} with the versions of requirements.txt",
            f"benchmarks/comparison/{self.name}/install",
        )

    def versions(self) -> Mapping[str, str]:
        """Return the versions of its packages and of its Python."""
        if self.missing() is not None:
            return {}
        pins = dict(line.split("==") for line in (self.folder / "requirements.txt").read_text().split() if "==" in line)
        command = [str(self.python), "-c", "import platform; print(platform.python_version())"]
        asked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS_TO_ASK)
        return {name: pins[name] for name in self.packages} | {"python": asked.stdout.strip()}

    def uvicorn(self, port: int, environment: Mapping[str, str] | None = None) -> Command:
        """Return the command that serves its app, as fast as uvicorn goes."""
        options = {
            "app-dir": self.folder,
            "host": HOST,
            "port": port,
            "workers": 1,
            "loop": "uvloop",
            "http": "httptools",
            "ws": "none",
            "backlog": 4096,
            "timeout-keep-alive": 75,
            "timeout-graceful-shutdown": 1,  # streams never end by themselves
            "log-level": "warning",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        return Command((str(self.python), "-m", "uvicorn", "app:app", *words, "--no-access-log"), environment or {})
