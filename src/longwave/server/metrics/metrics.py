"""Metrics: what a hub counted, and what its process uses, as Prometheus reads it.

Not here: which there are (metric_families.py), counting, who may read them (metrics_access.py).

Rules that always hold: nothing is registered outside of this object; a reading changes nothing.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from longwave.core.histogram import Histogram
from longwave.server.metrics.metric_families import FAMILIES, Family, Kind, Reading
from longwave.server.metrics.samples import merge, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from longwave.hub import Hub
    from longwave.server.metrics.request_counts import RequestCounts
    from longwave.server.metrics.sample_exchange import SampleExchange

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The metrics of one hub and its process.

    connections: tells how many are open. limit_keys: tells of how many clients each limit knows. exchange: asks the
    other workers, if there are any; their samples are told beside this one's then, and each has the label `worker`.
    """

    def __init__(
        self,
        hub: Hub,
        requests: RequestCounts,
        connections: Callable[[], int],
        exchange: SampleExchange | None = None,
        *,
        limit_keys: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._exchange = exchange
        self._registry = CollectorRegistry()
        self._registry.register(HubCollector(hub, requests, connections, limit_keys))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    async def open(self) -> None:
        """Answer other workers."""
        if self._exchange is not None:
            await self._exchange.open(lambda: pack(self._registry.collect()))

    async def close(self) -> None:
        """Answer other workers no more; safe to call again."""
        if self._exchange is not None:
            await self._exchange.close()

    async def text(self) -> bytes:
        """Return all metrics, of all workers that answer."""
        if self._exchange is None:
            return generate_latest(self._registry)
        found = {self._exchange.number: list(self._registry.collect())}
        lines = await self._exchange.ask()
        by_worker = found | {number: None if line is None else unpack(line) for number, line in lines.items()}
        return generate_latest(Gathered(merge(dict(sorted(by_worker.items())))))


class HubCollector(Collector):
    """Reads a hub whenever it is asked."""

    def __init__(
        self,
        hub: Hub,
        requests: RequestCounts,
        connections: Callable[[], int],
        limit_keys: Callable[[], Mapping[str, int]],
    ) -> None:
        self._hub = hub
        self._requests = requests
        self._connections = connections
        self._limit_keys = limit_keys

    def collect(self) -> Iterator[Metric]:
        """Yield each metric of the table."""
        reading = Reading(
            counters=self._hub.counters,
            census=self._hub.census(),
            following=self._hub.is_following,
            requests=self._requests.counts,
            connections=self._connections(),
            limit_keys=self._limit_keys(),
        )
        return (metric_of(family, reading) for family in FAMILIES)


class Gathered(Collector):
    """Metrics that are here already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return them."""
        return self._metrics


def metric_of(family: Family, reading: Reading) -> Metric:
    """Return one metric as it is now."""
    values = family.read(reading)
    if isinstance(values, Histogram):
        return _histogram(family, values)
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in sorted(values):
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family, histogram: Histogram) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    bounds = [*map(str, histogram.bounds), "+Inf"]
    metric.add_metric((), list(zip(bounds, histogram.cumulative(), strict=True)), histogram.sum)
    return metric
