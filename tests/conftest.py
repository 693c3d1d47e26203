"""What holds for every test: repeatable examples, and loud skips where the machine lacks something.

Fixtures live beside the tests that use them, not here.
"""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from hypothesis import settings

# Before anything imports it, so that a failure in the suite shows the values.
pytest.register_assert_rewrite("longwave.testing")

# Background jobs of a shell ignore it, and so would all processes that tests start, and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: on a shared machine it would measure the neighbours.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

_MISSING = {
    "browser": None if shutil.which("chromium") else "no chromium on the PATH: run scripts/chromium as root",
    "root": None if os.geteuid() == 0 else "needs root",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose mark asks for what this machine does not have."""
    for mark, reason in _MISSING.items():
        if reason is not None:
            _skip_marked(items, mark, reason)


def _skip_marked(items: list[pytest.Item], mark: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(mark):
            item.add_marker(pytest.mark.skip(reason=reason))
