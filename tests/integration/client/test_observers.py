"""What an observer is told, in which order, and why."""

from __future__ import annotations

import logging

import pytest

from integration.client.sources import Recorder, take, take_all
from longwave.client import Observer
from longwave.errors import RequestFailed
from longwave.testing import Answer, Cut, Gate, Send, Stall

pytestmark = pytest.mark.usefixtures("quick")


async def test_observer_is_told_everything_in_order(serve, connect):
    recorder = Recorder()
    server = serve([Answer(steps=[Send(b": hello\n\ndata: a\n\n")]), Answer(503), Answer(steps=[Send(b"data: b\n\n")])])
    await take_all(connect(server.url, observer=recorder))

    assert recorder.told == [
        ("opened", 200),
        ("comment", "hello"),
        ("event", "a"),
        ("retry", f"{server.url}: the stream ended"),
        ("retry", f"{server.url}: the server answered 503"),
        ("opened", 200),
        ("event", "b"),
        ("retry", f"{server.url}: the stream ended"),
        ("closed", "the server answered 204, nothing more"),
    ]


async def test_error_is_told_before_the_end_and_once(serve, connect):
    recorder = Recorder()
    server = serve([Answer(404, steps=[Send(b"no such topic")])])
    source = connect(server.url, observer=recorder)
    with pytest.raises(RequestFailed):
        await source.next()
    await source.close()

    said = f"{server.url}: the server answered 404: no such topic"
    assert recorder.told == [("error", said), ("closed", said)]


async def test_end_by_the_user_is_told_once(serve, connect):
    recorder = Recorder()
    source = connect(serve([Answer(steps=[Send(b"data: a\n\n"), Stall()])]).url, observer=recorder)
    await source.next()
    await source.close()
    await source.close()

    assert recorder.told == [("opened", 200), ("event", "a"), ("closed", "by its user")]


async def test_reason_of_a_broken_connection_is_told(serve, connect):
    recorder = Recorder()
    server = serve([Answer(steps=[Send(b"data: a\n\n"), Gate(), Cut()])])
    source = connect(server.url, observer=recorder)
    await source.next()
    server.release()
    await take_all(source)

    (reason,) = recorder.reasons("retry")
    assert reason.startswith(f"{server.url}: ")
    assert reason != f"{server.url}: the stream ended"
    assert not reason.endswith(": ")


async def test_observer_may_override_what_it_wants_only(serve, connect):
    class Opened(Observer):
        count = 0

        def opened(self, response):
            self.count += 1

    observer = Opened()
    await take_all(connect(serve([Answer(steps=[Send(b": x\n\ndata: a\n\n")])] * 2).url, observer=observer))

    assert observer.count == 2


async def test_without_an_observer_it_logs_but_no_secret(serve, connect, caplog):
    caplog.set_level(logging.INFO, "longwave.client")
    server = serve([Answer(steps=[Send(b"data: private\n\n")])])
    source = connect(server.url, token="secret-token")
    await take(source, 1)
    await take_all(source)

    levels = [record.levelname for record in caplog.records if record.name == "longwave.client"]
    assert levels == ["INFO", "WARNING", "INFO"]
    assert "secret-token" not in caplog.text
    assert "private" not in caplog.text
