"""Longwave beside itself: one worker and two, over a log in a file, sharing all processors with the load."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import psutil
import pytest
from benchmarks.comparison import report
from benchmarks.comparison.__main__ import choose_peers
from benchmarks.comparison.launched_peer import PATIENCE, is_subscribed
from benchmarks.comparison.longwave.launcher import WORKERS as PEERS
from benchmarks.comparison.longwave.launcher import LongwavePeer, LongwaveWorkers
from benchmarks.comparison.matrix import Plan, Turn, measure, rename_waiting
from benchmarks.comparison.measures.steady import Steady
from benchmarks.comparison.ports import count_listeners
from benchmarks.comparison.record import Cell, Finding
from benchmarks.comparison.roster import ROSTER, companions
from benchmarks.comparison.scenarios import (
    BARE_REPLAY,
    LONGWAVE,
    NCHAN,
    ONE_WORKER,
    SCENARIOS,
    TWO_WORKERS,
    WORKERS,
    find_scenario,
)
from benchmarks.comparison.stand import Processors, Stand
from benchmarks.comparison.summary import Summary

from longwave.load import Scenario as Load
from longwave.load import Verdict

SUBSCRIBERS = 60  # so many on one of two workers only: once in 2 ** 59
OURS = [one for one in SCENARIOS if one.only == WORKERS]
TINY = Load(subscribers=SUBSCRIBERS, rate=40, duration=0.5, warmup=0.1, publishers=4, patience=5, stalled=0.5)


def streams_by_process(running):
    """Return how many connections each process of a server holds."""
    port = running.target.address[1]
    return Counter(
        pid
        for pid in running.pids
        for one in psutil.Process(pid).net_connections("tcp")
        if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port
    )


def subscribe(target):
    sock = socket.create_connection(target.address, PATIENCE)
    sock.sendall(target.subscription(["updates"]))
    assert sock.recv(1).startswith(b"H")
    return sock


# The peers.


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_every_worker_listens_when_the_peer_is_started_and_has_subscribers(tmp_path, workers):
    peer = LongwaveWorkers(workers)
    try:
        running = peer.start(tmp_path)
        assert count_listeners(running.target.address[1]) == workers
        assert is_subscribed(running.target, PATIENCE)
        with ExitStack() as stack:
            for _ in range(SUBSCRIBERS):
                stack.callback(subscribe(running.target).close)
            held = streams_by_process(running)
    finally:
        peer.stop()

    assert len(held) == workers
    assert sum(held.values()) >= SUBSCRIBERS
    assert not any(psutil.pid_exists(pid) for pid in running.pids)


@pytest.mark.slow
def test_kill_ends_the_workers_too_though_each_has_a_session_of_its_own(tmp_path):
    peer = LongwaveWorkers(2)
    try:
        running = peer.start(tmp_path)
        assert len(running.pids) >= 3  # the supervisor
        peer.kill()
        assert not any(psutil.pid_exists(pid) for pid in running.pids)
    finally:
        peer.stop()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_fan_out_tells_when_the_last_subscriber_had_an_event(tmp_path, workers):
    with Stand(LongwaveWorkers(workers), tmp_path) as stand:
        found = Steady(TINY).take(stand)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert 0 < found.figures["p50"] <= found.figures["last_p50"] <= found.figures["last_p99"]


@pytest.mark.parametrize("durable", [False, True])
def test_one_worker_and_two_have_the_same_kind_of_log(tmp_path, durable):
    one, two = (peer.launch(tmp_path, (1,), durable=durable).commands[0].arguments for peer in PEERS)

    assert one[:-1] == two[:-1]
    assert (one[-1], two[-2], two[-1]) == ("1", "--workers", "2")
    assert one[one.index("--durability") + 1] == ("full" if durable else "relaxed")


def test_sockets_that_listen_at_a_port_are_counted_others_not(tmp_path):
    table = tmp_path / "tcp"
    rows = ("0100007F:2710 00000000:0000 0A", "0100007F:2711 00000000:0000 0A", "0100007F:2710 0100007F:2711 01")
    table.write_text("  sl  local_address rem_address   st\n" + "".join(f"   0: {row} 0\n" for row in (*rows, rows[0])))

    assert count_listeners(10_000, table) == 2


# Their part in a run.


def test_names_of_the_peers_are_those_in_the_scenarios():
    assert [peer.name for peer in PEERS] == [ONE_WORKER, TWO_WORKERS]
    assert {ONE_WORKER, TWO_WORKERS} == WORKERS


def test_workers_come_along_with_longwave_only():
    assert [peer.name for peer in companions([LONGWAVE, NCHAN])] == [BARE_REPLAY, ONE_WORKER, TWO_WORKERS]
    assert [peer.name for peer in companions([NCHAN])] == [BARE_REPLAY]
    assert not WORKERS & set(ROSTER)


@pytest.mark.parametrize(("scenario", "named"), [("workers-publish", [ONE_WORKER, TWO_WORKERS]), ("single-1k", [])])
def test_peers_that_no_scenario_names_are_left_out(scenario, named):
    peers, _ = choose_peers([LONGWAVE], [find_scenario(scenario)])

    assert [peer.name for peer in peers if peer.name in WORKERS] == named


def test_full_run_measures_both_in_turn_and_quick_run_neither():
    peers = (LongwavePeer(), *PEERS)
    turns = list(Plan(SCENARIOS, peers, rounds=2).turns())

    assert [one.name for one in OURS] == ["workers-fan-out", "workers-broadcast", "workers-publish"]
    for one in OURS:
        assert [turn.peer.name for turn in turns if turn.scenario is one] == [ONE_WORKER, TWO_WORKERS] * 2
    assert {turn.scenario.name for turn in turns if turn.peer in PEERS} == {one.name for one in OURS}
    assert not [turn for turn in Plan(SCENARIOS, peers, rounds=1, quick=True).turns() if turn.peer in PEERS]


# The processors.


class TellingPeer(LongwavePeer):
    """Fails with what it was told, and where it would have been started."""

    name = ONE_WORKER

    def start(self, folder, *, cpu=None, durable=False):
        raise RuntimeError(f"processor {cpu} of {sorted(os.sched_getaffinity(0))}")


def in_a_thread(action):
    """Do it in a thread: its affinity is its own, and that of the tests stays."""
    found = []
    thread = threading.Thread(target=lambda: found.append(action()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("shared", [False, True])
def test_server_and_load_have_all_processors_where_they_share_and_one_each_elsewhere(shared):
    processors = Processors.choose()
    if processors.load is None:
        pytest.skip("expected two processors")
    scenario = replace(OURS[0], shared=shared)

    def act():
        processors.keep_load()
        cell = measure(Turn(scenario, TellingPeer(), 1), processors)
        return cell.finding.reasons[0], os.sched_getaffinity(0)

    reason, after = in_a_thread(act)
    told = f"processor None of {sorted(processors.all)}" if shared else f"processor {processors.server} of"
    assert told in reason
    assert after == {processors.load}


def test_waiting_for_the_load_is_not_taken_for_other_work():
    found = rename_waiting(Finding(Verdict.VALID, (), {"waiting": 0.5, "p50": 1.0}))
    row = Summary([Cell("workers-fan-out", ONE_WORKER, 1, found)]).row("workers-fan-out", ONE_WORKER)

    assert found.figures == {"contended": 0.5, "p50": 1.0}
    assert not row.disturbed


# The page.


def cell(peer, **figures):
    return Cell("workers-publish", peer, 1, Finding(Verdict.VALID, (), figures))


def test_table_has_the_ratio_of_two_workers_to_one():
    summary = Summary([cell(ONE_WORKER, updates=20_000.0), cell(TWO_WORKERS, updates=16_000.0)])
    text = report.make_table(summary, find_scenario("workers-publish"), summary.rows("workers-publish"))
    head, _, one, two = (row.strip(" |").split(" | ") for row in text.splitlines())

    assert head[-1] == f"x {ONE_WORKER}"
    assert [one[-1], two[-1]] == ["1.00", "0.80"]


def test_page_does_not_say_of_other_peers_that_they_are_not_longwave():
    assert all(one.refusal(NCHAN, frozenset()) and not one.explains(NCHAN) for one in OURS)
    assert find_scenario("fairness").explains(NCHAN)
    assert not find_scenario("single-1k").explains(TWO_WORKERS)


@pytest.mark.parametrize("scenario", OURS, ids=lambda one: one.name)
def test_reader_is_told_that_load_and_workers_share_the_processors(scenario):
    assert scenario.shared
    assert "load and workers share both, so that a gain is a lower bound" in scenario.question
