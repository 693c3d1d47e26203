"""What a task waits for, and how another ends it: the race of `end` against whatever the operation does."""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.waiting import Interrupted, Waiting, ask
from longwave.errors import LongwaveError
from virtual_time import in_virtual_time, settle, until


async def forever():
    await asyncio.get_running_loop().create_future()


def start(waiting, operation=forever):
    return asyncio.create_task(waiting.run(operation))


async def seven():
    await asyncio.sleep(0)
    return 7


async def test_operation_gives_its_result():
    assert await Waiting().run(seven) == 7


@in_virtual_time
async def test_sleep_takes_its_time():
    loop = asyncio.get_running_loop()
    before = loop.time()
    await Waiting().sleep(5.0)

    assert loop.time() - before == pytest.approx(5.0)


# The end.


@in_virtual_time
async def test_end_interrupts_what_runs():
    waiting = Waiting()
    task = start(waiting)
    await settle()
    waiting.end()

    with pytest.raises(Interrupted):
        await task
    assert waiting.ended
    assert not task.cancelled()


async def test_end_interrupts_a_sleep():
    waiting = Waiting()
    task = asyncio.create_task(waiting.sleep(1000.0))
    await settle(2)
    waiting.end()

    with pytest.raises(Interrupted):
        await task


async def test_after_the_end_nothing_is_begun():
    waiting = Waiting()
    waiting.end()
    begun = []

    async def operation():
        begun.append(1)

    with pytest.raises(Interrupted):
        await waiting.run(operation)
    with pytest.raises(Interrupted):
        await waiting.sleep(0)
    assert begun == []


@pytest.mark.parametrize("rounds", range(5))
async def test_end_wins_at_every_moment_of_an_operation(rounds):
    """Also where the operation has its result already, and its task only waits for its turn."""
    waiting = Waiting()
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(waiting.run(lambda: ready))
    await settle(3)
    ready.set_result(7)
    await settle(rounds)
    done = task.done()
    waiting.end()

    if done:
        assert await task == 7
    else:
        with pytest.raises(Interrupted):
            await task


async def test_end_while_nothing_runs_interrupts_the_next():
    waiting = Waiting()
    await waiting.run(seven)
    waiting.end()

    with pytest.raises(Interrupted):
        await waiting.run(seven)


@pytest.mark.parametrize("ending", [7, ConnectionError()], ids=["result", "error"])
async def test_operation_that_swallows_its_cancellation_is_interrupted_too(ending):
    waiting = Waiting()

    async def stubborn():
        try:
            await forever()
        except asyncio.CancelledError:
            if isinstance(ending, Exception):
                raise ending from None
            return ending

    async def run():
        with pytest.raises(Interrupted):
            await waiting.run(stubborn)
        return asyncio.current_task().cancelling()

    task = asyncio.create_task(run())
    await settle()
    waiting.end()

    assert await task == 0


async def test_other_errors_of_an_operation_go_on():
    waiting = Waiting()

    async def broken():
        waiting.end()
        raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        await waiting.run(broken)


async def test_end_by_the_operation_itself_interrupts_it_once_it_is_over():
    waiting = Waiting()
    steps = []

    async def closes_its_own_source():
        waiting.end()
        await asyncio.sleep(0)
        steps.append("after")

    with pytest.raises(Interrupted):
        await waiting.run(closes_its_own_source)
    assert steps == ["after"]


async def test_end_is_safe_to_call_twice():
    waiting = Waiting()
    task = start(waiting)
    await settle()
    waiting.end()
    waiting.end()

    with pytest.raises(Interrupted):
        await task
    waiting.end()


# Cancellation from outside.


async def test_cancellation_goes_on():
    waiting = Waiting()
    task = start(waiting)
    await settle()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert await waiting.run(seven) == 7


@pytest.mark.parametrize("order", [("end", "cancel"), ("cancel", "end")])
async def test_cancellation_from_outside_is_kept_beside_an_end(order):
    waiting = Waiting()
    task = start(waiting)
    await settle()
    for deed in order:
        waiting.end() if deed == "end" else task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelling() == 1


@in_virtual_time
async def test_timeout_around_a_wait_is_a_timeout():
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await Waiting().run(forever)


async def test_earlier_cancellation_that_the_user_swallowed_does_not_matter():
    """Few users call `uncancel`; an end is an end all the same, and no cancellation."""
    waiting = Waiting()
    swallowed = asyncio.Event()

    async def run():
        try:
            await forever()
        except asyncio.CancelledError:
            swallowed.set()
        with pytest.raises(Interrupted):
            await waiting.run(forever)

    task = asyncio.create_task(run())
    await settle()
    task.cancel()
    await swallowed.wait()
    await settle()
    waiting.end()

    await task


async def test_cancellation_after_an_end_by_the_operation_itself_goes_on():
    waiting = Waiting()

    async def closes_its_own_source():
        waiting.end()
        await forever()

    task = start(waiting, closes_its_own_source)
    await settle()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


# Steps.


async def test_who_ends_it_while_nobody_is_in_a_step_clears_up():
    waiting = Waiting()
    with waiting:
        pass

    assert waiting.end()
    with pytest.raises(Interrupted), waiting:
        pass


async def test_who_ends_it_during_a_step_waits_until_that_is_left():
    waiting = Waiting()
    told = []

    async def step():
        with waiting:
            with pytest.raises(Interrupted):
                await waiting.run(forever)
            await settle(5)  # clears up
            told.append("cleared")

    task = asyncio.create_task(step())
    await settle()

    assert not waiting.end()
    assert await waiting.left()
    assert told == ["cleared"]
    await task


async def test_who_is_in_the_step_does_not_wait_for_itself():
    waiting = Waiting()
    with waiting:
        assert not waiting.end()
        assert not await waiting.left()


async def test_step_is_left_whatever_happens_in_it():
    waiting = Waiting()
    with pytest.raises(ZeroDivisionError), waiting:
        _ = 1 / 0

    assert waiting.end()


async def test_second_task_may_not_step_at_the_same_time():
    waiting = Waiting()

    async def step():
        with waiting:
            await waiting.run(forever)

    task = asyncio.create_task(step())
    await until(lambda: waiting._running is task)
    with pytest.raises(LongwaveError, match="one task at a time"), waiting:
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    with waiting:
        pass


# Options.


async def give():
    await asyncio.sleep(0)
    return "x"


@pytest.mark.parametrize("option", ["x", lambda: "x", give])
async def test_option_is_a_value_or_what_gives_it(option):
    assert await ask(option) == "x"
