"""Writes what a participant's answers add up to, in the transaction that changes the answers.

It always adds up the whole history under the applied configuration: the row before and a worker's plan may be older.
Each row names the version that it was added up under. Upkeep adds it up again when its consultation has changed since,
or when time alone changes the result (`changes_at`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from jurat.access import AccessSummary, AtLeast, Confirmed, Terms, add_up, question_status
from jurat.batches import Rows, Statement, run
from jurat.statements import in_force, prepared, rows_json
from jurat.times import instant, moment
from jurat.vocabulary import Outcome, State, reason_from
from store.configurations.applied_config import NEWEST, AccessTerms, AppliedConfig, ConfigReader
from store.dialects import POSTGRESQL, StoreDialect, dialect_of
from store.held_rows import HARDLY_WAIT, is_held
from store.in_parts import savepoint

Key = tuple[str, str]
"""(consultation, participant): one row of `jurat_access`."""


class AccessRows:
    """The rows of `jurat_access`. Every method runs in its caller's transaction."""

    def __init__(self) -> None:
        self._configs = ConfigReader()

    def newest(self, connection: Connection) -> AppliedConfig:
        """The configuration that rows are added up under now."""
        return self._configs.newest(connection)

    def lock(self, connection: Connection, keys: set[Key]) -> set[Key]:
        """Lock the rows before anything else is read or changed; returns those of `keys` that are ours now.

        Without the lock, two transactions that settle two answers of one participant would each count only one. Rows
        that a platform or another worker has locked are skipped, so that a slow transaction stops no batch of ours.
        """
        return self.rows_taken(connection, keys, run(connection, *lock_statements(dialect_of(connection), keys)))

    def rows_taken(self, connection: Connection, keys: set[Key], found: Sequence[Rows]) -> set[Key]:
        """Those of `keys` that are ours, by the results of `lock_statements` and, if sent, `existing_statements`."""
        if not found:
            return keys
        taken = {(row[0], row[1]) for row in found[0]}
        if len(taken) == len(keys):
            return taken
        existing = found[1] if len(found) > 1 else run(connection, *existing_statements(keys))[0]
        return taken | (keys - {(row[0], row[1]) for row in existing})

    def wait_for(self, connection: Connection, keys: set[Key]) -> None:
        """Lock the rows as `lock` does, but wait for other transactions: for what a person does."""
        if keys and not dialect_of(connection).one_writer:
            run(connection, (_WAITING_LOCK, {"rows": key_rows(keys)}))

    def lock_outdated(self, connection: Connection, limit: int) -> set[Key]:
        """Lock rows that were added up before their consultation last changed, or that time has changed since.

        Returns none when the last configuration cannot be read here: a newer worker does it.
        """
        newest = connection.execute(prepared("SELECT max(version) FROM jurat_configs")).scalar()
        if self.newest(connection).version != newest:
            return set()
        dialect, taken = dialect_of(connection), set[Key]()
        for sql in (_passed(dialect), _outdated(dialect)):
            if len(taken) < limit:
                found = {(row[0], row[1]) for row in connection.execute(prepared(sql), {"limit": limit})}
                taken |= set(sorted(found - taken)[: limit - len(taken)])
        return taken

    def add_up(self, connection: Connection, keys: set[Key]) -> None:
        """Write what all answers of these participants add up to. Their rows must be ours.

        A participant without checks gets no row; a row that exists shows that they may begin. Granted access stays to
        its end, because its checks may have been deleted. The same holds when the configuration no longer has the
        consultation: nothing then says what the answers add up to.
        """
        found = run(connection, *history_statements(dialect_of(connection), keys))
        run(connection, *self.access_statements(connection, keys, found))

    def add_up_each(self, connection: Connection, keys: set[Key], failures: list[Exception]) -> int:
        """Do the same, but pass over those for which it fails; returns how many were added up. The errors go to
        `failures`, except for rows that another transaction holds.
        """
        try:
            with savepoint(connection):
                self.add_up(connection, keys)
        except (DBAPIError, ArithmeticError, LookupError, TypeError, ValueError) as failure:
            held = is_held(failure)
            if held:
                run(connection, HARDLY_WAIT)
            elif isinstance(failure, OperationalError):  # of the database, and not of any row
                raise
            if len(keys) <= 1:
                failures.extend([] if held else [failure])
                return 0
            half = sorted(keys)[: len(keys) // 2]
            return sum(self.add_up_each(connection, some, failures) for some in (set(half), keys - set(half)))
        return len(keys)

    def access_statements(self, connection: Connection, keys: set[Key], found: Sequence[Rows]) -> list[Statement]:
        """What `add_up` writes, by the result of `history_statements`."""
        if not keys:
            return []
        newest, rows = found
        applied, dialect = self._configs.read(connection, newest), dialect_of(connection)
        histories = _histories(keys, rows)
        changed: list[dict[str, Any]] = []
        kept: list[dict[str, Any]] = []
        for key, history in histories.items():
            row = _row(dialect, key, history.access(applied.terms, key[0]), applied.version)
            configured = key[0] in applied.terms.questions
            (changed if history.revoked or (history.answers and configured) else kept).append(row)
        statements: list[Statement] = [(_add_up(dialect), {"rows": rows_json(changed)})] if changed else []
        return [*statements, (_keep(dialect), {"rows": rows_json(kept)})] if kept else statements

    def summaries(
        self, connection: Connection, asked: Mapping[Key, tuple[AccessTerms | None, datetime | None]]
    ) -> dict[Key, AccessSummary]:
        """What the answers of these participants add up to under these terms, or the newest, just before a time that
        has passed, or now. Nothing is written.
        """
        newest, rows = run(connection, *history_statements(dialect_of(connection), set(asked)))
        applied, found = self._configs.read(connection, newest).terms, dict[Key, AccessSummary]()
        for key, history in _histories(asked, rows).items():
            terms, before = asked[key]
            if before is not None:
                history.now = min(history.now, before - timedelta(microseconds=1))
            found[key] = history.access(terms or applied, key[0])
        return found


_NEVER = datetime.max.replace(tzinfo=UTC)
"""The time of a history without rows, which depends on no time."""


@dataclass(slots=True)
class _History:
    """All that one participant's access adds up from, as read at `now`. `reopened` has times by question."""

    now: datetime = _NEVER
    answers: dict[str, list[Confirmed]] = field(default_factory=dict)
    reopened: dict[str, list[datetime]] = field(default_factory=dict)
    revoked: bool = False

    def read(self, row: Any) -> None:
        """Add a row of `_history`: an answer or, without a round, a request about the participant."""
        _, _, question, number, state_or_kind, outcome, reason, at, clock = row[:9]
        self.now = instant(clock)
        if number is not None:
            verdict = Outcome(outcome) if outcome else None, reason_from(reason) if reason else None, moment(at)
            self.answers.setdefault(question, []).append(Confirmed(State(state_or_kind), *verdict))
        elif state_or_kind == "reopen":
            self.reopened.setdefault(question, []).append(instant(at))
        else:
            self.revoked = state_or_kind == "revoke"

    def access(self, terms: AccessTerms, consultation: str) -> AccessSummary:
        questions = terms.questions.get(consultation, {})
        statuses = {
            name: question_status(
                self.answers.get(name, ()), questions.get(name, _NOT_ASKED), self.now, self.reopened.get(name, ())
            )
            for name in [*questions, *self.answers]
        }
        rule = terms.rules.get(consultation, _NOTHING_GRANTS)
        return add_up(rule, statuses, self.now, revoked=self.revoked)


def _histories(keys: Iterable[Key], rows: Rows) -> dict[Key, _History]:
    """The histories of these participants, from the rows of `_history`."""
    histories = {key: _History() for key in sorted(keys)}
    for row in rows:
        histories[row[0], row[1]].read(row)
    return histories


_NOT_ASKED = Terms(0)
"""The terms of a question that is no longer configured."""

_NOTHING_GRANTS = AtLeast(1, ())
"""The rule of a consultation that is no longer configured, or has no questions."""


def _row(dialect: StoreDialect, key: Key, added: AccessSummary, version: int) -> dict[str, Any]:
    return {
        "consultation": key[0],
        "participant": key[1],
        "access": added.access,
        "questions": added.states,
        "rounds_left": added.rounds_left,
        "config_version": version,
        "granted_until": added.granted_until and dialect.time_text(added.granted_until),
        "changes_at": added.changes_at and dialect.time_text(added.changes_at),
        "ended": added.ended,
    }


def lock_statements(dialect: StoreDialect, keys: set[Key]) -> list[Statement]:
    """What locks the rows of `keys` and skips those that another transaction holds."""
    return [(_LOCK, {"rows": key_rows(keys)})] if keys and not dialect.one_writer else []


def existing_statements(keys: set[Key]) -> list[Statement]:
    """What finds those of `keys` that have a row, whoever holds it."""
    return [(_EXISTING, {"rows": key_rows(keys)})] if keys else []


def history_statements(dialect: StoreDialect, keys: set[Key]) -> list[Statement]:
    """What reads all that the access of `keys` adds up from."""
    return [NEWEST, (_history(dialect), {"rows": key_rows(keys)})] if keys else []


def key_rows(keys: Iterable[Key]) -> str:
    """The parameter of a `rowset` of keys, in their order."""
    return rows_json([{"consultation": key[0], "participant": key[1]} for key in sorted(keys)])


_KEYS = POSTGRESQL.rowset("consultation text, participant text")


def _lock_sql(how: str) -> str:
    # Row by row and in the order of `:rows`, which is the same for all. PostgreSQL expects a hundred of these, and
    # without LATERAL would rather read a table of some thousand rows from end to end.
    return f"""
        SELECT a.consultation, a.participant FROM {_KEYS} CROSS JOIN LATERAL (
          SELECT l.consultation, l.participant FROM jurat_access l
          WHERE l.consultation = r.consultation AND l.participant = r.participant FOR NO KEY UPDATE{how}) a"""


_WAITING_LOCK, _LOCK = _lock_sql(""), _lock_sql(" SKIP LOCKED")

_SAME = "a.consultation = r.consultation AND a.participant = r.participant"
_EXISTING = f"""
    SELECT a.consultation, a.participant
    FROM {_KEYS} {POSTGRESQL.join_each("jurat_access a", _SAME, "a.consultation, a.participant")}"""

_CHANGED = "(SELECT consultation, max(config_version) AS version FROM jurat_questions GROUP BY consultation) AS q"

ANY_OUTDATED = f"""
    (EXISTS (SELECT 1 FROM {_CHANGED} WHERE (
      SELECT a.config_version FROM jurat_access a WHERE a.consultation = q.consultation
      ORDER BY a.config_version LIMIT 1) < q.version)
     OR EXISTS (SELECT 1 FROM jurat_access WHERE changes_at <= {{now}}))"""
"""SQL that is true while a row is older than the last change of its consultation, or time has changed one since. It
costs one step down an index for each consultation, and one more."""


@lru_cache
def _outdated(dialect: StoreDialect) -> str:
    older = "a.consultation = q.consultation AND a.config_version < q.version"
    if dialect.has_lateral:
        # For each consultation by its index: the planner would expect many outdated rows where there are none.
        return f"""
            SELECT a.consultation, a.participant FROM {_CHANGED} CROSS JOIN LATERAL (
              SELECT a.consultation, a.participant FROM jurat_access a WHERE {older}
              ORDER BY a.config_version LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED) a
            LIMIT :limit"""
    return f"SELECT a.consultation, a.participant FROM {_CHANGED} JOIN jurat_access a ON {older} LIMIT :limit"


@lru_cache
def _passed(dialect: StoreDialect) -> str:
    return f"""
        SELECT consultation, participant FROM jurat_access WHERE changes_at <= {dialect.now()}
        ORDER BY changes_at LIMIT :limit {dialect.row_lock("FOR NO KEY UPDATE SKIP LOCKED")}"""


@lru_cache
def _history(dialect: StoreDialect) -> str:
    theirs = "{0}.consultation = r.consultation AND {0}.participant = r.participant"
    columns = "c.id, c.consultation, c.participant, c.question, c.round, c.state"  # and no answer
    checks = dialect.join_each("jurat_checks c", theirs.format("c"), columns)
    columns = "s.id, s.consultation, s.participant, s.question, s.kind, s.applied_at, s.asked_at"  # and no note
    requests = dialect.join_each("jurat_requests s", f"{theirs.format('s')} AND {in_force('s')}", columns)
    rows = dialect.rowset("consultation text, participant text")
    return f"""
        SELECT c.consultation, c.participant, c.question, c.round, c.state, v.outcome, v.reason, v.decided_at AS at,
               {dialect.now()}, NULL AS asked_at, c.id AS id
        FROM {rows}
        {checks}
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
             AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        UNION ALL
        SELECT s.consultation, s.participant, s.question, NULL, s.kind, NULL, NULL, s.applied_at,
               {dialect.now()}, s.asked_at, s.id
        FROM {rows}
        {requests}
        ORDER BY question, round, at, asked_at, id"""


@lru_cache
def _keep(dialect: StoreDialect) -> str:
    over = f"(a.access <> 'granted' OR (a.granted_until IS NOT NULL AND a.granted_until <= {dialect.now()}))"
    kept = ", ".join(
        f"{name} = CASE WHEN {over} THEN r.{name} ELSE a.{name} END"
        for name in ("access", "questions", "rounds_left", "ended")
    )
    return f"""
        UPDATE jurat_access AS a SET {kept}, config_version = r.config_version,
          granted_until = CASE WHEN NOT {over} THEN a.granted_until END,
          changes_at = CASE WHEN {over} THEN NULL WHEN a.changes_at > {dialect.now()} THEN a.changes_at
                            ELSE a.granted_until END
        FROM {dialect.rowset(_COLUMNS)}
        WHERE a.consultation = r.consultation AND a.participant = r.participant"""


_COLUMNS = (
    "consultation text, participant text, access text, questions jsonb, rounds_left jsonb, config_version int, "
    "granted_until timestamptz, changes_at timestamptz, ended jsonb"
)


@lru_cache
def _add_up(dialect: StoreDialect) -> str:
    names = [column.split()[0] for column in _COLUMNS.split(", ")]
    changes = ", ".join(f"{name} = excluded.{name}" for name in [*names[2:], "updated_at"])
    return f"""
        INSERT INTO jurat_access ({", ".join(names)}, updated_at)
        SELECT {", ".join(f"r.{name}" for name in names)}, {dialect.now()}
        FROM {dialect.rowset(_COLUMNS)} WHERE true
        ON CONFLICT (consultation, participant) DO UPDATE SET {changes}"""
