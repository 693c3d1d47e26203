"""The comparison measures a real hub at tiny sizes, writes what it measured, and goes on where it stopped."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace

import pytest
from benchmarks.comparison.__main__ import main
from benchmarks.comparison.bare_replay.launcher import BareReplay
from benchmarks.comparison.http_target import AppTarget
from benchmarks.comparison.longwave.launcher import LongwavePeer
from benchmarks.comparison.matrix import Limits, Plan, Turn, measure, measure_all
from benchmarks.comparison.measures.comeback import Comeback
from benchmarks.comparison.measures.idle import Idle
from benchmarks.comparison.measures.inside import Fairness, TopicCost
from benchmarks.comparison.measures.ladder import Ladder
from benchmarks.comparison.measures.posts import PostFailed, post
from benchmarks.comparison.measures.publishing import Publishing
from benchmarks.comparison.measures.steady import Steady
from benchmarks.comparison.measures.storm import Storm
from benchmarks.comparison.peer import Ability
from benchmarks.comparison.record import Cell, Finding, Record, scrub
from benchmarks.comparison.scenarios import BARE, BARE_REPLAY, LONGWAVE, SCENARIOS, Scenario
from benchmarks.comparison.stand import Processors, Stand, own_memory, sum_socket_memory

from longwave.load import Scenario as Load
from longwave.load import Verdict

TINY = Load(subscribers=20, rate=40, duration=0.5, warmup=0.1, publishers=2, patience=5)
NO_PROCESSORS = Processors(None, None)  # the tests' own process is not to be moved


def take(measure, peer, folder):
    with Stand(peer, folder) as stand:
        return measure.take(stand)


def scenario(how, **changes):
    return Scenario(name="tiny", title="Tiny", question="Does it work?", full=how, **changes)


class BrokenPeer(LongwavePeer):
    """A peer whose program ends at once."""

    name = "broken"

    def start(self, folder, *, cpu=None, durable=False):
        raise RuntimeError("expected broken to answer, it said: no")


# The measures, on a real hub.


@pytest.mark.slow
def test_steady_load_gives_the_cost_of_a_delivery_and_its_latencies(tmp_path):
    found = take(Steady(replace(TINY, stalled=0.1), buffers=True), LongwavePeer(), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert found.figures["deliveries"] > 0
    assert 0 < found.figures["cpu"] < 10_000
    assert 0 < found.figures["p50"] <= found.figures["p99"] <= found.figures["max"]
    assert found.figures["stalled"] == 2


@pytest.mark.slow
def test_ladder_ends_at_the_first_rate_that_fails_and_gives_the_highest_that_did_not(tmp_path):
    found = take(Ladder(replace(TINY, duration=0.3), (20.0, 40.0)), LongwavePeer(), tmp_path)

    assert [step["rate"] for step in found.details["steps"]] == pytest.approx([20, 40], rel=0.2)
    assert found.figures["knee"] == found.details["steps"][-1]["rate"]


@pytest.mark.slow
def test_idle_connections_give_their_memory_and_the_cost_of_connecting(tmp_path):
    found = take(Idle(50, 0.2, 0.3), LongwavePeer(), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert found.figures["connect_cpu"] > 0
    assert found.figures["user_total"] == pytest.approx(found.figures["user"] * 50)


@pytest.mark.slow
@pytest.mark.parametrize(("batch", "durable"), [(1, False), (10, True)])
def test_publishing_counts_the_updates_that_were_acknowledged(tmp_path, batch, durable):
    found = take(Publishing(4, 20, batch=batch, durable=durable), LongwavePeer(), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert found.figures["updates"] > 0
    assert found.figures["cpu"] > 0


@pytest.mark.slow
def test_publishing_that_is_refused_has_failed(tmp_path):
    with Stand(LongwavePeer(), tmp_path) as stand:
        stand.start()
        with pytest.raises(PostFailed, match="got 404"):
            post(stand.target, [b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"], 1)


def test_publishing_goes_on_where_the_server_closes_each_connection():
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    taken = []

    def serve(listener):
        while len(taken) < 7:
            client, _ = listener.accept()
            with client:
                taken.append(client.recv(100))
                client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        target = AppTarget(port=listener.getsockname()[1])
        post(target, [b"POST / HTTP/1.1\r\n\r\n"] * 7, 2)
        server.join()

    assert taken == [b"POST / HTTP/1.1\r\n\r\n"] * 7


@pytest.mark.slow
@pytest.mark.parametrize("peer", [LongwavePeer(), BareReplay()], ids=lambda peer: peer.name)
def test_comeback_after_a_kill_gives_everybody_everything(tmp_path, peer):
    found = take(Comeback(300, 100, kill=True), peer, tmp_path)

    assert found.verdict is Verdict.VALID, found.reasons
    assert found.figures["lost"] == 0
    assert found.figures["cpu_total"] > 0


@pytest.mark.slow
def test_replay_beside_live_traffic_gives_both_figures(tmp_path):
    found = take(Comeback(5, 50, live=replace(TINY, duration=0.5)), LongwavePeer(), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert found.figures["lost"] == 0
    assert found.figures["p99"] > 0


@pytest.mark.slow
def test_storm_kills_the_hub_and_everybody_comes_back_without_a_loss(tmp_path):
    load = replace(TINY, rate=10, duration=1.2, patience=15, publishers=1, reconnect=True)
    found = take(Storm(load), LongwavePeer(), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert found.figures["back"] >= 20
    assert found.figures["lost"] == found.figures["twice"] == 0


# The matrix.


def test_peers_take_turns_within_a_scenario():
    a, b = LongwavePeer(), BrokenPeer()
    turns = Plan((scenario(Steady(TINY)),), (a, b), rounds=2).turns()

    assert [(turn.peer.name, turn.round) for turn in turns] == [
        ("longwave", 1),
        ("broken", 1),
        ("longwave", 2),
        ("broken", 2),
    ]


def test_peer_has_no_part_in_what_it_cannot_do():
    needs = scenario(Steady(TINY), needs=frozenset({Ability.RESTART}))

    assert "kill -9" in needs.refusal("nchan", frozenset({Ability.RESUME}))
    assert not needs.refusal("mercure", frozenset(Ability))
    assert scenario(Steady(TINY), only=frozenset({LONGWAVE})).refusal("nchan", frozenset(Ability))


def test_a_floor_is_measured_only_where_the_scenario_names_it():
    assert not scenario(Steady(TINY)).refusal(BARE, frozenset())
    assert scenario(Steady(TINY)).refusal(BARE_REPLAY, frozenset(Ability))
    assert scenario(Steady(TINY), floor="").refusal(BARE, frozenset())


def test_quick_run_leaves_out_what_has_no_quick_size():
    assert not list(Plan((scenario(Steady(TINY)),), (LongwavePeer(),), rounds=1, quick=True).turns())


def test_names_of_scenarios_are_unique_and_their_columns_too():
    names = [one.name for one in SCENARIOS]

    assert len(set(names)) == len(names)
    assert all(len({column.figure for column in one.columns}) == len(one.columns) > 0 for one in SCENARIOS)


def test_peer_that_cannot_be_started_has_failed_in_its_own_cell():
    cell = measure(Turn(scenario(Steady(TINY)), BrokenPeer(), 1), NO_PROCESSORS, quick=False)

    assert cell.finding.verdict is Verdict.FAILED
    assert "it said: no" in cell.finding.reasons[0]


def test_what_the_record_has_is_not_measured_again(tmp_path):
    record = Record(tmp_path)
    record.add(make_cell("tiny", "broken", 1))
    plan = Plan((scenario(Steady(TINY)),), (BrokenPeer(),), rounds=1)

    assert measure_all(plan, record, NO_PROCESSORS, Limits(), lambda *_: pytest.fail("measured again"))


def test_no_cell_begins_after_the_end(tmp_path):
    plan = Plan((scenario(Steady(TINY)),), (BrokenPeer(),), rounds=1)

    fail_late = pytest.fail

    assert not measure_all(plan, Record(tmp_path), NO_PROCESSORS, Limits(time.monotonic()), fail_late)


# The record.


def make_cell(name, peer, number, verdict=Verdict.VALID):
    return Cell(name, peer, number, Finding(verdict, (), {"cpu": 1.5}), "2030-01-01T00:00:00+00:00", 0.5)


def test_record_reads_back_what_it_wrote(tmp_path):
    cells = [make_cell("a", "x", 1), make_cell("a", "y", 1, Verdict.FAILED)]
    record = Record(tmp_path)
    for cell in cells:
        record.add(cell)

    assert Record(tmp_path).cells == cells


def test_line_that_a_crash_has_torn_is_passed_over_and_the_next_one_is_not_lost(tmp_path):
    record = Record(tmp_path)
    record.add(make_cell("a", "x", 1))
    path = tmp_path / "cells.jsonl"
    path.write_bytes(path.read_bytes() + b'{"scenario":"a","pee')
    Record(tmp_path).add(make_cell("a", "y", 1))

    assert [cell.peer for cell in Record(tmp_path).cells] == ["x", "y"]


def test_later_line_takes_the_place_of_an_earlier_one(tmp_path):
    record = Record(tmp_path)
    record.add(make_cell("a", "x", 1))
    record.add(make_cell("a", "x", 1, Verdict.FAILED))

    assert [cell.finding.verdict for cell in Record(tmp_path).cells] == [Verdict.FAILED]


def test_paths_of_this_machine_are_not_written(tmp_path):
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    assert scrub(f"see {root}/benchmarks, {root}") == "see ./benchmarks, ."
    assert str(tmp_path) not in scrub(f"log: {tmp_path}/output-0.txt")


def test_own_memory_is_what_no_file_backs(tmp_path):
    rollup = tmp_path / "smaps_rollup"
    rollup.write_text("Rss: 900 kB\nPss: 500 kB\nPss_Anon: 100 kB\nPss_File: 300 kB\nPss_Shmem: 20 kB\n")

    assert own_memory(rollup) == 120 * 1024
    assert own_memory(tmp_path / "ended") == 0


@pytest.mark.slow
def test_measures_inside_the_hub_compare_few_with_many(tmp_path):
    stand = Stand(LongwavePeer(), tmp_path)

    assert TopicCost(topics=(10, 100), templates=(2, 4)).take(stand).figures["growth"] > 0
    assert 0 < Fairness(100).take(stand).figures["worst"] < 60_000


def test_memory_of_sockets_is_what_waits_and_what_is_kept_for_more():
    listing = "0 0 a b skmem:(r100,rb131072,t7,tb46080,f4000,w2000,o0,bl0,d0)\n" * 2

    assert sum_socket_memory(listing) == 2 * (100 + 4000 + 2000)
    assert sum_socket_memory("") == 0


# The command line.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quick", "--scenario", "single-8k"], "expected scenarios that have a quick size, got single-8k"),
        (["report", "nowhere"], "expected results in nowhere, got none"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(arguments, said, capsys):
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


def test_results_are_not_overwritten_without_being_asked(tmp_path, capsys):
    Record(tmp_path).add(make_cell("single-1k", "longwave", 1))

    assert main(["--results", str(tmp_path), "--peer", "longwave"]) == 2
    assert "--resume" in capsys.readouterr().err
    assert len(Record(tmp_path).cells) == 1


def test_list_names_every_scenario(capsys):
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert all(one.name in listed for one in SCENARIOS)
