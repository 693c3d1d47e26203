"""What Prometheus reads is what was counted."""

from __future__ import annotations

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from longwave.core.audience import audience_of
from longwave.core.census import take_census
from longwave.core.counters import Counters
from longwave.core.drop import Drop
from longwave.core.frame import Format
from longwave.core.gap import Reason
from longwave.core.refusal import Refusal
from longwave.core.replay_outcome import ReplayOutcome
from longwave.core.subscriber import State
from longwave.hub import Hub
from longwave.server.metrics.metric_families import FAMILIES, Reading
from longwave.server.metrics.metrics import Metrics, metric_of
from longwave.server.metrics.request_counts import RequestCounts
from longwave.server.metrics.sample_exchange import SampleExchange
from scripted_sink import ScriptedSink
from virtual_time import until

BY_NAME = {family.name: family for family in FAMILIES}


def parse(text):
    """The samples of a text: (name, labels) -> value."""
    families = list(text_string_to_metric_families(text.decode()))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def value(samples, name, **labels):
    return samples[name, frozenset(labels.items())]


@pytest.fixture
async def hub():
    async with Hub("memory:") as hub:
        yield hub


@pytest.fixture
def requests():
    return RequestCounts()


@pytest.fixture
def metrics(hub, requests):
    return Metrics(hub, requests, lambda: 7, limit_keys=lambda: {"publish_rate_subject": 5})


def reading_of(counters):
    return Reading(
        counters=counters, census=take_census([], 0), following=True, requests={}, connections=0, limit_keys={}
    )


async def test_each_metric_is_there_from_the_beginning(metrics):
    families = {family.name: family for family in text_string_to_metric_families((await metrics.text()).decode())}

    for family in FAMILIES:
        found = families[family.name.removesuffix("_total")]
        assert (found.type, found.documentation) == (family.kind.value, family.help)


async def test_each_known_reason_is_there_at_zero(metrics):
    samples = parse(await metrics.text())

    for reason in Drop:
        assert value(samples, "longwave_drops_total", reason=reason.value) == 0
    for reason in Reason:
        assert value(samples, "longwave_gaps_total", reason=reason.value) == 0
    for outcome in ReplayOutcome:
        assert value(samples, "longwave_replays_total", outcome=outcome.value) == 0
    for refusal in Refusal:
        assert value(samples, "longwave_refusals_total", reason=refusal.value) == 0
    for state in set(State) - {State.CLOSED}:
        assert value(samples, "longwave_subscribers", state=state.value) == 0


async def test_what_a_hub_did_is_told_exactly(hub, metrics, requests):
    audience = audience_of(["a"])
    sinks = [ScriptedSink(), ScriptedSink(), ScriptedSink(room=0)]
    for sink in sinks:
        feed = hub.attach(audience, Format.BARE, sink, sink.release).feed
    for number in range(3):
        await hub.publish("a", f"number {number}")
        await until(lambda: not feed.running)
    hub.counters.refused("expired")
    requests.answered("GET", "/events", 200)
    samples = parse(await metrics.text())

    assert value(samples, "longwave_subscribers", state="live") == 2
    assert value(samples, "longwave_subscribers", state="lagging") == 1
    assert value(samples, "longwave_slowest_held_bytes") == len(sinks[0].wire)
    assert value(samples, "longwave_publishes_total") == 3
    assert value(samples, "longwave_deliveries_total", source="live") == 9
    assert value(samples, "longwave_sent_bytes_total") == 2 * len(sinks[0].wire)
    assert value(samples, "longwave_subscriptions_total") == 3
    assert value(samples, "longwave_log_position") == 3
    assert value(samples, "longwave_log_following") == 1
    assert value(samples, "longwave_connections") == 7
    assert value(samples, "longwave_refusals_total", reason="expired") == 1
    assert value(samples, "longwave_limit_keys", limit="publish_rate_subject") == 5
    assert value(samples, "longwave_requests_total", method="GET", path="events", status="200") == 1
    assert value(samples, "longwave_append_seconds_count") == 3
    assert value(samples, "longwave_first_write_seconds_count") == 3


def test_a_histogram_tells_cumulative_buckets_their_bounds_and_the_sum():
    counters = Counters()
    for seconds in (0.0001, 0.003, 20.0):
        counters.append.observe(seconds)
    metric = metric_of(BY_NAME["longwave_append_seconds"], reading_of(counters))
    buckets = {s.labels["le"]: s.value for s in metric.samples if s.name.endswith("_bucket")}

    assert (buckets["0.0001"], buckets["0.0025"], buckets["0.005"], buckets["10.0"], buckets["+Inf"]) == (1, 1, 2, 2, 3)
    assert next(s.value for s in metric.samples if s.name.endswith("_sum")) == pytest.approx(20.0031)


async def test_the_process_is_told_too(metrics):
    samples = parse(await metrics.text())

    assert value(samples, "process_resident_memory_bytes") > 2**20
    assert value(samples, "python_gc_collections_total", generation="0") > 0
    assert any(name == "python_info" for name, _ in samples)


async def test_two_hubs_of_one_process_keep_their_metrics_apart(hub, metrics):
    async with Hub("memory:") as other:
        await other.publish("a", "x")
        there = Metrics(other, RequestCounts(), lambda: 0)

        assert value(parse(await metrics.text()), "longwave_publishes_total") == 0
        assert value(parse(await there.text()), "longwave_publishes_total") == 1


async def test_nothing_is_registered_for_the_whole_process(metrics):
    assert not [m for m in prometheus_client.REGISTRY.collect() if m.name.startswith("longwave")]


async def test_reading_changes_nothing(hub, metrics):
    await hub.publish("a", "x")

    assert await ours(metrics) == await ours(metrics)


async def ours(metrics):
    return {key: number for key, number in parse(await metrics.text()).items() if key[0].startswith("longwave")}


# Several workers.


@pytest.fixture
async def workers(tmp_path):
    """Three workers in one process, each with a hub of its own; the last one does not run."""
    hubs = [Hub("memory:") for _ in range(2)]
    several = [
        Metrics(hub, RequestCounts(), lambda: 0, SampleExchange(str(tmp_path / "exchange"), number, 3))
        for number, hub in enumerate(hubs)
    ]
    for hub, metrics in zip(hubs, several, strict=True):
        await hub.open()
        await metrics.open()
    yield hubs, several
    for hub, metrics in zip(hubs, several, strict=True):
        await metrics.close()
        await hub.close()


async def test_each_worker_answers_for_all(workers):
    hubs, several = workers
    await hubs[0].publish("a", "x")
    await hubs[1].append([])
    for _ in range(2):
        await hubs[1].publish("a", "x")

    for metrics in several:
        samples = parse(await metrics.text())
        assert value(samples, "longwave_publishes_total", worker="0") == 1
        assert value(samples, "longwave_publishes_total", worker="1") == 2
        assert value(samples, "longwave_append_seconds_bucket", worker="1", le="+Inf") == 2
        assert value(samples, "process_resident_memory_bytes", worker="0") > 2**20


async def test_every_sample_names_its_worker_and_comes_once(workers):
    text = (await workers[1][0].text()).decode()
    families = list(text_string_to_metric_families(text))
    samples = [(s.name, *sorted(s.labels.items())) for family in families for s in family.samples]

    assert len(samples) == len(set(samples))
    assert all("worker" in s.labels for family in families for s in family.samples)
    assert len({family.name for family in families}) == len(families)


async def test_a_worker_that_does_not_answer_is_told(workers):
    samples = parse(await workers[1][1].text())

    up = {number: value(samples, "longwave_worker_up", worker=str(number)) for number in range(3)}
    assert up == {0: 1, 1: 1, 2: 0}
