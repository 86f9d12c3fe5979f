"""Defines the alerts: `monitoring/rules.yml`, the list in docs/reference/alerts.md and the tests are made from them.

Alerts on a condition ask what `jurat now` says too, which the exporter shows as `jurat_condition`. The others ask what
only workers know, or whether there is anything to ask. No worker loads this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.monitoring.alarms import SEVERITY, Alarm, Severity

RUNBOOKS: Final = "https://jurat.example/runbooks/"
"""Where an operator's copy of docs/runbooks/ is: set it here, or replace it in `monitoring/rules.yml`."""

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE

TARGET: Final = 0.99
"""Share of the interactive checks of open sources that have their verdict in 5 s."""
FAST_BURN, SLOW_BURN = 14, 3
"""So many times as many as the target allows take longer: a month's allowance is used up in two days, and in ten."""

SOURCE: Final = "{{ $labels.source }}"
"""The source of a finding, in a summary."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires when `expression` has held for `hold` seconds. `summary` says what is at stake."""

    name: str
    severity: Severity
    hold: int
    summary: str
    expression: str

    @property
    def runbook(self) -> str:
        """URL of what to do about it."""
        return f"{RUNBOOKS}{self.name}.md"


@dataclass(frozen=True, slots=True)
class Recording:
    """A rule that keeps the value of `expression` as the metric `name`."""

    name: str
    expression: str


_REPORTED: Final = frozenset({Alarm.NOBODY_WORKS, Alarm.SOURCE_UNSERVED, Alarm.UPKEEP_LATE, Alarm.WORKERS_RESTART})
"""Conditions that hold because workers have not written something. While nobody can write, they say nothing, and when
writes are taken again, workers need some seconds: `hold` begins then.
"""


def _condition(alarm: Alarm, hold: int, summary: str) -> Alert:
    """On a condition that the exporter shows; two exporters that say the same are one."""
    expression = f'max by (source) (jurat_condition{{condition="{alarm}"}}) == 1'
    if alarm in _REPORTED:
        expression += " unless on () max(jurat_database_writable) == 0"
    return Alert(alarm, SEVERITY[alarm], hold, summary, expression)


_VERDICTS: Final = 'jurat_check_verdict_seconds_{}{{priority="interactive"{}}}[{}]'


def _all(window: str) -> str:
    return _VERDICTS.format("count", "", window)


def _quick(window: str) -> str:
    # Prometheus 2 keeps the bound as the worker writes it, Prometheus 3 as a decimal number.
    return _VERDICTS.format("bucket", ',le=~"5(\\\\.0)?"', window)


def _in_5s(window: str) -> Recording:
    return Recording(
        f"jurat:verdicts_in_5s:ratio_rate{window}",
        f"sum(rate({_quick(window)})) / (sum(rate({_all(window)})) > 0)",
    )


def _over_5s(window: str) -> Recording:
    return Recording(
        f"jurat:verdicts_over_5s:increase{window}",
        f"sum(increase({_all(window)})) - sum(increase({_quick(window)}))",
    )


RECORDINGS: Final = (
    *map(_in_5s, ("5m", "30m", "1h", "6h")),
    *map(_over_5s, ("1h", "6h")),
    Recording(
        "jurat:undetermined_by_trouble:ratio_rate1h",
        'sum(rate(jurat_verdict_reasons_total{reason=~"source_.*"}[1h]))'
        " / (sum(rate(jurat_verdict_reasons_total[1h])) > 0)",
    ),
)
"""What must hold, as figures. Trouble is counted over all sources, for the reasons of verdicts do not name theirs."""

LEAST_LATE: Final = 10
"""Verdicts over 5 s in the long window below which nobody is called: at night a single one may be all there are."""


def _burns(times: int, long: str, short: str) -> str:
    """More than `times` the allowance was used in the long window, and still is in the short one."""
    least = f"{1 - times * (1 - TARGET):.4g}"
    late = f"jurat:verdicts_over_5s:increase{long} > {LEAST_LATE}"
    return " and ".join((*(f"jurat:verdicts_in_5s:ratio_rate{window} < {least}" for window in (long, short)), late))


_LIVE = "sum(max by (ready) (jurat_workers))"
_UNREADABLE = 'sum by (source) ({}(jurat_lookups_total{{result="unreadable"}}[15m]))'

PAGES: Final = (
    _condition(
        Alarm.NOBODY_WORKS,
        MINUTE,
        "No worker works: no answer is checked, and everyone waits for a verdict until a worker runs again.",
    ),
    _condition(
        Alarm.KEY_MISSING,
        MINUTE,
        "Answers are sealed for a key that no live worker has: they wait, and are lost for good after a day.",
    ),
    Alert(
        "JuratAnswersUnreadable",
        Severity.PAGE,
        0,
        "Answers could not be opened and are lost: these participants must answer again, and more may follow.",
        "sum(increase(jurat_answers_unreadable_total[5m])) > 0",
    ),
    _condition(
        Alarm.CHECKS_STUCK,
        2 * MINUTE,
        f"Checks at source {SOURCE} have been due for over a minute although workers serve it and it is open:"
        " participants wait.",
    ),
    _condition(
        Alarm.SOURCE_UNSERVED,
        2 * MINUTE,
        f"Checks wait at source {SOURCE}, which no live worker serves: these participants get no verdict.",
    ),
    _condition(
        Alarm.DEADLINES_AHEAD,
        MINUTE,
        f"Source {SOURCE} gives no answers, and the first deadline is less than 15 minutes away: those checks then end"
        " undetermined.",
    ),
    Alert(
        Alarm.DATABASE_AWAY,
        SEVERITY[Alarm.DATABASE_AWAY],
        MINUTE,
        "The database does not answer: nobody can submit an answer or see a verdict, and no check goes on.",
        # Where one of two exporters reaches it, others do as well.
        "max(jurat_database_up) == 0",
    ),
    _condition(
        Alarm.DATABASE_READ_ONLY,
        MINUTE,
        "The database takes no writes: no answer can be submitted and no verdict written.",
    ),
    _condition(
        Alarm.SCHEMA_UNUSABLE,
        2 * MINUTE,
        "The tables do not fit this release of jurat: workers that start now do nothing.",
    ),
    Alert(
        "JuratMetricsMissing",
        Severity.PAGE,
        2 * MINUTE,
        "Prometheus gets no metrics of jurat: nobody would be called if participants waited or answers were lost.",
        f"absent(jurat_database_up) or ({_LIVE} > 0 unless on () count(jurat_worker_slots))",
    ),
    _condition(
        Alarm.REQUESTS_STUCK,
        MINUTE,
        "A request of a person or a platform has waited for over ten minutes: it may be an erasure, which the law"
        " demands.",
    ),
    Alert(
        "JuratBurnFast",
        Severity.PAGE,
        0,
        "More than 14 % of the interactive checks of the last hour took over 5 s, and still do: participants look at a"
        " page that waits.",
        _burns(FAST_BURN, "1h", "5m"),
    ),
)

TICKETS: Final = (
    Alert(
        "JuratBurnSlow",
        Severity.TICKET,
        0,
        "More than 3 % of the interactive checks of the last six hours took over 5 s, and still do: the month's target"
        " will be missed.",
        _burns(SLOW_BURN, "6h", "30m"),
    ),
    _condition(
        Alarm.SOURCE_BROKEN,
        10 * MINUTE,
        f"Source {SOURCE} does not answer, so workers ask it only now and then: its checks wait until their deadlines.",
    ),
    _condition(
        Alarm.SOURCE_REFUSES_US,
        10 * MINUTE,
        f"Source {SOURCE} refuses our credentials or our pace: its checks wait until someone talks to its operator.",
    ),
    Alert(
        "JuratSourceChangedShape",
        Severity.TICKET,
        10 * MINUTE,
        f"More than 20 % of the answers of source {SOURCE} cannot be read: it may have changed, and its checks end"
        " undetermined.",
        f"{_UNREADABLE.format('rate')} / sum by (source) (rate(jurat_lookups_total[15m])) > 0.2"
        f" and {_UNREADABLE.format('increase')} > 2",
    ),
    _condition(
        Alarm.BACKLOG_GROWS,
        10 * MINUTE,
        "More checks wait than the workers have slots for: participants wait longer and longer.",
    ),
    _condition(
        Alarm.UPKEEP_LATE,
        MINUTE,
        "Workers have not done a job of their upkeep in time: tables grow, or access does not end when it should.",
    ),
    _condition(
        Alarm.REVIEWS_OVERDUE,
        HOUR,
        "Reviews are overdue: these participants wait for a person's decision.",
    ),
    _condition(
        Alarm.DAY_NEARLY_USED,
        MINUTE,
        f"Over 90 % of today's requests to source {SOURCE} are used: the rest of its checks will wait until tomorrow.",
    ),
    _condition(
        Alarm.VERSIONS_MIXED,
        HOUR,
        "Workers of several versions have run for an hour: an update stopped halfway.",
    ),
    _condition(
        Alarm.CONFIG_NOT_TAKEN,
        2 * MINUTE,
        "Workers have not taken the newest configuration: they still decide by the one before.",
    ),
    _condition(
        Alarm.WORKERS_RESTART,
        MINUTE,
        "Three workers ended without a goodbye within an hour: something kills them, and checks are repeated.",
    ),
    _condition(
        Alarm.BACKUP_OLD,
        MINUTE,
        "No backup has been noted for 26 hours: verdicts since then would be lost with the database.",
    ),
    _condition(
        Alarm.KEYS_UNVERIFIED,
        MINUTE,
        "Nobody has proved for 31 days that the stored keys open what waits: a restored database may be unreadable.",
    ),
)

ALERTS: Final = (*PAGES, *TICKETS)
