"""What the user's callables and observers may do to a source: raise, close it, wait for it."""

from __future__ import annotations

import asyncio

import pytest

from longwave.client.observer import Observer
from longwave.client.policy import Action
from longwave.client.session import State
from longwave.errors import InvalidValue, RequestFailed
from unit.client.scripted_sources import gap_stream, source_over, take, take_all
from unit.client.scripted_transport import URL, Kept, Recorder, Stream, event
from virtual_time import in_virtual_time

# What callables raise.


def once(error):
    errors = [error]

    def fail(*_):
        if errors:
            raise errors.pop()
        return {}

    return fail


@in_virtual_time
async def test_what_a_callable_raises_reaches_the_consumer_and_the_source_goes_on():
    source, transport = source_over(Stream(event(1)), headers=once(KeyError("vault")))
    with pytest.raises(KeyError, match="vault"):
        await anext(source)

    assert transport.requests == []
    assert await take_all(source) == ["1"]


@in_virtual_time
async def test_callable_that_is_not_connected_is_tried_again():
    recorder = Recorder()
    source, _ = source_over(Stream(event(1)), headers=once(ConnectionError("vault is away")), observer=recorder)

    assert await take_all(source) == ["1"]
    assert recorder.told[0][:2] == ("retry", f"{URL}: vault is away")


@in_virtual_time
async def test_header_that_cannot_be_is_for_good():
    source, _ = source_over(Stream(event(1)), headers=lambda: {"X": "a\nb"})
    with pytest.raises(InvalidValue, match=r"^X: expected"):
        await anext(source)

    assert await take_all(source) == []


@in_virtual_time
async def test_policy_that_raises_leaves_no_response_open():
    calls = []

    def policy(response):
        calls.append(response)
        if len(calls) == 1:
            raise ZeroDivisionError
        return Action.STREAM if response.status == 200 else Action.END

    source, transport = source_over(Stream(event(1)), Stream(event(2)), policy=policy)
    with pytest.raises(ZeroDivisionError):
        await anext(source)

    assert transport.left_open == []
    assert await take_all(source) == ["2"]


# Observers.


@in_virtual_time
async def test_observer_that_raises_changes_nothing(caplog):
    class Faulty(Observer):
        def fail(self, *_):
            raise RuntimeError("my own fault")

        opened = event = comment = retry = error = closed = fail

    kept = Kept()
    source, transport = source_over(
        Stream(event(1) + b":\n" + event(2) + b":\n"), Stream(status=404), observer=Faulty(), cursor=kept
    )

    assert await take(source, 2) == ["1", "2"]
    with pytest.raises(RequestFailed):
        await anext(source)
    assert kept.saved == ["1", "2"]
    assert transport.left_open == []
    assert caplog.text.count("my own fault") >= 7


@in_virtual_time
async def test_observer_is_told_what_happens_in_order():
    recorder = Recorder()
    source, _ = source_over(Stream(b": hello\n" + event(1)), observer=recorder)
    await take_all(source)

    assert recorder.names == ["opened", "comment", "event", "retry", "closed"]


@in_virtual_time
async def test_observer_may_be_a_changed_instance():
    observer, seen = Observer(), []
    observer.event = lambda received: seen.append(received.data)
    await take_all(source_over(Stream(event(1)), observer=observer)[0])

    assert seen == ["1"]


# What callables close.


@pytest.mark.parametrize("name", ["token", "on_gap"])
@in_virtual_time
async def test_callable_may_close_its_own_source(name):
    """The source is closed once the callable returns, and asks for nothing more."""

    async def close(*_):
        await source.close()
        assert source.state is State.CLOSED
        return "t"

    recorder = Recorder()
    source, transport = source_over(gap_stream(), observer=recorder, **{name: close})

    assert await asyncio.wait_for(take_all(source), 5.0) == (["1"] if name == "on_gap" else [])
    assert transport.left_open == []
    assert recorder.told[-1] == ("closed", "by its user")
    assert len(transport.requests) == (1 if name == "on_gap" else 0)


@in_virtual_time
async def test_callable_may_wait_for_a_task_that_closes_its_source():
    async def close():
        await asyncio.create_task(source.close())

    source, transport = source_over(gap_stream(), headers=close)

    assert await asyncio.wait_for(take_all(source), 5.0) == []
    assert transport.requests == []
