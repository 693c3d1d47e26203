"""What the demonstration measures and publishes."""

from __future__ import annotations

import json

import psutil
import pytest

from longwave.cli.demo import Machine, Traffic, make_updates, publish_ticks, ticks
from longwave.client import SyncPublisher
from longwave.errors import RequestFailed
from longwave.testing import ScriptedServer
from unit.client.hub_answers import answer, ids

IDS = ids("1")


class Still:
    """A source that always measures the same."""

    def measure(self):
        return {"cpu": {"total": 1}}


def test_machine_measures_what_the_system_says():
    found = Machine().measure()

    assert len(found["cpu"]["cores"]) == psutil.cpu_count()
    assert all(0 <= share <= 100 for share in [found["cpu"]["total"], *found["cpu"]["cores"]])
    assert len(found["cpu"]["load"]) == 3
    assert found["memory"]["total"] == psutil.virtual_memory().total
    assert found["memory"]["used"] + found["memory"]["available"] == found["memory"]["total"]
    assert set(found["network"]) == {"in", "out"}
    assert min(found["network"].values()) >= 0


def test_traffic_is_bytes_a_second():
    assert Traffic(12.0, 3000, 500).rates_since(Traffic(10.0, 1000, 400)) == {"in": 1000.0, "out": 50.0}


def test_counter_that_started_anew_is_no_negative_traffic():
    assert Traffic(12.0, 0, 0).rates_since(Traffic(10.0, 1000, 400)) == {"in": 0.0, "out": 0.0}


def test_each_measurement_has_its_topic_and_type():
    (update,) = make_updates("here", {"cpu": {"total": 1}})

    assert (update.topics, update.event.type) == (("here/cpu",), "cpu")
    assert json.loads(update.event.data) == {"total": 1}


def test_ticks_are_counted():
    assert list(ticks(0.001, 3)) == [1, 2, 3]


def test_hub_that_was_reached_may_go_and_come_back(capsys):
    script = [IDS, answer(503, "drained"), IDS]
    with ScriptedServer(script) as server, SyncPublisher(server.origin, attempts=1) as publisher:
        publish_ticks(publisher, Still(), "m", iter(range(3)))

    assert len(server.requests) == 3
    assert capsys.readouterr().err == "longwave: the hub answered 503: drained; trying again\n"


@pytest.mark.parametrize("script", [[answer(503, "no")], [IDS, answer(400, "no")]])
def test_hub_that_was_never_reached_or_refuses_is_an_error(script):
    with (
        ScriptedServer(script) as server,
        SyncPublisher(server.origin, attempts=1) as publisher,
        pytest.raises(RequestFailed, match=r"no$"),
    ):
        publish_ticks(publisher, Still(), "m", iter(range(3)))
