"""Generating processes end with the block that started them, however it ends."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from longwave.load.messages import Stop
from longwave.load.processes import LoadFailed, Processes

pytestmark = pytest.mark.slow  # each starts processes

WAIT = 20.0  # seconds


@dataclass(frozen=True)
class Echo:
    """Sends back what it gets, with its name in front."""

    name: str

    def execute(self, pipe):
        while not isinstance(message := pipe.recv(), Stop):
            pipe.send((self.name, message))


@dataclass(frozen=True)
class Deaf:
    """Never listens."""

    def execute(self, pipe):
        os.read(os.pipe()[0], 1)


@dataclass(frozen=True)
class Wrong:
    """Fails at once."""

    def execute(self, pipe):
        raise ValueError("expected luck, got none")


def gone(pids):
    return all(not os.path.exists(f"/proc/{pid}") for pid in pids)


def hear(processes, count):
    heard = {}
    while len(heard) < count:
        heard.update(processes.hear(WAIT))
    return heard


def test_messages_go_to_those_that_are_meant():
    with Processes([Echo("a"), Echo("b")]) as processes:
        processes.tell("x")
        assert hear(processes, 2) == {0: ("a", "x"), 1: ("b", "x")}
        processes.tell("y", [1])
        assert hear(processes, 1) == {1: ("b", "y")}

    assert gone(processes.pids)


def test_processes_end_with_an_interrupt():
    with pytest.raises(KeyboardInterrupt), Processes([Echo("a"), Deaf()]) as processes:
        raise KeyboardInterrupt

    assert gone(processes.pids)


def test_failure_of_a_process_is_told():
    problem = pytest.raises(LoadFailed, match="generating process 1 stopped: ValueError: expected luck, got none")
    with Processes([Echo("a"), Wrong()]) as processes, problem:
        hear(processes, 1)

    assert gone(processes.pids)


def test_silence_is_no_failure():
    with Processes([Echo("a")]) as processes:
        assert list(processes.hear(0.0)) == []
