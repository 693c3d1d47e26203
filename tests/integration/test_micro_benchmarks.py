"""The hub's micro-benchmarks run, and what they deliver is right; how fast is not looked at."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest
from benchmarks.micro.__main__ import BENCHMARKS

from meta.source_tree import ROOT

SECONDS = 50

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs Linux: its epoll, and its accounts of processes"),
]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_ends_well_at_a_small_size(name):
    environment = os.environ | {"PYTHONPATH": "src"}
    command = [sys.executable, "-m", "benchmarks.micro", name]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"== {name}\n")
