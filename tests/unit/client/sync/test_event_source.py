"""The source for threads: the same driver, written from the one for tasks, where threads make a difference."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from longwave.client import reconnection
from longwave.client.observer import Observer
from longwave.client.policy import Action
from longwave.client.reconnection import Patience
from longwave.client.session import State
from longwave.client.sync.event_source import SyncEventSource
from longwave.core.gap import Gap, Reason, raise_gap
from longwave.errors import GapFound, InvalidValue, LongwaveError, RequestFailed
from longwave.eventstream import encode
from unit.client.scripted_transport import HANG, URL, Kept, Recorder, SyncStream, SyncTransport, event

WAIT = 10.0  # seconds, for what must come
END = None


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waits are as short as they can be: in threads, time cannot be virtual."""
    monkeypatch.setattr(reconnection, "LIMIT", 0.001)


@pytest.fixture
def over():
    """Make sources over scripts; at the end none has left a stream open, and all sockets are closed."""
    made = []

    def start(*script, on_open=None, **options):
        transport = SyncTransport(*script, on_open=on_open)
        source = SyncEventSource(URL, transport=transport, **options)
        made.append((source, transport))
        return source, transport

    yield start
    for source, transport in made:
        source.close()
        assert transport.left_open == []
        for unused in transport.script:
            if isinstance(unused, SyncStream):
                unused.close()


@pytest.fixture
def thread():
    """Another thread; it must come to its end."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def data_of(source):
    return [received.data for received in source]


def test_it_reconnects_and_resumes_until_204(over):
    kept = Kept()
    source, transport = over(
        SyncStream(event(1)), ConnectionError("refused"), SyncStream(status=503), SyncStream(event(2)), cursor=kept
    )

    assert data_of(source) == ["1", "2"]
    assert transport.resumed_after == ["", "1", "1", "1", "2"]
    assert kept.saved == ["1", "2"]
    assert source.state is State.CLOSED


def test_failure_is_raised_once_and_leaves_nothing_open(over):
    source, transport = over(SyncStream(b"no such thing", status=404))
    with pytest.raises(RequestFailed, match="answered 404: no such thing"):
        next(source)

    assert transport.left_open == []
    assert data_of(source) == []


def test_refused_token_is_asked_for_anew(over):
    tokens = iter(["old", "new"])
    source, transport = over(SyncStream(status=401), SyncStream(event(1), HANG), token=lambda: next(tokens))

    assert next(source).data == "1"
    assert [dict(r.headers)[b"Authorization"] for r in transport.requests] == [b"Bearer old", b"Bearer new"]


@pytest.mark.parametrize("name", ["token", "headers", "on_gap"])
def test_async_callable_is_refused_with_a_sentence(over, name):
    async def give(*_):
        return "t"

    gap = encode(Gap(Reason.SLOW, "1", "2").event())
    source, _ = over(SyncStream(gap, HANG), **{name: give})
    with pytest.raises(InvalidValue, match="expected a callable that is not async"):
        next(source)


def test_what_on_gap_raises_ends_nothing(over):
    source, transport = over(SyncStream(encode(Gap(Reason.SLOW, "1", "2").event()), event(3), HANG), on_gap=raise_gap)
    with pytest.raises(GapFound):
        next(source)

    assert next(source).data == "3"
    assert len(transport.requests) == 1


# Closing.


def test_close_from_another_thread_ends_a_blocked_read_and_leaves_nothing_open(over, thread):
    recorder = Recorder()
    source, transport = over(SyncStream(event(1), HANG), observer=recorder)
    assert next(source).data == "1"
    reading = thread.submit(next, source, END)

    source.close()

    assert transport.left_open == []
    assert source.state is State.CLOSED
    assert reading.result(WAIT) is END
    assert recorder.told[-1] == ("closed", "by its user")
    assert "error" not in recorder.names
    assert "retry" not in recorder.names


def test_close_from_another_thread_ends_a_pause(over, thread, monkeypatch):
    monkeypatch.setattr(reconnection, "LIMIT", 1000.0)
    waits = threading.Event()

    class Told(Observer):
        def retry(self, reason, delay):
            waits.set()

    source, transport = over(ConnectionError("refused"), observer=Told())
    waiting = thread.submit(next, source, END)
    waits.wait(WAIT)

    source.close()

    assert waiting.result(WAIT) is END
    assert len(transport.requests) == 1


@pytest.mark.parametrize("answer", ["stream", "error", "204", "404"])
def test_close_while_a_connection_is_made_closes_what_comes_of_it(over, thread, answer):
    """The connection comes to its own end; its thread then closes it, and hands nothing out."""
    asked, go_on = threading.Event(), threading.Event()
    answers = {
        "stream": SyncStream(event(1)),
        "error": ConnectionError("refused"),
        "204": SyncStream(status=204),
        "404": SyncStream(status=404),
    }

    def on_open():
        asked.set()
        go_on.wait(WAIT)

    source, transport = over(answers[answer], on_open=on_open)
    opening = thread.submit(next, source, END)
    asked.wait(WAIT)
    closing = threading.Thread(target=source.close)
    closing.start()
    ended_while_open = source._waiting._pause.wait(WAIT)
    go_on.set()
    closing.join(WAIT)

    assert ended_while_open
    assert opening.result(WAIT) is END
    assert transport.left_open == []
    assert source.state is State.CLOSED
    for stream in answers.values():
        if isinstance(stream, SyncStream):
            stream.close()


def test_close_and_iteration_at_the_same_time_break_nothing(over):
    """Whatever they do in which order: nothing is left open, nothing is lost, nobody gets an error."""
    for turn in range(60):
        kept, seen, failures = Kept(), [], []
        script = [SyncStream(*(event(number) for number in range(20)), ends=False)]
        source, transport = over(*script, cursor=kept)
        together = threading.Barrier(3)

        def consume(source=source, seen=seen, failures=failures, together=together):
            together.wait(WAIT)
            try:
                seen.extend(received.id for received in source)
            except BaseException as error:
                failures.append(error)

        def close(source=source, failures=failures, together=together, turn=turn):
            together.wait(WAIT)
            for _ in range(turn * 20):
                pass
            try:
                source.close()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=deed) for deed in (consume, close, close)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(WAIT)

        assert failures == []
        assert transport.left_open == []
        assert source.state is State.CLOSED
        assert kept.saved == seen == [str(number) for number in range(len(seen))]
        for stream in transport.script:
            stream.close()
        transport.script.clear()


def test_signal_handler_may_close_what_its_own_thread_iterates(over):
    source, transport = over(SyncStream(event(1), HANG))
    before = signal.signal(signal.SIGALRM, lambda *_: source.close())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert data_of(source) == ["1"]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert transport.left_open == []


def test_interrupt_from_the_keyboard_leaves_no_response_open(over):
    def interrupt(*_):
        raise KeyboardInterrupt

    source, transport = over(SyncStream(event(1), HANG), SyncStream(event(2), HANG))
    next(source)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        with pytest.raises(KeyboardInterrupt):
            next(source)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert transport.left_open == []
    assert next(source).data == "2"


@pytest.mark.parametrize("name", ["opened", "event", "comment", "retry", "error", "closed"])
def test_observer_may_close_its_own_source(over, name):
    class Closing(Observer):
        pass

    setattr(Closing, name, lambda *_: source.close())
    source, transport = over(SyncStream(b":\n" + event(1) + event(2)), SyncStream(status=404), observer=Closing())
    if name == "closed":
        source.close()
    try:
        seen = data_of(source)
    except RequestFailed:
        seen = ["1", "2"]
        assert name == "error"

    assert source.state is State.CLOSED
    assert transport.left_open == []
    assert seen == {"event": ["1"], "retry": ["1", "2"], "error": ["1", "2"]}.get(name, [])


@pytest.mark.parametrize("name", ["token", "headers", "policy", "on_gap"])
def test_callable_may_close_its_own_source(over, name):
    def close(*_):
        source.close()
        return {"token": "t", "headers": {}, "policy": Action.STREAM}.get(name)

    gap = encode(Gap(Reason.SLOW, "1", "2").event())
    source, transport = over(SyncStream(gap + event(3), HANG), **{name: close})

    assert data_of(source) == []
    assert transport.left_open == []
    if name in ("token", "headers"):
        assert transport.requests == []


def test_second_consumer_is_told_so_and_disturbs_nothing(over, thread):
    reads = threading.Event()

    class Told(Observer):
        def opened(self, response):
            reads.set()

    source, transport = over(SyncStream(HANG), observer=Told())
    reading = thread.submit(next, source, END)
    reads.wait(WAIT)
    with pytest.raises(LongwaveError, match="one thread at a time"):
        next(source)

    assert transport.left_open
    source.close()
    assert reading.result(WAIT) is END


def test_own_transport_is_made_when_it_is_needed_and_closed():
    source = SyncEventSource("http://127.0.0.1:1/", patience=Patience(attempts=1, retry=0))
    with pytest.raises(RequestFailed, match=r"^http://127.0.0.1:1/: .*gave up after 1 failed"):
        next(source)

    assert source._transport._client.is_closed


# One response.


def test_events_of_a_response_end_with_it():
    response = httpx2.Response(
        200, headers={"content-type": "text/event-stream"}, content=iter([b"data: a\n\ndata: b"])
    )

    assert data_of(SyncEventSource.from_response(response)) == ["a"]
    assert response.is_closed


def test_response_that_is_never_read_is_closed_with_its_source():
    response = httpx2.Response(200, content=iter([b"x"]))
    with SyncEventSource.from_response(response):
        pass

    assert response.is_closed


def test_response_of_a_library_for_tasks_is_refused():
    with pytest.raises(InvalidValue, match=r"^response: expected a response of httpx2, httpx or requests"):
        SyncEventSource.from_response(object())
