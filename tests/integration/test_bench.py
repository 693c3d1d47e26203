"""The load generator against a real hub, and against servers that lose, repeat and reorder."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.hub_process import ENVIRONMENT, HubProcess, eventually
from integration.lying_server import LyingServer
from longwave.load import Distribution, LongwaveTarget, Scenario, Verdict, run
from longwave.load.processes import LoadFailed
from longwave.load.sequence import Faults

pytestmark = pytest.mark.slow  # each starts processes and measures for a while

WAIT = 50  # seconds
BRIEF = {"subscribers": 100, "rate": 50, "duration": 2.0, "warmup": 0.2, "publishers": 4}


def bench(url, *options):
    command = [sys.executable, "-m", "longwave", "bench", url, *map(str, options)]
    return subprocess.run(
        command,
        env=ENVIRONMENT,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def check_delivered(result, events, subscribers):
    """Everything was delivered; on a busy machine the generator may still doubt its figures."""
    assert result.verdict is not Verdict.FAILED, result.reasons
    assert result.counts.published == events
    assert result.counts.delivered == result.counts.expected == events * subscribers
    assert result.counts.incomplete == 0


def test_real_hub_delivers_all_to_all(tmp_path):
    with HubProcess("memory:") as hub:
        done = bench(hub.url, "--subscribers", 100, "--rate", 50, "--duration", "2s", "--warmup", "200ms",
                     "--server-pid", hub.pid, "--json", tmp_path / "run.json")  # fmt: skip
    (result,) = json.loads((tmp_path / "run.json").read_text())

    assert result["verdict"] != "failed", result["reasons"]
    assert done.returncode == (result["verdict"] != "valid"), done.stderr
    assert result["counts"]["published"] == 110
    assert result["counts"]["delivered"] == result["counts"]["expected"] == 11_000
    assert result["delivery"]["count"] == 10_000
    assert result["last_subscriber"]["count"] == 100
    assert 0 < result["delivery"]["p50"] <= result["last_subscriber"]["max"]
    assert result["server"]["cpu_per_delivery"] > 0
    assert "delivered 11,000 of 11,000; 110 events acknowledged" in done.stdout


@pytest.mark.parametrize(
    ("values", "events", "subscribers"),
    [
        ({"distribution": Distribution.UNICAST}, 110, 1),
        ({"distribution": Distribution.SPREAD, "topics": 10}, 110, 10),
        ({"topics": 10, "zipf": 1.0}, 110, 100),
        ({"burst": 10, "processes": 2, "payload": 40_000}, 110, 100),
        ({"stalled": 0.1}, 110, 90),
    ],
)
def test_every_kind_of_load_arrives_whole(values, events, subscribers):
    with HubProcess("memory:") as hub:
        result = run(Scenario(**BRIEF | values), LongwaveTarget("127.0.0.1", hub.port))

    check_delivered(result, events, subscribers)


def test_passing_subscribers_come_and_go():
    with HubProcess("memory:") as hub:
        result = run(Scenario(**BRIEF | {"churn": 50.0}), LongwaveTarget("127.0.0.1", hub.port))

    check_delivered(result, 110, 100)
    assert 90 <= result.counts.churned <= 110


def test_subscribers_come_back_after_a_kill_and_miss_nothing(tmp_path):
    with HubProcess(f"sqlite:{tmp_path}/log.db") as hub:
        killed = threading.Event()

        def observe(state):
            if state.phase == "measuring" and state.delivered > 500 and not killed.is_set():
                killed.set()
                hub.kill()
                hub.start()

        scenario = Scenario(**BRIEF | {"reconnect": True})
        result = run(scenario, LongwaveTarget("127.0.0.1", hub.port), observe=observe)

    assert killed.is_set()
    assert result.verdict is not Verdict.FAILED, result.reasons
    assert result.counts.disconnects == result.counts.reconnects == 100
    assert result.outage.count == 100
    assert result.faults == Faults()


def run_against(server):
    scenario = Scenario(
        subscribers=1, publishers=1, rate=50, duration=0.5, warmup=0.1, payload=100, patience=3
    )  # 30 events
    return run(scenario, LongwaveTarget("127.0.0.1", server.port))


class Swap:
    """Holds event 7 back until event 8 was sent."""

    def __init__(self):
        self._held = b""

    def __call__(self, number, event):
        if number == 7:
            self._held = event
            return []
        return [event, self._held] if number == 8 else [event]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_honest_server_is_believed(chunked, keep):
    """Whether it keeps the connections of publishers or not."""
    with LyingServer(lambda number, event: [event], chunked=chunked, keep=keep) as server:
        result = run_against(server)

    assert result.faults == Faults()
    assert result.verdict is not Verdict.FAILED, result.reasons
    assert result.counts.delivered == 30


@pytest.mark.parametrize(
    ("lie", "faults"),
    [
        (lambda number, event: [] if number == 7 else [event], Faults(gaps=1)),
        (lambda number, event: [] if number >= 25 else [event], Faults(gaps=5)),
        (lambda number, event: [event, event] if number == 7 else [event], Faults(duplicates=1)),
        (Swap(), Faults(reorderings=1)),
        (lambda number, event: [event[:60] + b"\n\n"] if number == 29 else [event], Faults(corrupt=1, gaps=1)),
        (lambda number, event: [event, b"event: gap\ndata: {}\n\n"] if number == 7 else [event], Faults(foreign=1)),
    ],
    ids=["gap", "nothing more", "duplicate", "reordering", "torn", "notice"],
)
def test_planted_fault_fails_the_run(lie, faults):
    with LyingServer(lie) as server:
        result = run_against(server)

    assert result.faults == faults
    assert result.verdict is Verdict.FAILED


def test_server_that_ends_a_stream_fails_the_run():
    with LyingServer(lambda number, event: [event], end_after=30) as server:
        result = run_against(server)

    assert result.counts.disconnects == 1
    assert (result.verdict, result.reasons[0]) == (Verdict.FAILED, "1 disconnected subscribers")


def test_command_fails_for_a_planted_gap():
    with LyingServer(lambda number, event: [] if number == 7 else [event]) as server:
        done = bench(f"http://127.0.0.1:{server.port}", "--subscribers", 1, "--publishers", 1, "--payload", 100,
                     "--duration", "500ms", "--warmup", "100ms", "--rate", 50, "--patience", "3s")  # fmt: skip

    assert done.returncode == 1
    assert "failed: 1 gaps" in done.stdout


def test_server_that_refuses_subscribers_is_told():
    with HubProcess("memory:") as hub, pytest.raises(LoadFailed, match="404 Not Found"):
        run(Scenario(**BRIEF), LongwaveTarget("127.0.0.1", hub.port, "/nothing"))


def test_hub_that_lets_nobody_publish_without_a_token_is_told_at_once():
    with HubProcess("memory:", "--key", "a-secret-of-thirty-two-characters!", "--anonymous") as hub:
        done = bench(hub.url, "--subscribers", 1, "--duration", "1h", "--warmup", "0s", "--rate", 1)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("publisher 0: the server lets nobody publish so: status 401")


def test_server_that_is_away_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = bench(f"http://127.0.0.1:{port}")

    assert done.returncode == 1
    assert "Connection refused" in done.stderr.splitlines()[-1]


@contextmanager
def running_bench(hub):
    command = [sys.executable, "-m", "longwave", "bench", hub.url, "--duration", "30s", "--subscribers", "10"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert eventually(lambda: len(children(process.pid)) == 2)
            yield process
        finally:
            process.kill()


def children(pid):
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_generating_processes_never_outlive_the_command(number):
    with HubProcess("memory:") as hub, running_bench(hub) as process:
        started = children(process.pid)
        process.send_signal(number)
        process.wait(WAIT)

        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
