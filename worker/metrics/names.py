"""Names all metrics: the reference page, the dashboards and the tests are made from this list.

No label names a person, a check or a consultation. All labels are closed lists, except for a source (`MOST_SOURCES` by
name, further ones are `OTHER`), a version (`MOST_VERSIONS`) and the id of a key (`MOST_KEYS`).

Names and types follow Prometheus (https://prometheus.io/docs/practices/naming): base units, counters end in `_total`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store.monitoring.fleet import MOST_SEALED
from store.queue.backlog import MOST_COUNTED

OTHER: Final = "other"
MOST_SOURCES: Final = 100
MOST_VERSIONS: Final = 5
MOST_KEYS: Final = 8


class Kind(StrEnum):
    """The type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric: `help` is what it shows in a sentence, `labels` its labels, `buckets` a histogram's upper bounds.

    A `detail` is in no alert and on no dashboard.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    detail: bool = False


LOOKUP_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
WAIT_BUCKETS: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
STATEMENT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class LookupResult(StrEnum):
    """How a lookup ended: with an answer, or why without."""

    ANSWERED = "answered"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    THROTTLED = "throttled"
    MAINTENANCE = "maintenance"
    CREDENTIALS = "credentials"
    REJECTED = "rejected"
    UNREADABLE = "unreadable"
    BLOCKED = "blocked"


class StatementName(StrEnum):
    """The statements of a worker that are timed, each a whole transaction."""

    CLAIM = "claim"
    SETTLE = "settle"
    RENEW = "renew"
    UPKEEP = "upkeep"
    REGISTER = "register"


class BellKind(StrEnum):
    """A message from the broker: a bell, one for another task, or one that Celery's protocol does not know."""

    RUNG = "rung"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


class WaitState(StrEnum):
    """Why a check is not settled yet. `later` is due in the future; `key_missing` has no live worker with its key."""

    DUE = "due"
    LATER = "later"
    LEASED = "leased"
    KEY_MISSING = "key_missing"


_SOURCE: Final = ("source",)

# Each worker shows its own, from its memory.
WORKER_METRICS: Final = (
    Metric(
        "jurat_worker_info",
        Kind.INFO,
        "This worker's version, version of the contract, newest migration and host.",
        ("version", "contract", "revision", "hostname"),
    ),
    Metric("jurat_worker_slots", Kind.GAUGE, "Lookups that this worker can do at once."),
    Metric("jurat_worker_slots_busy", Kind.GAUGE, "Lookups under way in this worker."),
    Metric("jurat_worker_checks_held", Kind.GAUGE, "Checks that this worker holds, looked up or not."),
    Metric("jurat_worker_ready", Kind.GAUGE, "1 if this worker can do every check that waits, as /readyz says."),
    Metric("jurat_worker_database_up", Kind.GAUGE, "1 if the database answered this worker last and took its writes."),
    Metric("jurat_worker_broker_connected", Kind.GAUGE, "1 if this worker hears bells, or needs no broker."),
    Metric("jurat_worker_thread_idle_seconds", Kind.GAUGE, "Seconds since an engine thread last moved.", ("thread",)),
    Metric("jurat_lookups_total", Kind.COUNTER, "Lookups that ended, by how.", ("source", "result")),
    Metric("jurat_lookup_duration_seconds", Kind.HISTOGRAM, "Duration of lookups.", _SOURCE, LOOKUP_BUCKETS),
    Metric(
        "jurat_check_wait_seconds",
        Kind.HISTOGRAM,
        "Time from when a check was due to its claim.",
        _SOURCE,
        WAIT_BUCKETS,
    ),
    Metric(
        "jurat_check_verdict_seconds",
        Kind.HISTOGRAM,
        "Time from submit to verdict, less that in which the source took no work or the key was missing.",
        ("priority",),
        WAIT_BUCKETS,
    ),
    Metric("jurat_verdicts_total", Kind.COUNTER, "Verdicts written, by outcome.", ("source", "outcome")),
    Metric("jurat_verdict_reasons_total", Kind.COUNTER, "Verdicts written, by reason.", ("reason",)),
    Metric("jurat_writes_refused_total", Kind.COUNTER, "Results that came after the lease had been lost."),
    Metric("jurat_leases_lost_total", Kind.COUNTER, "Leases lost before the lookup had ended."),
    Metric("jurat_checks_given_back_total", Kind.COUNTER, "Checks given back without a result."),
    Metric("jurat_answers_unreadable_total", Kind.COUNTER, "Verdicts answer_unreadable: such an answer is lost."),
    Metric("jurat_database_outages_total", Kind.COUNTER, "Outages of the database that this worker met."),
    Metric(
        "jurat_bells_total",
        Kind.COUNTER,
        "Messages from the broker, and calls of `wake` in an embedded engine.",
        ("kind",),
    ),
    Metric(
        "jurat_statement_duration_seconds",
        Kind.HISTOGRAM,
        "Duration of a worker's transactions.",
        ("statement",),
        STATEMENT_BUCKETS,
    ),
)

# `jurat exporter` shows these, from the database.
FLEET_METRICS: Final = (
    Metric(
        "jurat_condition",
        Kind.GAUGE,
        "1 if a condition of `jurat now` holds. The source is empty where it concerns no single one.",
        ("condition", "source"),
    ),
    Metric("jurat_database_up", Kind.GAUGE, "1 if the database answered the exporter."),
    Metric("jurat_database_writable", Kind.GAUGE, "1 if the database takes writes."),
    Metric("jurat_schema_status", Kind.GAUGE, "1 for the status of the schema for this version.", ("status",)),
    Metric("jurat_reading_age_seconds", Kind.GAUGE, "Age of the figures that the exporter serves."),
    Metric(
        "jurat_checks_waiting",
        Kind.GAUGE,
        f"Unsettled checks, up to {MOST_COUNTED:,} for each source.",
        ("source", "state"),
    ),
    Metric(
        "jurat_check_oldest_due_seconds", Kind.GAUGE, "For how long the oldest waiting check has been due.", _SOURCE
    ),
    Metric("jurat_check_next_deadline_seconds", Kind.GAUGE, "Seconds until the next deadline of a check.", _SOURCE),
    Metric("jurat_figures_age_seconds", Kind.GAUGE, "Seconds since workers counted what waits."),
    Metric("jurat_upkeep_age_seconds", Kind.GAUGE, "Seconds since an upkeep job ran.", ("task",)),
    Metric("jurat_source_state", Kind.GAUGE, "1 for the state of a source.", ("source", "state")),
    Metric("jurat_source_failures_in_row", Kind.GAUGE, "Failures in a row of a source.", _SOURCE),
    Metric("jurat_source_last_success_timestamp_seconds", Kind.GAUGE, "When a source last answered.", _SOURCE),
    Metric("jurat_source_day_used_ratio", Kind.GAUGE, "Share of today's requests of a source that is used.", _SOURCE),
    Metric("jurat_source_workers", Kind.GAUGE, "Live workers that serve a source.", _SOURCE),
    Metric("jurat_wanted_slots", Kind.GAUGE, "Lookups at once that a source could use now.", _SOURCE),
    Metric("jurat_workers", Kind.GAUGE, "Live workers.", ("ready",)),
    Metric("jurat_slots", Kind.GAUGE, "Lookups that all live workers can do at once."),
    Metric("jurat_worker_versions", Kind.GAUGE, "Live workers by version.", ("version",)),
    Metric("jurat_workers_vanished", Kind.GAUGE, "Workers that ended in the last hour without a goodbye."),
    Metric("jurat_key_answers", Kind.GAUGE, f"Answers sealed for a key, up to {MOST_SEALED:,}.", ("key",)),
    Metric("jurat_key_workers", Kind.GAUGE, "Live workers that have a key.", ("key",)),
    Metric("jurat_reviews_waiting", Kind.GAUGE, "Reviews that nobody has decided.", ("overdue",)),
    Metric("jurat_requests_waiting", Kind.GAUGE, "Requests of persons that no worker has dealt with.", ("kind",)),
    Metric("jurat_request_oldest_seconds", Kind.GAUGE, "How long the oldest such request has waited.", ("kind",)),
    Metric("jurat_publications_waiting", Kind.GAUGE, "Published consultations that no worker has answered."),
    Metric("jurat_config_version", Kind.GAUGE, "The newest version of the configuration."),
    Metric("jurat_config_behind_workers", Kind.GAUGE, "Live workers that have not taken that version."),
    Metric("jurat_table_bytes", Kind.GAUGE, "Size of a table with its indexes.", ("table",)),
    Metric("jurat_table_dead_rows", Kind.GAUGE, "Rows of a table that wait for a vacuum.", ("table",)),
    Metric("jurat_backup_age_seconds", Kind.GAUGE, "Seconds since `backup note`; absent before the first."),
    Metric("jurat_keys_verified_age_seconds", Kind.GAUGE, "Seconds since `keys check`; absent before the first."),
)
