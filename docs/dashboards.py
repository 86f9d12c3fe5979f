"""Defines the three Grafana dashboards of monitoring/dashboards/: rows that ask a question, and panels that answer it.

`docs/grafana.py` writes them as Grafana reads them. Figures of the fleet are taken as `max by (…)`, for two exporters
say the same; those of workers are added up.
"""
# ruff: noqa: INP001 - next to docs.generate, which is no package either

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class View(StrEnum):
    """How Grafana draws a panel; all come with it."""

    LINES = "timeseries"
    STACK = "stack"
    """Lines that are filled and stacked."""
    NUMBER = "stat"
    STATES = "state-timeline"
    HEAT = "heatmap"
    TABLE = "table"


class Unit(StrEnum):
    """Grafana's names of units."""

    COUNT = "short"
    A_SECOND = "ops"
    SECONDS = "s"
    BYTES = "bytes"
    SHARE = "percentunit"


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and how its series are named: `{{label}}`, or words."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. Three fill a row."""

    title: str
    queries: Sequence[Query]
    unit: Unit = Unit.COUNT
    view: View = View.LINES


@dataclass(frozen=True, slots=True)
class Row:
    """A question and the panels that answer it."""

    question: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One file. `by_source` gives it a variable `source`."""

    name: str
    title: str
    rows: Sequence[Row]
    by_source: bool = False

    @property
    def uid(self) -> str:
        """Grafana's key: links to it stay right when it is imported again."""
        return f"jurat-{self.name}"


PAUSES: Final = Query('max by (source) (jurat_source_state{state="paused"}) == 1', "{{source}} is paused")
"""Marks on every panel: while someone has paused a source."""


def fleet(metric: str, *labels: str) -> Query:
    """A figure of the exporter, by some of its labels."""
    by = f" by ({', '.join(labels)})" if labels else ""
    return Query(f"max{by} ({metric})", " ".join(f"{{{{{label}}}}}" for label in labels) or _words(metric))


def workers(metric: str, *labels: str, over: str = "sum") -> Query:
    """A figure of all workers together."""
    by = f" by ({', '.join(labels)})" if labels else ""
    return Query(f"{over}{by} ({metric})", " ".join(f"{{{{{label}}}}}" for label in labels) or _words(metric))


def rate(metric: str, *labels: str) -> Query:
    """How often something happens in a second, over all workers."""
    asked = workers(f"rate({metric}[$__rate_interval])", *labels)
    return asked if labels else Query(asked.expression, _words(metric))


def quantiles(metric: str, matchers: str = "", *labels: str) -> tuple[Query, Query]:
    """The median of a histogram and its 99th percentile, over all workers."""
    by = ", ".join(("le", *labels))
    named = "".join(f"{{{{{label}}}}} " for label in labels)
    half, most = (
        Query(
            f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{matchers}[$__rate_interval])))",
            f"{named}{name}",
        )
        for share, name in ((0.5, "half within"), (0.99, "99 % within"))
    )
    return half, most


def _words(metric: str) -> str:
    return metric.partition("{")[0].removeprefix("jurat_").replace("_total", "").replace("_", " ")


_OF = '{source="$source"}'

FLEET: Final = Dashboard(
    "fleet",
    "jurat: fleet",
    (
        Row(
            "Do participants get their verdicts in time?",
            (
                Panel("Verdicts a second", [rate("jurat_verdicts_total", "outcome")], Unit.A_SECOND, View.STACK),
                Panel(
                    "Interactive, from submit to verdict",
                    quantiles("jurat_check_verdict_seconds", '{priority="interactive"}'),
                    Unit.SECONDS,
                ),
                Panel(
                    "Interactive within 5 s (target 99 %), undetermined by trouble (at most 1 %)",
                    [
                        Query("jurat:verdicts_in_5s:ratio_rate1h", "within 5 s"),
                        Query("jurat:undetermined_by_trouble:ratio_rate1h", "undetermined by trouble at sources"),
                    ],
                    Unit.SHARE,
                ),
                Panel(
                    "Reasons of verdicts", [rate("jurat_verdict_reasons_total", "reason")], Unit.A_SECOND, View.STACK
                ),
            ),
        ),
        Row(
            "Does a condition hold that someone should look at?",
            (Panel("Conditions of `jurat now`", [fleet("jurat_condition", "condition")], view=View.STATES),),
        ),
        Row(
            "Does anything wait that should not?",
            (
                Panel("Oldest check that is due", [fleet("jurat_check_oldest_due_seconds", "source")], Unit.SECONDS),
                Panel(
                    "Checks that wait",
                    [Query("sum by (state) (max by (source, state) (jurat_checks_waiting))", "{{state}}")],
                    view=View.STACK,
                ),
                Panel(
                    "Requests, reviews and publications that wait",
                    [
                        fleet("jurat_requests_waiting", "kind"),
                        Query("max by (overdue) (jurat_reviews_waiting)", "reviews, overdue: {{overdue}}"),
                        fleet("jurat_publications_waiting"),
                    ],
                ),
                Panel("Oldest request", [fleet("jurat_request_oldest_seconds", "kind")], Unit.SECONDS),
            ),
        ),
        Row(
            "Are there enough workers, and are they well?",
            (
                Panel(
                    "Slots: wanted, there, busy",
                    [
                        Query("sum(max by (source) (jurat_wanted_slots))", "wanted"),
                        Query("max(jurat_slots)", "there"),
                        Query("sum(jurat_worker_slots_busy)", "busy"),
                        Query("sum(jurat_worker_slots)", "there, of scraped workers"),
                    ],
                ),
                Panel(
                    "Live workers",
                    [
                        Query("max by (ready) (jurat_workers)", "ready: {{ready}}"),
                        Query("sum(jurat_worker_ready)", "ready, of scraped workers"),
                        Query("sum(jurat_worker_broker_connected)", "hear bells"),
                        fleet("jurat_workers_vanished"),
                    ],
                ),
                Panel("Workers by version", [fleet("jurat_worker_versions", "version")], view=View.STACK),
                Panel("Checks held", [workers("jurat_worker_checks_held")]),
                Panel(
                    "Engine threads: longest rest",
                    [workers("jurat_worker_thread_idle_seconds", "thread", over="max")],
                    Unit.SECONDS,
                ),
                Panel(
                    "Work lost or repeated",
                    [
                        rate("jurat_leases_lost_total"),
                        rate("jurat_writes_refused_total"),
                        rate("jurat_checks_given_back_total"),
                    ],
                    Unit.A_SECOND,
                ),
                Panel("Messages from the broker", [rate("jurat_bells_total", "kind")], Unit.A_SECOND),
            ),
        ),
        Row(
            "Is the database well?",
            (
                Panel(
                    "Answers, takes writes",
                    [
                        fleet("jurat_database_up"),
                        fleet("jurat_database_writable"),
                        workers("jurat_worker_database_up", over="min"),
                    ],
                    view=View.STATES,
                ),
                Panel(
                    "Transactions of workers",
                    quantiles("jurat_statement_duration_seconds", "", "statement"),
                    Unit.SECONDS,
                ),
                Panel("Outages that workers met", [rate("jurat_database_outages_total")], Unit.A_SECOND),
                Panel("Size of tables", [fleet("jurat_table_bytes", "table")], Unit.BYTES),
                Panel("Rows that wait for a vacuum", [fleet("jurat_table_dead_rows", "table")]),
            ),
        ),
        Row(
            "Is upkeep done, and are these figures fresh?",
            (
                Panel("Since an upkeep job ran", [fleet("jurat_upkeep_age_seconds", "task")], Unit.SECONDS),
                Panel(
                    "Age of figures",
                    [
                        Query("min(jurat_reading_age_seconds)", "what the exporter serves"),
                        Query("max(jurat_figures_age_seconds)", "what workers count"),
                    ],
                    Unit.SECONDS,
                ),
            ),
        ),
    ),
)

SOURCE: Final = Dashboard(
    "source",
    "jurat: source",
    (
        Row(
            "Is this source well?",
            (
                Panel("State", [fleet(f"jurat_source_state{_OF}", "state")], view=View.STATES),
                Panel("Failures in a row", [fleet(f"jurat_source_failures_in_row{_OF}")]),
                Panel(
                    "Since it last answered",
                    [Query(f"time() - max(jurat_source_last_success_timestamp_seconds{_OF})", "since an answer")],
                    Unit.SECONDS,
                ),
                Panel("Workers that serve it", [fleet(f"jurat_source_workers{_OF}")]),
            ),
        ),
        Row(
            "How does it answer?",
            (
                Panel("Lookups by result", [rate(f"jurat_lookups_total{_OF}", "result")], Unit.A_SECOND, View.STACK),
                Panel(
                    "Duration of lookups",
                    [
                        Query(
                            f"sum by (le) (increase(jurat_lookup_duration_seconds_bucket{_OF}[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                    Unit.SECONDS,
                    View.HEAT,
                ),
                Panel("Verdicts", [rate(f"jurat_verdicts_total{_OF}", "outcome")], Unit.A_SECOND, View.STACK),
            ),
        ),
        Row(
            "Do its limits hold us up?",
            (
                Panel("Used of today's requests", [fleet(f"jurat_source_day_used_ratio{_OF}")], Unit.SHARE),
                Panel("Lookups at once that it could use", [fleet(f"jurat_wanted_slots{_OF}")]),
            ),
        ),
        Row(
            "Do its checks wait?",
            (
                Panel("Checks that wait", [fleet(f"jurat_checks_waiting{_OF}", "state")], view=View.STACK),
                Panel("From due to claimed", quantiles("jurat_check_wait_seconds", _OF), Unit.SECONDS),
                Panel("Oldest check that is due", [fleet(f"jurat_check_oldest_due_seconds{_OF}")], Unit.SECONDS),
                Panel(
                    "Next deadline", [Query(f"min(jurat_check_next_deadline_seconds{_OF})", "deadline")], Unit.SECONDS
                ),
            ),
        ),
    ),
    by_source=True,
)

KEYS_AND_CHANGES: Final = Dashboard(
    "keys-and-changes",
    "jurat: keys and changes",
    (
        Row(
            "Can every sealed answer be opened?",
            (
                Panel("Answers by key", [fleet("jurat_key_answers", "key")]),
                Panel("Live workers by key", [fleet("jurat_key_workers", "key")]),
                Panel("Answers lost", [workers("increase(jurat_answers_unreadable_total[$__rate_interval])")]),
            ),
        ),
        Row(
            "Do all workers run the same?",
            (
                Panel("Workers by version", [fleet("jurat_worker_versions", "version")], view=View.STACK),
                Panel(
                    "Scraped workers",
                    [Query("max by (hostname, version, contract, revision) (jurat_worker_info)", "{{hostname}}")],
                    view=View.TABLE,
                ),
                Panel("Schema", [fleet("jurat_schema_status", "status")], view=View.STATES),
            ),
        ),
        Row(
            "Is the newest configuration in use?",
            (
                Panel("Version of the configuration", [fleet("jurat_config_version")]),
                Panel("Workers that have not taken it", [fleet("jurat_config_behind_workers")]),
            ),
        ),
        Row(
            "Could we restore what would be lost?",
            (
                Panel("Since a backup", [fleet("jurat_backup_age_seconds")], Unit.SECONDS, View.NUMBER),
                Panel("Since keys were proved", [fleet("jurat_keys_verified_age_seconds")], Unit.SECONDS, View.NUMBER),
            ),
        ),
    ),
)

DASHBOARDS: Final = (FLEET, SOURCE, KEYS_AND_CHANGES)
