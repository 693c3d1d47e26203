"""What a thread waits for, and how another ends it."""

from __future__ import annotations

import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from longwave.client.sync import waiting as waiting_module
from longwave.client.sync.waiting import Interrupted, SyncWaiting, ask
from longwave.errors import InvalidValue, LongwaveError

WAIT = 10.0  # seconds, for what must come


@pytest.fixture
def thread():
    """Another thread; it must come to its end."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


class Line:
    """A stream whose read waits for a peer that is silent."""

    def __init__(self):
        self.socket, self._peer = socket.socketpair()
        self.reading = threading.Event()

    def read(self):
        self.reading.set()
        return self.socket.recv(1)

    def close(self):
        self.socket.close()
        self._peer.close()


@pytest.fixture
def line():
    made = Line()
    yield made
    made.close()


def test_operation_gives_its_result():
    assert SyncWaiting().run(lambda: 7) == 7


def test_sleep_comes_to_its_end():
    SyncWaiting().sleep(0.001)


def test_end_interrupts_a_blocked_read(thread, line):
    waiting = SyncWaiting()
    reading = thread.submit(waiting.run, line.read, line)
    line.reading.wait(WAIT)
    waiting.end()

    with pytest.raises(Interrupted):
        reading.result(WAIT)
    assert waiting.ended


def test_end_interrupts_a_sleep(thread):
    waiting = SyncWaiting()
    sleeping = thread.submit(waiting.sleep, 1000.0)
    waiting.end()

    with pytest.raises(Interrupted):
        sleeping.result(WAIT)


def test_after_the_end_nothing_is_begun():
    waiting = SyncWaiting()
    waiting.end()
    begun = []

    with pytest.raises(Interrupted):
        waiting.run(lambda: begun.append(1))
    with pytest.raises(Interrupted):
        waiting.sleep(0)
    assert begun == []


@pytest.mark.parametrize("error", [None, ConnectionError(), TimeoutError()], ids=str)
def test_operation_that_ends_by_itself_after_the_end_is_interrupted_too(error):
    waiting = SyncWaiting()

    def operation():
        waiting.end()
        if error is not None:
            raise error
        return 7

    with pytest.raises(Interrupted):
        waiting.run(operation)


def test_other_errors_of_an_operation_go_on():
    waiting = SyncWaiting()

    def broken():
        waiting.end()
        raise RuntimeError("of its own")

    with pytest.raises(RuntimeError, match="of its own"):
        waiting.run(broken)


def test_error_without_an_end_goes_on():
    with pytest.raises(ConnectionError):
        SyncWaiting().run(fail)


def fail():
    raise ConnectionError


def test_stream_without_a_socket_comes_to_its_own_end(thread):
    class Memory:
        socket = None

    waiting, begun, gone = SyncWaiting(), threading.Event(), threading.Event()

    def read():
        begun.set()
        gone.wait(WAIT)
        return b"x"

    reading = thread.submit(waiting.run, read, Memory())
    begun.wait(WAIT)
    waiting.end()
    gone.set()

    with pytest.raises(Interrupted):
        reading.result(WAIT)


def test_signal_handler_may_end_what_its_own_thread_waits_for(line):
    """It runs in the midst of the read, which must not go on afterwards, and must not find a lock held by itself."""
    waiting = SyncWaiting()
    before = signal.signal(signal.SIGALRM, lambda *_: waiting.end())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with waiting, pytest.raises(Interrupted):
            waiting.run(line.read, line)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_signal_handler_may_come_at_any_moment():
    """Also while its own thread holds the lock."""
    waiting = SyncWaiting()
    with waiting._lock:
        waiting.end()

    assert waiting.ended


# Steps.


def test_who_ends_it_while_nobody_is_in_a_step_clears_up():
    waiting = SyncWaiting()
    with waiting:
        pass

    assert waiting.end()
    with pytest.raises(Interrupted), waiting:
        pass


def test_who_ends_it_during_a_step_waits_until_that_is_left(thread, line):
    waiting = SyncWaiting()
    told = []

    def step():
        with waiting:
            with pytest.raises(Interrupted):
                waiting.run(line.read, line)
            told.append("cleared")

    stepping = thread.submit(step)
    line.reading.wait(WAIT)

    assert not waiting.end()
    assert waiting.left()
    assert told == ["cleared"]
    stepping.result(WAIT)


def test_who_ends_it_does_not_wait_for_long(thread, monkeypatch):
    """A connection that is being made comes to its own end; its thread clears up then."""
    monkeypatch.setattr(waiting_module, "PROMPT", 0.001)
    waiting, begun, gone = SyncWaiting(), threading.Event(), threading.Event()

    def step():
        with waiting:
            waiting.run(lambda: begun.set() or gone.wait(WAIT))

    stepping = thread.submit(step)
    begun.wait(WAIT)

    assert not waiting.end()
    assert not waiting.left()
    gone.set()
    with pytest.raises(Interrupted):
        stepping.result(WAIT)
    assert waiting.left()


def test_who_is_in_the_step_does_not_wait_for_itself(monkeypatch):
    monkeypatch.setattr(waiting_module, "PROMPT", 3600.0)
    waiting = SyncWaiting()
    with waiting:
        assert not waiting.end()
        assert not waiting.left()


def test_step_is_left_whatever_happens_in_it():
    waiting = SyncWaiting()
    with pytest.raises(ZeroDivisionError), waiting:
        _ = 1 / 0

    assert waiting.end()


def test_second_thread_may_not_step_at_the_same_time(thread):
    waiting = SyncWaiting()

    def step():
        with waiting:
            pass

    with waiting, pytest.raises(LongwaveError, match="one thread at a time"):
        thread.submit(step).result(WAIT)
    step()


def test_of_many_that_end_and_step_at_once_there_is_always_one_that_clears_up():
    """Whoever is told that nobody is in a step, or left one after the end; never nobody."""
    for _ in range(200):
        waiting, clearing = SyncWaiting(), []
        together = threading.Barrier(2)

        def step(waiting=waiting, clearing=clearing, together=together):
            together.wait(WAIT)
            try:
                with waiting:
                    waiting.run(lambda: None)
            except Interrupted:
                pass
            if waiting.ended:
                clearing.append("step")

        def end(waiting=waiting, clearing=clearing, together=together):
            together.wait(WAIT)
            if waiting.end() or waiting.left():
                clearing.append("end")

        threads = [threading.Thread(target=deed) for deed in (step, end)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(WAIT)
        assert clearing


# Options.


@pytest.mark.parametrize("option", ["x", lambda: "x"])
def test_option_is_a_value_or_what_gives_it(option):
    assert ask(option) == "x"


async def give():
    return "x"


def test_async_callable_is_refused_without_a_warning():
    with pytest.raises(InvalidValue, match="not async"):
        ask(give)
