"""What a database needs after a backup was restored, before anyone works on it.

Workers of before may still hold checks under fences that the backup does not know, and would be believed. And what was
done since the backup, such as erasures, has to be done again first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from jurat.statements import rows_json
from jurat.times import moment
from store.dialects import dialect_of
from store.queue import pauses
from store.queue.deadlines import ENDED
from store.schema.owners import by_owner
from store.verdicts.records import add_audit_row

JUMP: Final = 1 << 32
"""By so much every fence is raised: no worker can have claimed one check so often."""

PAUSE: Final = 10 * 365 * 86_400.0
"""Seconds for which sources are paused, unless someone confirms."""

REASON: Final = "a backup was restored; erasures since then come first"

RESTORED: Final = "db restored"
ERASED: Final = "db restored, erasures repeated"
CONFIRMED: Final = "db restored, confirmed"
"""The actions in the audit."""

DOUBTFUL: Final = timedelta(hours=1)
"""If the newest answer is older than the moment of the restore by more than that, the moment may be wrong."""


class NotFinished(Exception):
    """A restore was begun, and its erasures were not repeated to the end."""


@dataclass(frozen=True, slots=True)
class Secured:
    """How many unsettled checks got another fence, how many leases were ended, and how many sources are paused."""

    unsettled: int
    leases: int
    sources: int


def secure(connection: Connection, taken_at: datetime, who: str) -> Secured:
    """Have every worker of before be refused, and none claim anything until `confirm`. Deadlines move on by the time
    since the backup, and since an answer was confirmed: that was no time to look anything up, and an answer that ends
    by its deadline is erased. If this is done again for the same backup, they move on only by the time since; and by
    none in which workers went on.
    """
    dialect = dialect_of(connection)
    at, now = {"taken_at": dialect.time_text(taken_at)}, dialect.now()
    taken = dialect.parameter("taken_at", "timestamptz")
    said = f"FROM jurat_audit WHERE at > {taken} AND {by_owner(dialect)} AND action ="
    counted = " + ".join(f"coalesce(CAST(detail ->> '{name}' AS float8), 0)" for name in ("moved_s", "worked_s"))
    last = f"(SELECT max(at) {said} '{CONFIRMED}')"
    times = f"""
        SELECT {dialect.seconds_between(now, taken)} - (SELECT coalesce(sum({counted}), 0) {said} '{RESTORED}'),
          CASE WHEN {last} > (SELECT max(at) {said} '{RESTORED}') THEN {dialect.seconds_between(now, last)}
          ELSE 0 END"""
    gone, worked = connection.execute(text(times), at).one()
    moved = max(0.0, gone - worked)
    leases = connection.execute(text("SELECT count(*) FROM jurat_checks WHERE state = 'leased'")).scalar() or 0
    age = dialect.greatest("0.0", dialect.seconds_between(now, "submitted_at"))
    later = dialect.later("deadline_at", dialect.least(dialect.parameter("moved", "float8"), age))
    raised = connection.execute(
        text(
            f"""UPDATE jurat_checks SET fence = fence + {JUMP}, lease_until = NULL,
                due_at = CASE state WHEN 'leased' THEN {now} ELSE due_at END,
                state = CASE state WHEN 'leased' THEN 'pending' ELSE state END,
                deadline_at = CASE WHEN stood_s < {ENDED} THEN {later} ELSE deadline_at END
                WHERE state <> 'settled'"""
        ),
        {"moved": moved},
    )
    found = Secured(raised.rowcount, leases, pause_sources(connection, who))
    detail = {"unsettled": found.unsettled, "leases": found.leases, "moved_s": moved, "worked_s": worked}
    add_audit_row(connection, who, RESTORED, "database", {"taken_at": taken_at.isoformat(), **detail})
    return found


def finish(connection: Connection, who: str, erased: int) -> None:
    """Note that all erasures that are known were repeated: then `confirm` may go on."""
    add_audit_row(connection, who, ERASED, "database", {"participants": erased})


def answers_around(connection: Connection, taken_at: datetime) -> tuple[datetime | None, datetime | None]:
    """When the last answer up to a moment was confirmed, and when the first one after it was. Those that came after the
    restore was first told are not of the backup, and left out.
    """
    dialect = dialect_of(connection)
    taken = dialect.parameter("taken_at", "timestamptz")
    told = f"SELECT min(at) FROM jurat_audit WHERE action = '{RESTORED}' AND at > {taken} AND {by_owner(dialect)}"
    sql = f"""
        SELECT (SELECT max(submitted_at) FROM jurat_checks WHERE submitted_at <= {taken}),
          (SELECT min(submitted_at) FROM jurat_checks
           WHERE submitted_at > {taken} AND submitted_at <= coalesce(({told}), {dialect.now()}))"""
    last, first = connection.execute(text(sql), {"taken_at": dialect.time_text(taken_at)}).one()
    return moment(last), moment(first)


def pause_sources(connection: Connection, who: str) -> int:
    """Pause all sources until `confirm`, also those that came meanwhile; how many there are."""
    names = connection.scalars(text("SELECT name FROM jurat_sources ORDER BY name")).all()
    for name in names:
        pauses.pause(connection, name, PAUSE, REASON, who)
    return len(names)


def awaits_confirmation(connection: Connection) -> bool:
    """Whether a restore was begun and is not confirmed yet."""
    sql = "SELECT EXISTS (SELECT 1 FROM jurat_sources WHERE pause_reason = :reason)"
    return bool(connection.scalar(text(sql), {"reason": REASON}))


def confirm(connection: Connection, who: str) -> int:
    """Let workers claim again; how many sources were resumed. Zero where nothing waits for it.

    Raises NotFinished if erasures may be missing.
    """
    last = f"SELECT max(at) FROM jurat_audit WHERE action = :action AND {by_owner(dialect_of(connection))}"
    begun, erased = (connection.scalar(text(last), {"action": action}) for action in (RESTORED, ERASED))
    if awaits_confirmation(connection) and begun is not None and (erased is None or erased < begun):
        raise NotFinished
    sql = "SELECT name FROM jurat_sources WHERE pause_reason = :reason ORDER BY name"
    resumed = [
        name for name in connection.scalars(text(sql), {"reason": REASON}).all() if pauses.resume(connection, name)
    ]
    if resumed:
        add_audit_row(connection, who, CONFIRMED, "database", {"sources": len(resumed)})
    return len(resumed)


@dataclass(frozen=True, slots=True)
class CheckDifference:
    """A check that a platform knows and the database has otherwise. `here` is None where it has no such check, else the
    outcome that counts, or the state of a check without a verdict.
    """

    id: UUID
    known: str
    here: str | None


def differences(
    connection: Connection, known: Iterable[tuple[UUID, str]], lot: int = 1000
) -> Iterator[CheckDifference]:
    """What differs from what a platform knows: ids of checks, each with the outcome it saw, or ""."""
    waiting = iter(known)
    sql = text(
        f"""SELECT c.id, c.state, (SELECT v.outcome FROM jurat_verdicts v WHERE v.check_id = c.id
                                   ORDER BY v.revision DESC LIMIT 1)
            FROM {dialect_of(connection).rowset("id uuid")} JOIN jurat_checks c ON c.id = r.id"""
    )
    while some := list(islice(waiting, lot)):
        rows = connection.execute(sql, {"rows": rows_json([{"id": str(each)} for each, _ in some])})
        here: dict[UUID, str] = {UUID(str(row[0])): row[2] or row[1] for row in rows}
        for check, outcome in some:
            found = here.get(check)
            if found is None or (outcome and outcome != found):
                yield CheckDifference(check, outcome, found)
