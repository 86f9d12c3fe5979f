"""Renders what was seen of the fleet as metrics, when someone scrapes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from store.monitoring.alarms import Alarm
from store.monitoring.conditions import Condition
from store.monitoring.fleet import FleetReading, SourceReading, SourceState
from store.schema.status import ADVICE, SchemaStatus
from worker.metrics.endpoints import Probe, Problems
from worker.metrics.families import gauge
from worker.metrics.fleet_watch import FleetWatch
from worker.metrics.names import MOST_KEYS, MOST_SOURCES, MOST_VERSIONS, OTHER, WaitState

Samples = Iterable[tuple[Sequence[str], float | None]]
"""Values of a metric with the values of its labels. None is unknown, and not shown."""


class FleetCollector(Collector):
    """The fleet's metrics for prometheus_client."""

    def __init__(self, watch: FleetWatch) -> None:
        self._watch = watch

    def describe(self) -> Iterable[Family]:
        """Nothing, so that no one looks at the database before the first scrape."""
        return ()

    def collect(self) -> Iterator[Family]:
        look = self._watch.look()
        values: dict[str, Samples] = {
            "jurat_reading_age_seconds": [((), look.age)],
            "jurat_condition": _conditions(look.found),
            "jurat_database_up": [((), look.seen is not None)],
        }
        if look.seen is not None:
            values["jurat_database_writable"] = [((), look.seen.writable)]
            values["jurat_schema_status"] = [((status,), status is look.seen.schema) for status in SchemaStatus]
            if look.seen.fleet is not None:
                values |= _fleet(look.seen.fleet, time.time() - look.age)
        for name, samples in values.items():
            yield gauge(name, samples)


def probes(watch: FleetWatch) -> dict[Probe, Problems]:
    """What health says of an exporter: it is ready while the database can be read."""

    def unready() -> list[str]:
        look = watch.look()
        if look.seen is None:
            return [each.found for each in look.found]
        return [] if look.seen.fleet else [ADVICE[look.seen.schema]]

    return {Probe.LIVE: list, Probe.READY: unready, Probe.STARTED: list}


def _conditions(found: Sequence[Condition]) -> Samples:
    """One for each finding, and a 0 for each condition that does not hold."""
    holding = dict.fromkeys((each.alarm, each.source) for each in found)
    named = dict.fromkeys(source for _, source in holding if source)
    shown = set(list(named)[:MOST_SOURCES])
    labels = dict.fromkeys((alarm, source if source in shown or not source else OTHER) for alarm, source in holding)
    absent = [alarm for alarm in Alarm if all(alarm is not held for held, _ in holding)]
    return [*((label, 1.0) for label in labels), *(((alarm, ""), 0.0) for alarm in absent)]


def _fleet(fleet: FleetReading, at: float) -> dict[str, Samples]:
    """All about a fleet that was seen `at` this time, in seconds since 1970."""
    live = fleet.live
    ready = Counter(worker.ready for worker in live)
    versions = _at_most(Counter(worker.version for worker in live), MOST_VERSIONS)
    keys = sorted(fleet.keys.items(), key=lambda item: (-item[1].answers, item[0]))[:MOST_KEYS]
    return {
        **_sources(fleet.sources, at),
        "jurat_figures_age_seconds": [((), fleet.figures_age)],
        "jurat_upkeep_age_seconds": [((task,), age) for task, age in fleet.upkeep.items()],
        "jurat_workers": [(("yes",), ready[True]), (("no",), ready[False])],
        "jurat_slots": [((), fleet.slots)],
        "jurat_worker_versions": [((version,), count) for version, count in versions.items()],
        "jurat_workers_vanished": [((), fleet.vanished)],
        "jurat_key_answers": [((key,), each.answers) for key, each in keys],
        "jurat_key_workers": [((key,), each.workers) for key, each in keys],
        "jurat_reviews_waiting": [
            (("yes",), fleet.reviews.due),
            (("no",), fleet.reviews.count - fleet.reviews.due),
        ],
        "jurat_requests_waiting": [((kind,), each.count) for kind, each in fleet.requests.items()],
        "jurat_request_oldest_seconds": [((kind,), each.age) for kind, each in fleet.requests.items()],
        "jurat_publications_waiting": [((), fleet.publications)],
        "jurat_config_version": [((), fleet.config_version)],
        "jurat_config_behind_workers": [((), len(fleet.behind))],
        "jurat_table_bytes": [((table,), size) for table, (size, _) in fleet.tables.items()],
        "jurat_table_dead_rows": [((table,), dead) for table, (_, dead) in fleet.tables.items()],
        "jurat_backup_age_seconds": [((), fleet.backup_age)],
        "jurat_keys_verified_age_seconds": [((), fleet.keys_age)],
    }


def _sources(sources: Sequence[SourceReading], at: float) -> dict[str, Samples]:
    """The sources by name; beyond `MOST_SOURCES`, what waits for the others together."""
    shown, others = sources[:MOST_SOURCES], sources[MOST_SOURCES:]
    by_source: dict[str, Samples] = {
        "jurat_check_oldest_due_seconds": [((each.name,), max(0.0, each.oldest_due_age or 0.0)) for each in shown],
        "jurat_check_next_deadline_seconds": [((each.name,), each.next_deadline) for each in shown],
        "jurat_source_state": [((each.name, state), state is each.state) for each in shown for state in SourceState],
        "jurat_source_failures_in_row": [((each.name,), each.failures) for each in shown],
        "jurat_source_last_success_timestamp_seconds": [
            ((each.name,), at - each.success_age) for each in shown if each.success_age is not None
        ],
        "jurat_source_day_used_ratio": [((each.name,), each.used) for each in shown],
        "jurat_source_workers": [((each.name,), each.workers) for each in shown],
    }
    waiting = [((each.name, state), count) for each in shown for state, count in _waiting(each).items()]
    wanted = [((each.name,), float(each.wanted)) for each in shown]
    if others:
        together = sum((Counter(_waiting(each)) for each in others), Counter[WaitState]())
        waiting += [((OTHER, state), together[state]) for state in WaitState]
        wanted.append(((OTHER,), sum(each.wanted for each in others)))
    return {**by_source, "jurat_checks_waiting": waiting, "jurat_wanted_slots": wanted}


def _waiting(source: SourceReading) -> dict[WaitState, int]:
    """Its unsettled checks by state. A missing key counts beside the state that the check has."""
    return {
        WaitState.DUE: source.due,
        WaitState.LATER: source.later,
        WaitState.LEASED: source.leased,
        WaitState.KEY_MISSING: source.key_missing,
    }


def _at_most(counts: Mapping[str, int], most: int) -> dict[str, int]:
    """The most frequent ones by name, and the rest as `OTHER`."""
    ordered = Counter(counts).most_common()
    rest = sum(count for _, count in ordered[most:])
    return dict(ordered[:most]) | ({OTHER: rest} if rest else {})
