"""Lists the metrics of workers and of the exporter, for docs.generate."""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import partial
from typing import Final

from docs.markdown import Row, table
from worker.metrics.names import BY_TELLER, BellKind, LookupResult, Metric, StatementName, Teller

_LISTS: Final[Mapping[str, type[StrEnum]]] = {
    "result": LookupResult,
    "statement": StatementName,
    "kind": BellKind,
}


def sections() -> Mapping[str, Callable[[], Iterator[str]]]:
    """The list of each teller, and the values of a worker's labels."""
    return {**{f"metrics-{teller}": partial(_metrics, teller) for teller in Teller}, "metrics-labels": _labels}


def _metrics(teller: Teller) -> Iterator[str]:
    return table(("metric", "type", "labels", "meaning"), map(_row, BY_TELLER[teller]))


def _row(metric: Metric) -> Row:
    buckets = ", ".join(f"{bound:g}" for bound in metric.buckets)
    meaning = f"{metric.help} Buckets: {buckets}." if buckets else metric.help
    return f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), meaning


def _labels() -> Iterator[str]:
    for label, values in _LISTS.items():
        yield f"- `{label}`: {', '.join(f'`{value}`' for value in values)}."
