"""The synchronous client is what scripts/sync-client writes from the asynchronous one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meta.source_tree import ROOT

CLIENT = Path("src") / "longwave" / "client"
GENERATOR = Path("scripts") / "generators" / "sync_client.py"  # what scripts/sync-client runs
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def run(root, *arguments):
    return subprocess.run(
        [sys.executable, root / GENERATOR, *arguments],
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    """A copy of what the script reads and writes; the formatter looks at the other modules too."""
    for path in (GENERATOR, Path("pyproject.toml")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_it_is_up_to_date():
    done = run(ROOT, "--check")

    assert done.returncode == 0, done.stderr


def test_change_by_hand_is_noticed_and_undone(copy):
    module = copy / CLIENT / "sync" / "event_source.py"
    whole = module.read_text()
    module.write_text(whole.replace("time.monotonic()", "time.time()", 1))

    done = run(copy, "--check")
    assert done.returncode == 1
    assert "client/sync/event_source.py" in done.stderr
    assert module.read_text() != whole

    assert run(copy).returncode == 0
    assert module.read_text() == whole


def test_change_of_the_source_is_noticed(copy):
    module = copy / CLIENT / "transport.py"
    module.write_text(module.read_text() + "\nLATE = 1\n")

    done = run(copy, "--check")

    assert done.returncode == 1
    assert done.stderr.count("expected") == 1


def test_nothing_that_waits_is_left():
    for path in (ROOT / CLIENT / "sync").glob("*.py"):
        words = path.read_text()
        assert not any(
            word in words for word in ("async def", "await ", "async with", "async for", "import asyncio")
        ), path
