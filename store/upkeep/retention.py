"""Gives verdicts that have none the time until which they are kept, and erases the evidence of reviews that ended.

A verdict has no such time where its consultation keeps verdicts forever, where the consultation had no `retain` while
workers of before 0.4 ran, or where it was no longer configured. So a `retain` that is set later counts for these as
well. The database allows the time to be set once. So it is set at the latest moment, when a month is left: until then,
another `retain`, or `forever`, counts in its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from jurat.statements import rows_json
from store.configurations.config_versions import configuration_of
from store.dialects import StoreDialect, dialect_of
from store.in_parts import in_parts
from store.upkeep.pieces import TURN_S, work_through
from store.verdicts.access import AccessRows

NOTICE = 30 * 86_400.0
"""Seconds for which a verdict stays once its time is set."""

LOOKED = 1000
"""Verdicts that one transaction looks at."""

AGAIN = 86_400.0
"""Seconds after which a worker looks again at all verdicts without a time, where the configuration did not change."""

ENDED = "decided_at IS NOT NULL AND evidence <> '{}'"
"""SQL that is true for a review that ended and still has its evidence."""

ANY = (
    "(EXISTS (SELECT 1 FROM jurat_verdicts WHERE retain_until IS NULL)"
    f" OR EXISTS (SELECT 1 FROM jurat_reviews WHERE {ENDED.replace('{}', '{{}}')}))"
)
"""SQL that is true while some verdict has no time, or some review still has its evidence."""

RetainS = Mapping[str, float | None]
"""For how many seconds each consultation keeps its verdicts; None is forever."""

_BEGINNING: dict[str, Any] = {"check": str(UUID(int=0)), "revision": 0}
"""Before the check and the revision of every verdict."""


class Retention:
    """Works through the verdicts without a time, some in each turn. `clock` counts seconds."""

    def __init__(self, engine: Engine, access: AccessRows, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._dialect = dialect_of(engine)
        self._access = access
        self._clock = clock
        self._after = _BEGINNING
        self._looked: tuple[int, float] = (0, float("-inf"))
        """Under which version of the configuration all verdicts were looked at, and when."""
        self._earlier: dict[int, RetainS] = {}

    def limit(self) -> int:
        """Set the time of as many verdicts as fit into one turn; how many. The errors of those that the database
        refuses are raised once the others are done.
        """
        self._erase_evidence()
        count, failures, end = 0, list[Exception](), self._clock() + TURN_S
        while True:
            with self._engine.begin() as connection:
                applied = self._access.newest(connection)
                version, looked_at = self._looked
                if version == applied.version and self._clock() < looked_at + AGAIN:
                    break
                newest = connection.execute(text("SELECT max(version) FROM jurat_configs")).scalar()
                if newest != applied.version:  # a later release applied it, and may keep what we would not
                    break
                found = connection.execute(text(_look(self._dialect)), self._after | {"limit": LOOKED}).all()
                retain = {each.consultation: each.retain_s for each in applied.questions.values()}
                rows = [row for row in found if self._is_near_its_end(connection, retain, row)]
                count += len(in_parts(connection, rows, partial(_set, connection), failures))
            if len(found) < LOOKED:
                self._after, self._earlier = _BEGINNING, {}
                self._looked = applied.version, self._clock()
                break
            self._after = {"check": str(found[-1][0]), "revision": found[-1][1]}
            if self._clock() >= end:
                break
        if failures:
            raise failures[0]
        return count

    def _erase_evidence(self) -> None:
        """Erase the evidence of reviews that ended under workers of before 0.4, with what came with it."""
        erase = f"UPDATE jurat_reviews SET evidence = '{{}}', places = NULL WHERE {ENDED} AND check_id IN "

        def change(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[UUID]:
            ids = rows_json([{"id": str(row[0])} for row in rows])
            sql = f"{erase} (SELECT r.id FROM {self._dialect.rowset('id uuid')}) RETURNING check_id"
            return [UUID(str(check)) for check in connection.execute(text(sql), {"rows": ids}).scalars()]

        work_through(self._engine, f"SELECT check_id FROM jurat_reviews WHERE {ENDED} LIMIT :limit", change)

    def _is_near_its_end(self, connection: Connection, retain: RetainS, row: Sequence[Any]) -> bool:
        """Whether a verdict is to be kept for no more than `NOTICE`.

        Where its consultation is not configured any more, the configuration counts by which it was decided.
        """
        _, _, version, age, consultation = row
        if consultation not in retain:
            if version not in self._earlier:
                then = configuration_of(connection, version)
                questions = then.questions.values() if then else ()
                self._earlier[version] = {each.consultation: each.retain_s for each in questions}
            retain = self._earlier[version]
        seconds = retain.get(consultation)
        return seconds is not None and age >= seconds - NOTICE


def _set(connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Any]:
    verdicts = rows_json([{"check_id": str(row[0]), "revision": row[1]} for row in rows])
    return list(connection.execute(text(_limit(dialect_of(connection))), {"rows": verdicts}).scalars())


@lru_cache
def _look(dialect: StoreDialect) -> str:
    age = dialect.seconds_between(dialect.now(), "l.decided_at")
    columns = "v.check_id, v.revision, v.config_version, v.decided_at"
    return f"""
        WITH looked AS {dialect.materialized} (
          SELECT {columns} FROM jurat_verdicts v
          WHERE v.retain_until IS NULL AND (v.check_id, v.revision) > ({dialect.uuid("check")}, :revision)
          ORDER BY v.check_id, v.revision LIMIT :limit)
        SELECT l.check_id, l.revision, l.config_version, {age}, c.consultation
        FROM looked l JOIN jurat_checks c ON c.id = l.check_id ORDER BY l.check_id, l.revision"""


@lru_cache
def _limit(dialect: StoreDialect) -> str:
    rows = dialect.rowset("check_id uuid, revision int")
    verdict = "r.check_id = jurat_verdicts.check_id AND r.revision = jurat_verdicts.revision"
    return f"""
        UPDATE jurat_verdicts SET retain_until = {dialect.now(str(NOTICE))} FROM {rows}
        WHERE {verdict} AND jurat_verdicts.retain_until IS NULL
        RETURNING jurat_verdicts.revision"""
