"""What each response means: the standard's table, and the one that outlives deployments."""

from __future__ import annotations

import pytest

from longwave.client.policy import Action, resilient, standard
from longwave.client.response import Response

STREAM = {"content-type": "text/event-stream"}
HTML = {"content-type": "text/html"}

STANDARD = {200: Action.STREAM, 204: Action.END}
RESILIENT = {
    **STANDARD,
    401: Action.REFRESH,
    408: Action.RETRY,
    425: Action.RETRY,
    429: Action.RETRY,
    **dict.fromkeys(range(500, 1000), Action.RETRY),
}


@pytest.mark.parametrize(("policy", "table"), [(standard, STANDARD), (resilient, RESILIENT)])
def test_every_status_has_one_action(policy, table):
    for status in range(100, 1000):
        assert policy(Response(status, STREAM)) is table.get(status, Action.FAIL), status


@pytest.mark.parametrize("policy", [standard, resilient])
@pytest.mark.parametrize("headers", [{}, HTML, {"content-type": "text/event-streams"}])
def test_another_type_fails(policy, headers):
    assert policy(Response(200, headers)) is Action.FAIL


@pytest.mark.parametrize("policy", [standard, resilient])
def test_204_needs_no_type(policy):
    assert policy(Response(204)) is Action.END
