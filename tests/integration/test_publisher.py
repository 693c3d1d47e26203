"""Publishers and a real hub in a process of its own: what is acknowledged is stored, and once, whatever gets lost."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import closing

import pytest

from integration.answer_dropper import AnswerDropper
from integration.hub_process import HubProcess
from longwave.client import Observer, Publisher, SyncEventSource, SyncPublisher, attempts
from longwave.client.endpoint import Endpoint
from longwave.client.sync.httpx_transport import SyncHttpxTransport
from longwave.core.update import Update
from longwave.errors import RequestFailed
from longwave.eventstream import Event
from unit.client.publishers import KINDS

pytestmark = pytest.mark.slow  # each starts processes

THREADS = 8
EACH = 25  # updates of a thread, or a task


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def kind(request):
    return request.param


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.001)


@pytest.fixture
def hub(tmp_path):
    with HubProcess(f"sqlite:{tmp_path / 'hub.db'}", "--log-level", "error") as process:
        yield process


def stored(hub, topic="t"):
    """Everything on the log: (id, data) in order."""
    hub.publish(topic, "end")
    events = []
    with open_source(f"{hub.url}events", [topic]) as source:
        for event in source:
            if event.data == "end":
                return events
            events.append((event.id, event.data))
    raise AssertionError("expected a stream that goes on")


def open_source(url, topics, **options):
    return SyncEventSource(url, topics=topics, last_event_id="earliest", **options)


def updates(*texts):
    return [Update(("t",), Event(text)) for text in texts]


def test_published_updates_are_on_the_log_under_the_ids_that_were_returned(kind, hub):
    with kind(hub.url) as publisher:
        ids = [publisher.publish("t", {"n": 1}), *publisher.append(updates("two", "three"))]
    with kind(hub.url, gives_ids=False) as publisher:
        ids.append(publisher.publish("t", "four"))

    assert stored(hub) == list(zip(ids, ['{"n":1}', "two", "three", "four"], strict=True))


@pytest.mark.parametrize("texts", [["one"], ["one", "two", "three"]])
def test_hub_killed_between_storing_and_answering_stores_once(kind, hub, texts):
    def crash_at_first(number):
        if number == 1:
            hub.kill()
            hub.start()
        return number > 1

    with AnswerDropper(hub.port, crash_at_first) as dropper, kind(dropper.url) as publisher:
        ids = publisher.append(updates(*texts))

    assert (dropper.answers, dropper.lost) == (2, 1)
    assert stored(hub) == list(zip(ids, texts, strict=True))


def test_id_of_the_users_survives_a_lost_answer_and_refuses_a_second_use(kind, hub):
    with AnswerDropper(hub.port, lambda number: number > 1) as dropper, kind(dropper.url) as publisher:
        assert publisher.publish("t", "x", id="mine") == "mine"
        with pytest.raises(RequestFailed, match=r"^the hub answered 409: ") as caught:
            publisher.publish("t", "y", id="mine")

    assert caught.value.status == 409
    assert stored(hub) == [("mine", "x")]


def test_publisher_waits_for_a_hub_that_comes_back(kind, hub):
    class Restart(Observer):
        def retry(self, reason, delay):
            hub.start()

    hub.kill()
    with kind(hub.url, observer=Restart()) as publisher:
        event_id = publisher.publish("t", "x")

    assert stored(hub) == [(event_id, "x")]


def test_threads_share_one_publisher_and_each_update_is_stored_once_in_the_order_of_its_thread(hub):
    """Every seventh answer is lost."""
    returned = {}
    begin = threading.Barrier(THREADS)

    def work(publisher, number):
        begin.wait()
        returned[number] = [(publisher.publish("t", f"{number}-{n}"), f"{number}-{n}") for n in range(EACH)]

    with (
        AnswerDropper(hub.port, lambda number: number % 7 > 0) as dropper,
        SyncPublisher(dropper.url, attempts=6) as publisher,
    ):
        threads = [threading.Thread(target=work, args=[publisher, number]) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert dropper.lost >= THREADS * EACH // 7
    check_stored_once(stored(hub), returned)


async def test_tasks_share_one_publisher_and_each_update_is_stored_once_in_the_order_of_its_task(hub):
    async def work(publisher, number):
        return [(await publisher.publish("t", f"{number}-{n}"), f"{number}-{n}") for n in range(EACH)]

    with AnswerDropper(hub.port, lambda number: number % 7 > 0) as dropper:
        async with Publisher(dropper.url, attempts=6) as publisher:
            done = await asyncio.gather(*(work(publisher, number) for number in range(THREADS)))

    assert dropper.lost >= THREADS * EACH // 7
    check_stored_once(await asyncio.to_thread(stored, hub), dict(enumerate(done)))


def check_stored_once(found, returned):
    assert Counter(found) == Counter(pair for pairs in returned.values() for pair in pairs)
    for number, pairs in returned.items():
        assert [pair for pair in found if pair[1].startswith(f"{number}-")] == pairs


def test_batch_is_stored_once_and_together_where_every_second_answer_is_lost(kind, hub):
    texts = [f"line {n}" for n in range(1000)]
    with AnswerDropper(hub.port, lambda number: number % 2 == 0) as dropper, kind(dropper.url) as publisher:
        ids = publisher.append(updates(*texts))

    assert stored(hub) == list(zip(ids, texts, strict=True))


def test_unix_socket_leads_to_a_hub(kind, tmp_path):
    path = tmp_path / "hub.sock"
    with HubProcess("memory:", "--uds", str(path)), kind(f"unix:{path}") as publisher:
        event_id = publisher.publish("t", "x")
        transport = SyncHttpxTransport(uds=str(path))
        endpoint = Endpoint.parse(f"unix:{path}")
        with closing(transport), open_source(endpoint.url, ["t"], transport=transport) as source:
            event = next(source)

    assert (event.id, event.data) == (event_id, "x")
