"""Lists the metrics of workers and of the exporter, for docs.generate."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Final

from docs.markdown import Row, table
from worker.metrics.names import FLEET_METRICS, WORKER_METRICS, BellKind, LookupResult, Metric, StatementName

_LISTS: Final[Mapping[str, type[StrEnum]]] = {
    "result": LookupResult,
    "statement": StatementName,
    "kind": BellKind,
}


def sections() -> Mapping[str, Callable[[], Iterator[str]]]:
    """What workers and the exporter show, and the values of a worker's labels."""
    shown = {"metrics-worker": WORKER_METRICS, "metrics-fleet": FLEET_METRICS}
    return {**{name: partial(_metrics, metrics) for name, metrics in shown.items()}, "metrics-labels": _labels}


def _metrics(metrics: Iterable[Metric]) -> Iterator[str]:
    return table(("metric", "type", "labels", "meaning"), map(_row, metrics))


def _row(metric: Metric) -> Row:
    buckets = ", ".join(f"{bound:g}" for bound in metric.buckets)
    meaning = f"{metric.help} Buckets: {buckets}." if buckets else metric.help
    return f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), meaning


def _labels() -> Iterator[str]:
    for label, values in _LISTS.items():
        yield f"- `{label}`: {', '.join(f'`{value}`' for value in values)}."
