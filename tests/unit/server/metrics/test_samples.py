"""Samples survive the way from worker to worker, and nonsense is noticed."""

from __future__ import annotations

import pytest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

from longwave.server.metrics.samples import merge, pack, unpack


def metrics_with(value):
    counter = CounterMetricFamily("hits", "What hit.", labels=["reason"])
    counter.add_metric(["a\n\"b'"], value)
    histogram = HistogramMetricFamily("seconds", "How long.", buckets=[("1.0", 1), ("+Inf", 2)], sum_value=0.1)
    return [counter, histogram]


def values(metrics):
    return {(s.name, *sorted(s.labels.items())): s.value for metric in metrics for s in metric.samples}


def test_metrics_come_back_as_they_were():
    metrics = metrics_with(3.5)
    line = pack(metrics)
    back = unpack(line)

    assert b"\n" not in line
    assert [(m.name, m.documentation, m.type) for m in back] == [(m.name, m.documentation, m.type) for m in metrics]
    assert values(back) == values(metrics)


@pytest.mark.parametrize("line", [b"", b"[", b"3", b"[1]", b'[["a"]]', b'[["a", "b", "gauge", 5]]', b"\xff", b"null"])
def test_what_is_no_line_of_samples_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011 - json's own error is one, too
        unpack(line)


def test_each_sample_gets_its_workers_number():
    merged = values(merge({0: metrics_with(1), 1: metrics_with(2)}))

    assert merged["hits_total", ("reason", "a\n\"b'"), ("worker", "0")] == 1
    assert merged["hits_total", ("reason", "a\n\"b'"), ("worker", "1")] == 2


def test_a_metric_of_several_workers_comes_once():
    merged = merge({0: metrics_with(1), 1: metrics_with(2), 2: None})

    assert [metric.name for metric in merged] == ["hits", "seconds", "longwave_worker_up"]
    assert all(isinstance(metric, Metric) for metric in merged)


def test_who_did_not_answer_is_down():
    assert values(merge({0: [], 1: None})) == {
        ("longwave_worker_up", ("worker", "0")): 1,
        ("longwave_worker_up", ("worker", "1")): 0,
    }
