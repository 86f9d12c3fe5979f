"""Names the conditions that someone should look at: an alert, a runbook and a line of `jurat now` share each name."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Whether someone is called at once, or looks at it in working hours."""

    PAGE = "page"
    TICKET = "ticket"


class Alarm(StrEnum):
    """A condition that one read of the database shows. Its page is `docs/runbooks/NAME.md`."""

    NOBODY_WORKS = "JuratNobodyWorks"
    KEY_MISSING = "JuratKeyMissing"
    CHECKS_STUCK = "JuratChecksStuck"
    SOURCE_UNSERVED = "JuratSourceUnserved"
    DEADLINES_AHEAD = "JuratDeadlinesAhead"
    DATABASE_AWAY = "JuratDatabaseAway"
    DATABASE_READ_ONLY = "JuratDatabaseReadOnly"
    SCHEMA_UNUSABLE = "JuratSchemaUnusable"
    REQUESTS_STUCK = "JuratRequestsStuck"
    SOURCE_BROKEN = "JuratSourceBroken"
    SOURCE_REFUSES_US = "JuratSourceRefusesUs"
    BACKLOG_GROWS = "JuratBacklogGrows"
    UPKEEP_LATE = "JuratUpkeepLate"
    REVIEWS_OVERDUE = "JuratReviewsOverdue"
    DAY_NEARLY_USED = "JuratDayNearlyUsed"
    VERSIONS_MIXED = "JuratVersionsMixed"
    CONFIG_NOT_TAKEN = "JuratConfigNotTaken"
    WORKERS_RESTART = "JuratWorkersRestart"
    BACKUP_OLD = "JuratBackupOld"
    KEYS_UNVERIFIED = "JuratKeysUnverified"
