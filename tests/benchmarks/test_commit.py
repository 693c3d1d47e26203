"""The commit that is measured, of a real repository."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from benchmarks.comparison.commit import find_commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")


@pytest.fixture
def git(tmp_path) -> Callable[..., str]:
    """Run git in a new repository."""

    def run(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), *AUTHOR, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "--quiet")
    return run


@pytest.fixture
def checkout(tmp_path, git) -> Path:
    """A repository with one commit: a source, results, and the page of them."""
    for path in ("src/hub.py", "benchmarks/results/2026-01-01/cells.jsonl", "docs/explanation/performance.md"):
        write(tmp_path / path, "first")
    git("add", "--all")
    git("commit", "--quiet", "--message", "first")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_unchanged_checkout_is_its_commit_in_every_folder(checkout, git):
    assert find_commit(checkout) == git("rev-parse", "HEAD")
    assert find_commit(checkout / "src") == git("rev-parse", "HEAD")


@pytest.mark.parametrize("path", ["src/hub.py", "src/new.py", "docs/explanation/resume.md"])
def test_changed_source_is_dirty_in_every_folder(checkout, git, path):
    write(checkout / path, "second")

    assert find_commit(checkout) == f"{git('rev-parse', 'HEAD')}-dirty"
    assert find_commit(checkout / "src") == f"{git('rev-parse', 'HEAD')}-dirty"


@pytest.mark.parametrize(
    "path",
    [
        "benchmarks/results/2026-01-01/cells.jsonl",
        "benchmarks/results/2026-01-02/cells.jsonl",
        "docs/explanation/performance.md",
        "docs/explanation/performance/cpu.svg",
        "docs/explanation/client-performance.md",
    ],
)
def test_what_a_run_writes_leaves_the_commit_as_it_is(checkout, git, path):
    write(checkout / path, "second")

    assert find_commit(checkout / "src") == git("rev-parse", "HEAD")


def test_folder_without_git_has_no_commit(tmp_path):
    assert find_commit(tmp_path) == ""
