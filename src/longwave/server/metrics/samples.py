"""Samples of several workers: each worker's as bytes, and those of all as one set of metrics.

Not here: how the bytes go from one worker to another (sample_exchange.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric

from longwave.server.metrics.metric_families import WORKER, WORKER_UP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def pack(metrics: Iterable[Metric]) -> bytes:
    """Return metrics as one line of JSON."""
    return json.dumps(
        [
            [metric.name, metric.documentation, metric.type, [[s.name, s.labels, s.value] for s in metric.samples]]
            for metric in metrics
        ]
    ).encode()


def unpack(line: bytes) -> list[Metric]:
    """Return the metrics of such a line. Raises ValueError for anything else."""
    metrics = []
    try:
        for name, documentation, kind, samples in json.loads(line):
            metrics.append(Metric(name, documentation, kind))
            for sample, labels, value in samples:
                metrics[-1].add_sample(sample, labels, value)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"expected samples of a worker, got {line[:100]!r}") from error
    return metrics


def merge(by_worker: Mapping[int, Iterable[Metric] | None]) -> list[Metric]:
    """Return the metrics of all workers, each sample with its worker's number; None for one that did not answer."""
    merged: dict[str, Metric] = {}
    up = Metric(WORKER_UP.name, WORKER_UP.help, WORKER_UP.kind.value)
    for number, metrics in by_worker.items():
        worker = {WORKER: str(number)}
        up.add_sample(WORKER_UP.name, worker, float(metrics is not None))
        for metric in metrics or ():
            whole = merged.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
            for sample in metric.samples:
                whole.add_sample(sample.name, {**sample.labels, **worker}, sample.value)
    return [*merged.values(), up]
