"""Names the conditions that someone should look at: an alert, a runbook and a line of `jurat now` share each name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class AlarmSeverity(StrEnum):
    """Whether someone is called at once, or looks at it in working hours."""

    PAGE = "page"
    TICKET = "ticket"


class Alarm(StrEnum):
    """A condition that one read of the database shows, the gravest first. Its page is `docs/runbooks/NAME.md`."""

    DATABASE_AWAY = "JuratDatabaseAway"
    DATABASE_READ_ONLY = "JuratDatabaseReadOnly"
    SCHEMA_UNUSABLE = "JuratSchemaUnusable"
    NOBODY_WORKS = "JuratNobodyWorks"
    KEY_MISSING = "JuratKeyMissing"
    SOURCE_UNSERVED = "JuratSourceUnserved"
    DEADLINES_AHEAD = "JuratDeadlinesAhead"
    CHECKS_STUCK = "JuratChecksStuck"
    REQUESTS_STUCK = "JuratRequestsStuck"
    SOURCE_BROKEN = "JuratSourceBroken"
    SOURCE_REFUSES_US = "JuratSourceRefusesUs"
    SOURCE_SUSPECT = "JuratSourceSuspect"
    BACKLOG_GROWS = "JuratBacklogGrows"
    UPKEEP_LATE = "JuratUpkeepLate"
    REVIEWS_OVERDUE = "JuratReviewsOverdue"
    DAY_NEARLY_USED = "JuratDayNearlyUsed"
    CONFIG_NOT_TAKEN = "JuratConfigNotTaken"
    VERSIONS_MIXED = "JuratVersionsMixed"
    WORKERS_RESTART = "JuratWorkersRestart"
    BACKUP_OLD = "JuratBackupOld"
    KEYS_UNVERIFIED = "JuratKeysUnverified"
    SEAL_KEY_DUE = "JuratSealKeyDue"


_PAGES = frozenset(list(Alarm)[: list(Alarm).index(Alarm.SOURCE_BROKEN)])

SEVERITY: Final[Mapping[Alarm, AlarmSeverity]] = {
    alarm: AlarmSeverity.PAGE if alarm in _PAGES else AlarmSeverity.TICKET for alarm in Alarm
}
"""Someone is called for all that loses answers, or will."""
