"""Renders one worker's metrics from its facts and tallies, when somebody asks. Nothing is kept here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from worker.health import Facts
from worker.metrics import names
from worker.metrics.families import gauge
from worker.metrics.names import WORKER_METRICS, Kind
from worker.metrics.tallies import Distribution, Labels, Tallies


class WorkerCollector(Collector):
    """One worker's metrics. `info` has the labels of `jurat_worker_info`. Thread-safe."""

    def __init__(self, facts: Callable[[], Facts], tallies: Tallies, info: Mapping[str, str]) -> None:
        self._facts = facts
        self._tallies = tallies
        self._info = info

    def collect(self) -> Iterator[Metric]:
        gauges, figures = _gauges(self._facts()), self._tallies.figures()
        for metric in WORKER_METRICS:
            match metric.kind:
                case Kind.INFO:
                    yield InfoMetricFamily(metric.name.removesuffix("_info"), metric.help, dict(self._info))
                case Kind.GAUGE:
                    yield gauge(metric.name, gauges[metric.name].items())
                case Kind.COUNTER:
                    yield _counter(metric, figures.counts[metric.name])
                case Kind.HISTOGRAM:
                    yield _histogram(metric, figures.distributions[metric.name])


def _gauges(facts: Facts) -> Mapping[str, Mapping[Labels, float]]:
    return {
        "jurat_worker_slots": {(): facts.slots},
        "jurat_worker_slots_busy": {(): facts.busy},
        "jurat_worker_checks_held": {(): facts.held},
        "jurat_worker_ready": {(): facts.ready},
        "jurat_worker_database_up": {(): facts.database},
        "jurat_worker_broker_connected": {(): facts.broker},
        "jurat_worker_thread_idle_seconds": {(thread,): idle for thread, idle in facts.threads.items()},
    }


def _counter(metric: names.Metric, values: Mapping[Labels, int]) -> Metric:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _histogram(metric: names.Metric, values: Mapping[Labels, Distribution]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, found in values.items():
        buckets = [("+Inf" if bound == math.inf else str(bound), count) for bound, count in found.counts]
        family.add_metric(labels, buckets, found.sum)
    return family
