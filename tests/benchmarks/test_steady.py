"""A server that cannot carry a rate gets figures of all that it did; one that carries it, those of the window."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Plain

import benchmarks.comparison
import pytest
from benchmarks.comparison.http_target import AppTarget
from benchmarks.comparison.launched_peer import Launch, LaunchedPeer
from benchmarks.comparison.measures.span import Span
from benchmarks.comparison.measures.steady import Steady, find_carried, read
from benchmarks.comparison.record import Cell, Finding
from benchmarks.comparison.server_processes import Command
from benchmarks.comparison.stand import Stand
from benchmarks.comparison.summary import make_row

from longwave.load import Scenario as Load
from longwave.load import State, Verdict
from longwave.load.accounting import Account
from longwave.load.sequence import Faults

TINY = Load(subscribers=20, rate=40, duration=1, warmup=0.2, publishers=1, patience=5)
WHOLE = {"deliveries": 18_000.0, "cpu": 55.0, "per_core": 18_181.8, "server": 1.0, "waiting": 0.0}
SLOW_SERVER = """
import sys, time
from benchmarks.comparison.bare.server import BareServer

class SlowServer(BareServer):
    def _publish(self, topic, data):
        time.sleep(float(sys.argv[2]))
        super()._publish(topic, data)

SlowServer(int(sys.argv[1])).serve()
"""


class SlowPeer(LaunchedPeer):
    """The bare loop, but each publish takes so many seconds."""

    name = "slow"
    abilities = frozenset()

    def __init__(self, seconds):
        super().__init__()
        self._seconds = seconds

    def missing(self):
        return None

    def versions(self):
        return {}

    def tuning(self):
        return "it waits"

    def launch(self, folder, ports, *, durable):
        root = str(Path(*benchmarks.comparison.__path__).parents[1])
        program = (sys.executable, "-c", SLOW_SERVER, str(ports[0]), str(self._seconds))
        return Launch((Command(program, {"PYTHONPATH": root}),), AppTarget(port=ports[0]))


def take(measure, peer, folder):
    with Stand(peer, folder) as stand:
        return measure.take(stand)


def make_result(*, deliveries, verdict=Verdict.VALID, reasons=(), faults=None, lag=0.1, **counts):
    """A run of 50 events a second to 1,000 subscribers, 300 in all."""
    summary = Plain(p50=1.0, p99=2.0, p999=3.0, max=4.0)
    none = dict.fromkeys(("refused", "unsent", "uncertain", "disconnects", "publisher_disconnects"), 0)
    rest = {"published": 300, "expected": 300_000, "churned": 0, "churn_failures": 0}
    return Plain(
        verdict=verdict,
        reasons=reasons,
        faults=faults or Faults(),
        counts=Plain(**(none | rest | counts)),
        rates=Plain(intended=50.0, deliveries=deliveries, connects=1000.0),
        delivery=summary,
        last_subscriber=summary,
        acknowledgement=summary,
        publisher_lag=Plain(p99=lag),
        generators=(Plain(name="receiver 1", share=0.2),),
        server=None,
        to_json=dict,
    )


def test_server_that_keeps_up_has_the_figures_of_the_window():
    found = read(make_result(deliveries=49_900.0), WHOLE)

    assert found.verdict is Verdict.VALID
    assert found.figures["deliveries"] == 49_900
    assert "carried" not in found.figures


def test_server_that_fell_behind_has_the_figures_of_the_whole_run_and_says_so():
    found = read(make_result(deliveries=0.0), WHOLE)

    assert found.verdict is Verdict.VALID
    assert {name: found.figures[name] for name in WHOLE} == WHOLE
    assert found.figures["carried"] == 0
    assert found.reasons == ("fell behind: 0% of the deliveries that were due in the measured window came in it",)


def test_events_that_a_late_server_had_no_time_to_take_are_no_failure():
    counts = {"published": 273, "unsent": 26, "uncertain": 1, "expected": 274_000}
    late = make_result(deliveries=16_800.0, verdict=Verdict.FAILED, reasons=("26 events that were not sent",), **counts)

    found = read(late, WHOLE)
    assert found.verdict is Verdict.VALID
    assert found.figures["carried"] == pytest.approx(0.336)
    assert found.figures["cpu"] == 55


@pytest.mark.parametrize(
    "wrong",
    [
        {"faults": Faults(gaps=1)},
        {"faults": Faults(duplicates=1)},
        {"refused": 1},
        {"disconnects": 1},
        {"publisher_disconnects": 1},
        {"churn_failures": 1},
    ],
)
def test_late_server_that_did_anything_wrong_besides_has_failed(wrong):
    found = read(make_result(deliveries=100.0, verdict=Verdict.FAILED, reasons=("1 wrong",), **wrong), WHOLE)

    assert found.verdict is Verdict.FAILED
    assert found.reasons == ("1 wrong",)
    assert "carried" not in found.figures


def test_late_server_is_still_marked_where_the_generator_was_late_too():
    found = read(make_result(deliveries=100.0, verdict=Verdict.GENERATOR_BOUND, lag=9.0), WHOLE)

    assert found.verdict is Verdict.GENERATOR_BOUND
    assert "the publisher was 9.0 ms late" in found.reasons[0]


def test_share_carried_is_of_the_schedule_and_not_of_what_was_sent():
    assert find_carried(make_result(deliveries=25_000.0)) == 0.5
    assert find_carried(make_result(deliveries=25_000.0, published=100, expected=100_000, unsent=200)) == 0.5


def test_server_that_took_nothing_carried_nothing():
    assert find_carried(make_result(deliveries=0.0, published=0, expected=0, unsent=300)) == 0


def test_run_that_nobody_reads_is_carried():
    assert find_carried(make_result(deliveries=0.0, expected=0)) == 1


def test_span_begins_at_the_last_look_before_anything_was_published():
    moments = iter([10.0, 11.0, 21.0])
    accounts = iter([Account(cpu=5_000_000_000), Account(cpu=6_000_000_000), Account(cpu=8_000_000_000, waited=10**9)])
    span = Span(lambda: next(accounts), lambda: next(moments))

    for state in (
        State("subscribing", 3, 0, 0),
        State("warming up", 9, 0, 0),
        State("warming up", 9, 0, 0),
        State("measuring", 9, 4, 0),
        State("settling", 9, 5, 9),
    ):
        span(state)

    found = span.end(1000)
    assert found == {"deliveries": 100, "server": 0.2, "waiting": 0.1, "cpu": 2000, "per_core": 500}


def test_span_without_a_delivery_has_no_cost_of_one():
    moments = iter([0.0, 2.0])
    span = Span(Account, lambda: next(moments))
    span(State("warming up", 9, 0, 0))

    assert span.end(0) == {"deliveries": 0, "server": 0, "waiting": 0}


def test_row_is_marked_if_any_round_fell_behind():
    rounds = [
        Cell("single-1k", "slow", number, read(make_result(deliveries=rate), WHOLE))
        for number, rate in enumerate((49_900.0, 20_000.0), 1)
    ]

    assert make_row("slow", rounds).behind
    assert not make_row("slow", rounds[:1]).behind


def test_processes_of_one_server_that_wait_for_each_other_are_not_disturbed_by_others():
    def is_disturbed(waiting, server):
        figures = {"waiting": waiting, "server": server}
        return make_row("a", [Cell("single-1k", "a", 1, Finding(Verdict.VALID, (), figures))]).disturbed

    assert not is_disturbed(waiting=2.5, server=0.98)
    assert is_disturbed(waiting=2.5, server=0.5)


@pytest.mark.slow
def test_slow_server_is_measured_until_it_has_delivered_everything(tmp_path):
    """Each publish takes 50 ms, and more where the machine is busy: 20 of 40 events a second are carried at most."""
    found = take(Steady(TINY), SlowPeer(0.05), tmp_path)

    assert found.verdict is not Verdict.FAILED, found.reasons
    assert 0.1 < found.figures["carried"] < 0.7
    assert 80 < found.figures["deliveries"] < 400
    assert found.figures["cpu"] > 0


@pytest.mark.slow
def test_slow_server_that_is_given_up_has_not_failed(tmp_path):
    found = take(Steady(replace(TINY, patience=0.5)), SlowPeer(0.2), tmp_path)

    assert found.details["counts"]["unsent"] > 0
    assert found.verdict is not Verdict.FAILED, found.reasons
    assert 20 < found.figures["deliveries"] < 100
