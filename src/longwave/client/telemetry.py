"""OpenTelemetry of an event source: a span for each connection; counters of events, reconnections, errors; its waits.

Not here: what there is to tell, and the log (observer.py); what is done with it (the application's exporters). It needs
opentelemetry-api, which nothing else here imports.
Rules that always hold: of an address only host, port and path are recorded, never a header, a query, an id or data;
metrics have attributes of few values only.
Standard: https://opentelemetry.io/docs/specs/semconv/http/ for the names that stand there; the others are `longwave.*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from opentelemetry.metrics import get_meter
from opentelemetry.trace import SpanKind, StatusCode, get_tracer

from longwave.client.observer import LoggingObserver
from longwave.errors import RequestFailed

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from longwave.client.received_event import ReceivedEvent
    from longwave.client.response import Response

SCOPE = "longwave.client"
SPAN = "event stream"

EVENTS = "longwave.client.events"
RECONNECTIONS = "longwave.client.reconnections"
ERRORS = "longwave.client.errors"
WAITS = "longwave.client.reconnection.wait"
WAIT_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)  # seconds

KIND = "longwave.reconnection.kind"
LOST = "lost"  # a stream that was open
FAILED = "failed"  # an attempt that came to nothing
REASON = "longwave.close.reason"
GIVEN_UP = "the wait for an event was given up"  # cancelled, or a callable raised; noticed at the next connection


class OpenTelemetryObserver(LoggingObserver):
    """Records what one event source does, and logs as LoggingObserver does; one for each source.

    tracer_provider, meter_provider: where it goes to; the application's own, as `set_tracer_provider` and
    `set_meter_provider` were given them, by default.

    A span goes from the head of a response to the end of its stream, with `longwave.close.reason`. It has an error's
    status where the source failed for good; that a stream ends and the next one goes on is how streams are.
    """

    def __init__(
        self, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer = get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = get_meter(SCOPE, meter_provider=meter_provider)
        self._events = meter.create_counter(EVENTS, "{event}", "Events that were handed to the consumer, and gaps")
        self._reconnections = meter.create_counter(RECONNECTIONS, "{reconnection}", "Connections that are tried again")
        self._errors = meter.create_counter(ERRORS, "{error}", "Failures for good")
        self._waits = meter.create_histogram(
            WAITS, "s", "Waits before a connection", explicit_bucket_boundaries_advisory=WAIT_BOUNDS
        )
        self._server: dict[str, str | int] = {}  # of the last response
        self._span: Span | None = None

    def opened(self, response: Response) -> None:
        """Start a span."""
        super().opened(response)
        self._end_span(GIVEN_UP)
        self._server = _server_of(response)
        self._span = self._tracer.start_span(
            SPAN, kind=SpanKind.CLIENT, attributes={**self._server, **_exchange_of(response)}
        )

    def event(self, event: ReceivedEvent) -> None:
        """Count it."""
        self._events.add(1, self._server)

    def retry(self, reason: str, delay: float) -> None:
        """End the span if a stream was lost; count, and record the wait."""
        super().retry(reason, delay)
        attributes = {**self._server, KIND: FAILED if self._span is None else LOST}
        self._reconnections.add(1, attributes)
        self._waits.record(delay, attributes)
        self._end_span(reason)

    def error(self, error: Exception) -> None:
        """Count it; the span, if a stream is open, has the error's status."""
        super().error(error)
        kind = _type_of(error)
        self._errors.add(1, {**self._server, "error.type": kind})
        if self._span is not None:
            self._span.set_attribute("error.type", kind)
            self._span.set_status(StatusCode.ERROR, str(error))

    def closed(self, reason: str) -> None:
        """End the span."""
        super().closed(reason)
        self._end_span(reason)

    def _end_span(self, reason: str) -> None:
        if self._span is not None:
            self._span.set_attribute(REASON, reason)
            self._span.end()
            self._span = None


def _server_of(response: Response) -> dict[str, str | int]:
    """Return the host and port that answered; nothing where the response names none."""
    if not response.origin:
        return {}
    parts = urlsplit(response.url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    known = {"server.address": parts.hostname, "server.port": port}
    return {name: value for name, value in known.items() if value is not None}


def _exchange_of(response: Response) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {"http.response.status_code": response.status}
    if response.origin:
        parts = urlsplit(response.url)
        host = parts.netloc.rpartition("@")[2]
        attributes["url.full"] = urlunsplit(parts._replace(netloc=host, query="", fragment=""))
    protocol, slash, version = response.http_version.partition("/")
    if slash:
        attributes["network.protocol.name"] = protocol.lower()
        attributes["network.protocol.version"] = version
    return attributes


def _type_of(error: Exception) -> str:
    """Return the status that was the error, else its class, as the standard has it."""
    status = error.status if isinstance(error, RequestFailed) else None
    return type(error).__qualname__ if status is None else str(status)
