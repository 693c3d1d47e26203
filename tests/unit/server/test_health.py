"""A hub is ready while it is open, follows its log, can verify tokens and stays."""

from __future__ import annotations

import asyncio

from controlled_log import ControlledLog
from longwave.hub import Hub
from longwave.lane import FOLLOW_AGAIN_AFTER
from longwave.server.health import readiness
from virtual_time import in_virtual_time, settle


def told(response):
    return response.status, response.body.decode()


@in_virtual_time
async def test_an_open_hub_is_ready():
    async with Hub(ControlledLog()) as hub:
        assert told(readiness(hub, stopping=False)) == (200, "ready\n")


@in_virtual_time
async def test_a_hub_that_is_not_open_is_not_ready():
    hub = Hub(ControlledLog())
    assert readiness(hub, stopping=False).status == 503
    await hub.open()
    await hub.close()
    assert readiness(hub, stopping=False).status == 503


@in_virtual_time
async def test_a_hub_that_cannot_read_its_log_is_not_ready_until_it_can():
    log = ControlledLog()
    async with Hub(log) as hub:
        await settle()
        log.failures = 1
        await hub.publish("a", "x")
        await settle()
        expected = "expected a hub that follows its log, got one that cannot read it now\n"
        assert told(readiness(hub, stopping=False)) == (503, expected)
        await asyncio.sleep(FOLLOW_AGAIN_AFTER + 0.1)
        assert readiness(hub, stopping=False).status == 200


@in_virtual_time
async def test_a_hub_that_is_to_stop_is_not_ready():
    async with Hub(ControlledLog()) as hub:
        expected = "expected a hub that stays, got one that is stopping\n"
        assert told(readiness(hub, stopping=True)) == (503, expected)


@in_virtual_time
async def test_a_hub_without_the_keys_that_it_needs_is_not_ready():
    async with Hub(ControlledLog()) as hub:
        expected = "expected the keys that verify tokens, got none yet\n"
        assert told(readiness(hub, stopping=False, keys=False)) == (503, expected)
