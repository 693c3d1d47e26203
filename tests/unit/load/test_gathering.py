"""The reports of several processes become one result."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import replace

import pytest

from longwave.load.accounting import Account
from longwave.load.gathering import Gathering
from longwave.load.latency import Latencies
from longwave.load.messages import ChurnReport, Load, PublisherReport, Ready, ReceiverReport, Window
from longwave.load.scenario import Scenario
from longwave.load.sequence import Faults
from longwave.load.verdict import Verdict

SECOND = 1_000_000_000
BEGIN = 100 * SECOND
SCENARIO = Scenario(subscribers=4, rate=2, warmup=1, duration=1, processes=2)  # events 0 and 1 warm up, 2 and 3 count
WINDOW = Window(BEGIN, BEGIN + SECOND, BEGIN + 2 * SECOND)
READY = {2: Ready(8, 1, 2), 1: Ready(2, SECOND, 3 * SECOND), 0: Ready(2, SECOND, 2 * SECOND)}


def histogram(*milliseconds):
    latencies = Latencies()
    for value in milliseconds:
        latencies.record(round(value * 1000))
    return latencies.encode()


def ticks(*seconds):
    return array("q", [int(BEGIN + second * SECOND) >> 14 for second in seconds])


EMPTY = histogram()
RECEIVER = ReceiverReport(
    faults=Faults(),
    missing=Counter(),
    delivered=8,
    window_deliveries=4,
    received=array("I", [2, 2, 2, 2]),
    last=ticks(0, 0.5, 1.010, 1.520),
    latencies=histogram(10, 20),
    subscribe=histogram(1),
    passes=EMPTY,
    outages=EMPTY,
    disconnects=0,
    reconnects=0,
    evicted=0,
    load=Load(cpu=SECOND // 2, waited=0, wall=SECOND),
)
PUBLISHER = PublisherReport(
    sent={(0, 0): 3, (0, 1): 1},
    uncertain=frozenset(),
    acknowledged=4,
    refused=0,
    refusal="",
    unsent=0,
    disconnects=0,
    lag=histogram(0.1),
    acknowledgements=histogram(2),
    load=Load(cpu=SECOND // 10, waited=SECOND // 20, wall=SECOND),
)


def gather(*, one=RECEIVER, other=RECEIVER, publisher=PUBLISHER, churn=(), scenario=SCENARIO, accounts=None):
    return Gathering(scenario, "hub", WINDOW, accounts).result(READY, [one, other], publisher, churn)


def test_good_reports_are_a_valid_result():
    result = gather()

    assert (result.verdict, result.reasons) == (Verdict.VALID, ())
    assert (result.counts.delivered, result.counts.expected, result.counts.incomplete) == (16, 16, 0)


def test_histograms_of_all_processes_are_one():
    result = gather(other=replace(RECEIVER, latencies=histogram(30, 1000)))

    assert result.delivery.count == 4
    assert result.delivery.max == pytest.approx(1000, rel=0.001)
    assert Latencies.merge([result.histograms["delivery"].encode()]).summary() == result.delivery


def test_last_subscriber_is_the_last_of_all_processes():
    result = gather(other=replace(RECEIVER, last=ticks(0, 0.5, 1.002, 1.600)))

    assert result.last_subscriber.count == 2
    assert result.last_subscriber.p50 == pytest.approx(10, abs=0.02)
    assert result.last_subscriber.max == pytest.approx(100, abs=0.1)


def test_event_that_one_subscriber_lacks_has_no_last_subscriber():
    result = gather(other=replace(RECEIVER, received=array("I", [2, 2, 1, 2])))

    assert result.last_subscriber.count == 1
    assert result.counts.incomplete == 1


def test_missing_events_are_gaps_of_every_stream():
    result = gather(one=replace(RECEIVER, missing=Counter({(0, 0, 2): 2, (0, 1, 0): 1})))

    assert result.faults.gaps == 3
    assert (result.verdict, result.reasons) == (Verdict.FAILED, ("3 gaps",))


@pytest.mark.parametrize(
    ("publisher", "reason"),
    [
        (
            {"refused": 2, "refusal": "status 503", "uncertain": frozenset({(0, 0, 0), (0, 0, 1)})},
            "2 refused publishes",
        ),
        ({"unsent": 3}, "3 events that were not sent in time"),
        ({"uncertain": frozenset({(0, 0, 2)})}, "1 publishes without an answer"),
        ({"disconnects": 1}, "1 disconnected publishers"),
    ],
)
def test_server_that_does_not_take_events_has_failed(publisher, reason):
    result = gather(publisher=replace(PUBLISHER, **publisher))

    assert result.verdict is Verdict.FAILED
    assert reason in result.reasons


def test_disconnect_fails_the_run():
    assert gather(one=replace(RECEIVER, disconnects=1)).reasons == ("1 disconnected subscribers",)


def test_where_the_server_may_go_away_only_those_that_stay_away_fail():
    scenario = replace(SCENARIO, reconnect=True)
    gone = replace(RECEIVER, disconnects=2, reconnects=2, outages=histogram(300))
    publisher = replace(PUBLISHER, disconnects=8, uncertain=frozenset({(0, 0, 2)}))

    back = gather(one=gone, publisher=publisher, scenario=scenario)
    away = gather(one=replace(gone, reconnects=1), publisher=publisher, scenario=scenario)

    assert back.verdict is Verdict.VALID
    assert back.outage.count == 1
    assert away.reasons == ("1 disconnected subscribers",)


def test_connects_are_counted_from_the_first_to_the_last_of_all_receivers():
    assert gather().rates.connects == pytest.approx(4 / 2)


def test_rates_of_the_generator():
    rates = gather().rates

    assert rates.intended == 2
    assert rates.deliveries == 8
    assert rates.deliveries_per_core == pytest.approx(8)


def test_generators_are_named():
    churn = ChurnReport(5, 0, histogram(4), Load(0, 0, SECOND))

    result = gather(churn=[churn])

    assert [(one.name, one.share) for one in result.generators] == [
        ("receiver 1", 0.5),
        ("receiver 2", 0.5),
        ("publisher", 0.1),
        ("churn", 0.0),
    ]
    assert result.counts.churned == 5


def test_processor_time_of_the_server_is_shared_among_deliveries():
    server = gather(accounts=(Account(cpu=SECOND), Account(cpu=SECOND + 40_000, rss=7))).server

    assert server.cpu_per_delivery == pytest.approx(5.0)  # 40 us for 8 deliveries
    assert server.at_end.rss == 7
