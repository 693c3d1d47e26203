"""Metrics, health and logs of a hub as an operator sees them."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from controlled_log import ControlledLog
from integration.conftest import until
from integration.hub_process import ENVIRONMENT, HubProcess, eventually
from integration.process_table import children
from longwave.server.config import Limits, Listen
from longwave.server.limits.rate_limits import Rate


def parse(text):
    """The samples of a text: (name, labels) -> value."""
    families = list(text_string_to_metric_families(text))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


class Samples(dict):
    """Samples by name and labels."""

    def of(self, name, **labels):
        return self[name, frozenset(labels.items())]


async def scrape(server):
    answer = await (await server.connect()).get("/metrics")
    assert answer.status == 200
    return Samples(parse(answer.text))


async def test_clients_that_a_limit_knows_and_what_it_refused_are_told(start):
    server = await start(limits=Limits(publish_rate=Rate(1 / 3600, 1)))
    publisher = await server.connect()
    assert [(await publisher.post("topic=t")).status for _ in range(3)] == [200, 429, 429]
    samples = await scrape(server)

    assert samples.of("longwave_limit_keys", limit="publish_rate_address") == 1
    assert samples.of("longwave_limit_keys", limit="publish_rate_subject") == 0
    assert samples.of("longwave_refusals_total", reason="publish_rate_address") == 2
    assert samples.of("longwave_refusals_total", reason="publish_rate_subject") == 0


async def test_what_happened_on_the_wire_is_told_exactly(start):
    server = await start()
    streams = [await server.subscribe() for _ in range(3)]
    publisher = await server.connect()
    for number in range(2):
        assert (await publisher.post(f"topic=t&data={number}")).status == 200
        assert [await stream.data() for stream in streams] == [str(number)] * 3
    resumed = await server.subscribe("/events?topic=t", "Last-Event-ID: earliest")
    assert [await resumed.data(), await resumed.data()] == ["0", "1"]
    assert (await publisher.post("data=x")).status == 400
    await publisher.get("/nowhere")
    samples = await scrape(server)

    assert samples.of("longwave_subscribers", state="live") == 4
    assert samples.of("longwave_connections") == 6
    assert samples.of("longwave_publishes_total") == 2
    assert samples.of("longwave_deliveries_total", source="live") == 6
    assert samples.of("longwave_deliveries_total", source="replay") == 2
    assert samples.of("longwave_replays_total", outcome="earliest") == 1
    assert samples.of("longwave_append_seconds_count") == 2
    assert samples.of("longwave_first_write_seconds_count") == 2
    assert samples.of("longwave_requests_total", method="GET", path="events", status="200") == 4
    assert samples.of("longwave_requests_total", method="POST", path="events", status="200") == 2
    assert samples.of("longwave_requests_total", method="POST", path="events", status="400") == 1
    assert samples.of("longwave_requests_total", method="GET", path="other", status="404") == 1


async def test_bytes_are_those_that_a_client_received(start, sink):
    server = await start(sink=sink)
    stream = await server.connect()
    await stream.request("GET", "/events?topic=t")
    before = await stream.until(b":\n\r\n")
    await server.publish("x" * 100)
    after = await stream.until(b"\n\n\r\n")
    samples = await scrape(server)

    head = 0 if sink.value == "transport" else len(before)  # there the head goes to the transport directly
    assert samples.of("longwave_sent_bytes_total") == head + len(after)


async def test_who_leaves_is_counted_as_gone(start, sink):
    server = await start(sink=sink)
    stream = await server.subscribe()
    stream.close()
    await until(lambda: not server.hub.subscribers)

    assert (await scrape(server)).of("longwave_drops_total", reason="gone") == 1


async def test_what_is_no_request_is_counted(start):
    server = await start()
    client = await server.connect()
    await client.send(b"nonsense\r\n\r\n")
    await client.rest()

    assert (await scrape(server)).of("longwave_requests_total", method="unread", path="unread", status="400") == 1


async def test_who_comes_through_a_proxy_is_refused(start):
    server = await start()
    answer = await (await server.connect()).get("/metrics", "X-Forwarded-For: 192.0.2.1")

    assert answer.status == 403
    assert answer.text.startswith("expected a client that asks directly")


async def test_a_unix_socket_is_on_this_machine(start, tmp_path):
    server = await start(listen=Listen(uds=str(tmp_path / "hub.sock")))

    assert (await scrape(server)).of("longwave_publishes_total") == 0


async def test_head_has_no_body(start):
    client = await (await start()).connect()
    await client.request("HEAD", "/metrics")
    head = await client.head()

    assert (head.status, head.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


# Readiness.


async def test_a_hub_is_ready_while_it_follows_its_log(start):
    log = ControlledLog()
    server = await start(log)
    client = await server.connect()
    assert (await client.get("/readyz")).text == "ready\n"
    log.failures = 1
    await server.publish("x")
    await until(lambda: not server.hub.is_following)
    answer = await client.get("/readyz")
    assert (answer.status, answer.text) == (
        503,
        "expected a hub that follows its log, got one that cannot read it now\n",
    )
    await until(lambda: server.hub.is_following)
    assert (await client.get("/readyz")).status == 200


async def test_a_hub_that_stops_is_not_ready(start):
    server = await start()
    client = await server.connect()
    await until(lambda: server.site.limits.open)
    server.site.stopping = True

    assert (await client.get("/readyz")).status == 503


# Processes.


def get(hub, path):
    try:
        with urllib.request.urlopen(f"{hub.url}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.slow
def test_metrics_that_are_off_are_not_there():
    with HubProcess("memory:", "--metrics", "off") as hub:
        assert get(hub, "metrics")[0] == 404
        assert get(hub, "readyz") == (200, "ready\n")


@pytest.fixture
def workers(tmp_path):
    with HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", "2", "--log-format", "json") as hub:
        yield hub


def samples_of(hub):
    return Samples(parse(get(hub, "metrics")[1]))


def publishes(hub):
    samples = samples_of(hub)
    return sum(samples.of("longwave_publishes_total", worker=str(number)) for number in range(2))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux spreads a port over processes")
def test_any_worker_tells_the_metrics_of_all(workers):
    for number in range(20):  # each on a connection of its own, so that both workers get some
        workers.publish("t", str(number))

    assert eventually(lambda: publishes(workers) == 20)
    for _ in range(10):
        samples = samples_of(workers)
        assert {samples.of("longwave_worker_up", worker=str(number)) for number in range(2)} == {1}
        assert sum(samples.of("longwave_publishes_total", worker=str(number)) for number in range(2)) == 20


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux spreads a port over processes")
def test_a_worker_that_is_replaced_answers_again(workers):
    victim = min(children(workers.pid))
    os.kill(victim, signal.SIGKILL)
    assert eventually(lambda: len(set(children(workers.pid)) - {victim}) == 2)

    def all_up():
        samples = samples_of(workers)
        return {samples.of("longwave_worker_up", worker=str(number)) for number in range(2)} == {1}

    assert eventually(all_up)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux spreads a port over processes")
def test_each_message_in_json_is_one_object_with_its_worker(workers):
    os.kill(min(children(workers.pid)), signal.SIGKILL)
    assert eventually(lambda: "ended with SIGKILL" in workers.messages)
    workers.stop()
    found = [json.loads(line) for line in workers.messages.splitlines()]

    assert all({"time", "level", "logger", "message"} <= each.keys() for each in found)
    stopping = {each["worker"] for each in found if each["message"].startswith("stopping: ")}
    assert stopping <= {0, 1}
    assert stopping
    assert [each["level"] for each in found if "ended with SIGKILL" in each["message"]] == ["warning"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="only Linux spreads a port over processes")
def test_no_folder_is_left_when_the_supervisor_is_killed(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(folder))
    with HubProcess(f"sqlite:{tmp_path}/log.db", "--workers", "2") as hub:
        (exchange,) = folder.iterdir()
        assert sorted(os.listdir(exchange)) == ["0.sock", "1.sock"]
        hub.kill()
        assert eventually(lambda: not exchange.exists())
