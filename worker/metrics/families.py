"""Makes prometheus_client's families of samples from our names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from worker.metrics.names import FLEET_METRICS, WORKER_METRICS

_KNOWN: Final = {metric.name: metric for metric in (*WORKER_METRICS, *FLEET_METRICS)}


def gauge(name: str, samples: Iterable[tuple[Sequence[str], float | None]]) -> GaugeMetricFamily:
    """A gauge with its samples: the values of its labels, and a value; None is not shown."""
    metric = _KNOWN[name]
    family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
    for labels, value in samples:
        if value is not None:
            family.add_metric(list(labels), float(value))
    return family
