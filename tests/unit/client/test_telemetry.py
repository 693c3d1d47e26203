"""What an event source records: which spans, with what, which figures, and no secret in any of it."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from contextlib import suppress

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from longwave.client.event_source import EventSource
from longwave.client.observer import Observer
from longwave.client.received_event import ReceivedEvent
from longwave.client.reconnection import JITTER
from longwave.client.response import Response
from longwave.client.sync.event_source import SyncEventSource
from longwave.client.telemetry import (
    ERRORS,
    EVENTS,
    FAILED,
    GIVEN_UP,
    KIND,
    LOST,
    REASON,
    RECONNECTIONS,
    SPAN,
    WAITS,
    OpenTelemetryObserver,
)
from longwave.errors import EventTooLarge, InvalidValue, RequestFailed
from unit.client.scripted_transport import (
    EVENT_STREAM,
    HANG,
    Stream,
    SyncStream,
    SyncTransport,
    Transport,
    event,
)
from virtual_time import in_virtual_time

HUB = {"server.address": "hub.test", "server.port": 80}
REFUSED = ConnectionRefusedError("nobody listens")


class Collector:
    """Makes observers, and gives what they recorded."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self._tracers = TracerProvider(shutdown_on_exit=False)
        self._tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def observer(self):
        return OpenTelemetryObserver(self._tracers, self._meters)

    @property
    def spans(self):
        """Those that ended, in that order."""
        return self._exporter.get_finished_spans()

    def points(self, name):
        """Of one instrument: its attributes and figures."""
        return [point for metric in self._metrics() if metric.name == name for point in metric.data.data_points]

    def sums(self, name, attribute=None):
        return {point.attributes.get(attribute): point.value for point in self.points(name)}

    def unit(self, name):
        return next(metric.unit for metric in self._metrics() if metric.name == name)

    def text(self):
        """Everything that was recorded, as exporters write it."""
        return "".join(span.to_json() for span in self.spans) + "".join(each.to_json() for each in self._metrics())

    def _metrics(self):
        data = self._reader.get_metrics_data()
        scopes = [] if data is None else [scope for one in data.resource_metrics for scope in one.scope_metrics]
        return [metric for scope in scopes for metric in scope.metrics]


@pytest.fixture
def collector():
    return Collector()


async def take_all(source):
    return [event.data async for event in source]


def source_over(collector, *script, **options):
    transport = Transport(*script)
    return EventSource("http://hub.test/events", transport=transport, observer=collector.observer(), **options)


# Spans.


@in_virtual_time
async def test_each_connection_is_a_span_from_its_head_to_its_end(collector):
    await take_all(source_over(collector, Stream(event(1), ConnectionResetError("reset")), Stream(event(2))))

    assert [span.attributes[REASON] for span in collector.spans] == [
        "http://hub.test/events: reset",
        "http://hub.test/events: the stream ended",
    ]
    for span in collector.spans:
        assert (span.name, span.kind) == (SPAN, SpanKind.CLIENT)
        assert span.status.status_code is StatusCode.UNSET
        assert span.end_time > span.start_time


def test_span_has_the_standards_names_for_what_answered(collector):
    observer = collector.observer()
    observer.opened(Response(200, EVENT_STREAM, "https://[2001:db8::1]:8443/a/b?topic=t", "HTTP/1.1"))
    observer.closed("by its user")

    (span,) = collector.spans
    assert span.attributes == {
        "server.address": "2001:db8::1",
        "server.port": 8443,
        "url.full": "https://[2001:db8::1]:8443/a/b",
        "http.response.status_code": 200,
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        REASON: "by its user",
    }


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("http://hub.test/", {"server.address": "hub.test", "server.port": 80}),
        ("https://hub.test/", {"server.address": "hub.test", "server.port": 443}),
        ("", {}),
        ("http://hub.test:none/", {}),
    ],
)
def test_server_is_named_if_the_response_names_one(collector, url, server):
    observer = collector.observer()
    observer.opened(Response(200, url=url))
    observer.closed("by its user")

    (span,) = collector.spans
    named = {name: value for name, value in span.attributes.items() if name.startswith("server.")}
    assert named == server
    assert ("url.full" in span.attributes) == bool(server)


@in_virtual_time
async def test_source_that_is_closed_ends_its_span(collector):
    source = source_over(collector, Stream(event(1), HANG))
    await anext(source)
    assert collector.spans == ()
    await source.close()

    assert [span.attributes[REASON] for span in collector.spans] == ["by its user"]


@in_virtual_time
async def test_failure_for_good_is_the_status_of_the_span(collector):
    with pytest.raises(EventTooLarge):
        await take_all(source_over(collector, Stream(event(1, "x" * 100)), max_event=10))

    (span,) = collector.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == span.attributes[REASON]
    assert span.attributes["error.type"] == "EventTooLarge"


@in_virtual_time
async def test_wait_that_was_given_up_ends_its_span_at_the_next_connection(collector):
    source = source_over(collector, Stream(event(1), HANG), Stream(event(2)))
    await anext(source)
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await anext(source)
    await take_all(source)

    assert collector.spans[0].attributes[REASON] == GIVEN_UP
    assert len(collector.spans) == 2


@in_virtual_time
async def test_attempt_that_came_to_nothing_is_no_span(collector):
    with pytest.raises(RequestFailed):
        await take_all(source_over(collector, REFUSED, Stream(status=403)))

    assert collector.spans == ()


# Figures.


@in_virtual_time
async def test_events_are_counted_gaps_too(collector):
    gap = b'event: gap\ndata: {"reason": "slow", "from": "1", "to": "5"}\n\n'
    told = []
    await take_all(source_over(collector, Stream(event(1), gap, b":\n\n"), Stream(event(6)), on_gap=told.append))

    (point,) = collector.points(EVENTS)
    assert (point.value, dict(point.attributes)) == (3, HUB)
    assert len(told) == 1
    assert collector.unit(EVENTS) == "{event}"


@in_virtual_time
async def test_reconnections_are_counted_by_what_was_lost(collector):
    await take_all(source_over(collector, REFUSED, Stream(event(1)), Stream(status=503), Stream(event(2))))

    by_kind = {(point.attributes[KIND], "server.address" in point.attributes): point.value
               for point in collector.points(RECONNECTIONS)}  # fmt: skip
    assert by_kind == {(FAILED, False): 1, (FAILED, True): 1, (LOST, True): 2}


@in_virtual_time
async def test_waits_are_a_histogram_in_seconds(collector):
    await take_all(source_over(collector, Stream(event(1))))

    (point,) = collector.points(WAITS)
    assert point.count == 1
    assert point.sum == pytest.approx(3.0, rel=JITTER)  # of a stream that was healthy
    below = [bound for bound in point.explicit_bounds if bound < point.sum]
    assert below[-1] == 2.5
    assert point.bucket_counts[len(below)] == 1
    assert collector.unit(WAITS) == "s"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RequestFailed("no", 403), "403"),
        (RequestFailed("gave up"), "RequestFailed"),
        (InvalidValue("token", "expected one"), "InvalidValue"),
    ],
)
def test_errors_are_counted_by_status_else_by_class(collector, error, kind):
    collector.observer().error(error)

    assert collector.sums(ERRORS, "error.type") == {kind: 1}


def test_observers_of_several_sources_add_up_and_have_their_own_spans(collector):
    observers = [collector.observer() for _ in range(2)]
    for observer in observers:
        observer.opened(Response(200, url="http://hub.test/"))
        observer.event(ReceivedEvent("x"))
    observers[0].closed("by its user")

    assert collector.sums(EVENTS) == {None: 2}
    assert len(collector.spans) == 1


# What holds for all of it.


def test_threads_are_recorded_as_tasks_are(collector):
    transport = SyncTransport(SyncStream(event(1), event(2), status=200, url="http://hub.test/events"))
    with SyncEventSource("http://hub.test/events", transport=transport, observer=collector.observer()) as source:
        next(source)

    assert collector.sums(EVENTS) == {None: 1}
    assert [span.attributes["url.full"] for span in collector.spans] == ["http://hub.test/events"]


@in_virtual_time
async def test_no_secret_is_recorded(collector):
    secret = "s3cret"
    url = f"http://user:{secret}@hub.test/events?authorization={secret}#{secret}"
    head = {**EVENT_STREAM, "set-cookie": secret}
    transport = Transport(
        Stream(f"id: {secret}\nevent: {secret}\ndata: {secret}\n\n".encode(), headers=head, url=url),
        Stream(status=503, headers=head, url=url),
        Stream(status=403, headers=head, url=url),
    )
    options = {"token": secret, "headers": {"X-Key": secret}, "observer": collector.observer()}
    with pytest.raises(RequestFailed):
        await take_all(EventSource(url, transport=transport, **options))

    assert len(collector.spans) == 1
    assert collector.sums(ERRORS, "error.type") == {"403": 1}
    assert secret not in collector.text()


@in_virtual_time
async def test_it_logs_what_a_source_without_observer_logs(collector, caplog):
    caplog.set_level(logging.INFO, "longwave.client")
    await take_all(source_over(collector, REFUSED, Stream(event(1))))
    recorded = [(record.levelname, record.getMessage().partition(";")[0]) for record in caplog.records]
    caplog.clear()
    await take_all(EventSource("http://hub.test/events", transport=Transport(REFUSED, Stream(event(1)))))

    assert recorded == [(record.levelname, record.getMessage().partition(";")[0]) for record in caplog.records]
    assert len(recorded) == 4


def test_it_takes_the_applications_own_providers_and_needs_none():
    observer = OpenTelemetryObserver()
    observer.opened(Response(200, url="http://hub.test/"))
    observer.event(ReceivedEvent("x"))
    observer.retry("why", 1.0)
    observer.error(RequestFailed("no"))
    observer.closed("by its user")

    assert isinstance(observer, Observer)


def test_client_does_not_import_it():
    code = "import sys, longwave.client; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)

    assert done.returncode == 0
