"""A client whose machine or network is gone says nothing any more; the hub finds out within a bounded time."""

from __future__ import annotations

import time

import pytest

from integration.hub_process import eventually
from integration.vanishing_client import networks, why_not
from longwave.server.config import Timeouts

HEARTBEAT, SEND = 1.0, 2.0  # seconds
EARLY, LATE = 1.5, 10.0  # seconds, as timers are coarse and the machine is busy


@pytest.fixture(scope="module")
def namespaces():
    """Skip, and say why, where a test cannot make networks."""
    reason = why_not()
    if reason:
        pytest.skip(reason)


@pytest.mark.slow
@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("sink", ["epoll", "transport"])
def test_client_that_vanishes_is_gone_after_a_heartbeat_and_the_send_timeout(sink):
    """The heartbeat is what nobody acknowledges; without it the hub would wait for the next event."""
    with networks("--sink", sink, "--heartbeat", f"{HEARTBEAT}s", "--send-timeout", f"{SEND}s") as there:
        idle = there.connections()
        there.open_stream()
        assert there.connections() == idle + 1
        there.vanish()
        begin = time.monotonic()
        assert eventually(lambda: there.connections() == idle, HEARTBEAT + SEND + LATE)

        assert time.monotonic() - begin > SEND - EARLY, "a moment's loss of the network ends no stream"


def test_by_default_that_is_45_seconds():
    timeouts = Timeouts()

    assert timeouts.heartbeat + timeouts.send == 45
