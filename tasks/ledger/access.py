"""What a participant's answers add up to: whoever changes that writes it in the same transaction.

Always from the whole history and by the configuration that is applied, never from the row before nor by the plan of a
worker, which may be older. Each row says by which version it was added up; where that is older than the last change of
its consultation, upkeep does it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from sqlalchemy import Connection

from jurat.access import AtLeast, Confirmed, evaluate, standing
from jurat.batches import Rows, Statement, run
from jurat.statements import now, prepared, rows_json, rowset
from jurat.words import Outcome, QuestionState, State, reason_from
from tasks.ledger.applied import NEWEST, Applied, Edition

Key = tuple[str, str]
"""(consultation, participant): one row of `jurat_access`."""


class AccessRows:
    """The rows of `jurat_access`, for the transactions of the ledger."""

    def __init__(self) -> None:
        self._applied = Applied()

    def newest(self, connection: Connection) -> Edition:
        """The configuration that rows are added up by now."""
        return self._applied.newest(connection)

    def lock(self, connection: Connection, keys: set[Key]) -> set[Key]:
        """Take the rows, before anything else is read or changed; those of `keys` that are ours now.

        Two transactions that settle two answers of one participant would each count only one of them. Rows that a
        platform or another worker holds are skipped: one slow transaction of theirs must not stop a batch of ours.
        """
        return self.locked(connection, keys, run(connection, *locking(connection.dialect.name, keys)))

    def locked(self, connection: Connection, keys: set[Key], found: Sequence[Rows]) -> set[Key]:
        """The same, where `locking` has just found so."""
        if not found:
            return keys
        locked = {(row[0], row[1]) for row in found[0]}
        if len(locked) == len(keys):
            return locked
        (existing,) = run(connection, (_EXISTING, {"rows": _key_rows(keys)}))
        return locked | (keys - {(row[0], row[1]) for row in existing})

    def wait_for(self, connection: Connection, keys: set[Key]) -> None:
        """Take the rows as `lock` does, but wait for who holds them: for what a person does."""
        if keys and connection.dialect.name == "postgresql":
            run(connection, (_WAITING_LOCK, {"rows": _key_rows(keys)}))

    def lock_outdated(self, connection: Connection, limit: int) -> set[Key]:
        """Take rows that were added up before their consultation last changed.

        None where that change can not be read here: a newer worker does it.
        """
        newest = connection.execute(prepared("SELECT max(version) FROM jurat_configs")).scalar()
        if self.newest(connection).version != newest:
            return set()
        rows = connection.execute(prepared(_outdated(connection.dialect.name)), {"limit": limit})
        return {(row[0], row[1]) for row in rows}

    def add_up(self, connection: Connection, keys: set[Key]) -> None:
        """Write what all answers of these participants add up to. Their rows must be ours.

        A participant of whom every check is purged keeps what was added up while they were there.
        """
        found = run(connection, *reading(connection.dialect.name, keys))
        run(connection, *self.adding_up(connection, keys, found))

    def adding_up(self, connection: Connection, keys: set[Key], found: Sequence[Rows]) -> list[Statement]:
        """What `add_up` writes, where `reading` has just found so."""
        if not keys:
            return []
        newest, answered = found
        edition, dialect = self._applied.edition(connection, newest), connection.dialect.name
        history: dict[Key, dict[str, list[Confirmed]]] = {key: {} for key in sorted(keys)}
        for row in answered:
            confirmed = Confirmed(
                State(row[3]), Outcome(row[4]) if row[4] else None, reason_from(row[5]) if row[5] else None
            )
            history[row[0], row[1]].setdefault(row[2], []).append(confirmed)
        rows = []
        purged = {key for key, answers in history.items() if not answers}
        for (consultation, participant), answers in history.items():
            if not answers:
                continue
            rounds = edition.book.rounds.get(consultation, {})
            stands = {name: standing(answers.get(name, []), rounds.get(name, 0)) for name in [*rounds, *answers]}
            states: dict[str, QuestionState] = {name: state for name, (state, _) in stands.items()}
            left = {name: rounds_left for name, (_, rounds_left) in stands.items()}
            rule = edition.book.rules.get(consultation) or AtLeast(len(states), tuple(states))
            rows.append(
                {
                    "consultation": consultation,
                    "participant": participant,
                    "access": evaluate(rule, states, left),
                    "questions": states,
                    "rounds_left": left,
                    "config_version": edition.version,
                }
            )
        statements: list[Statement] = []
        if rows:
            statements.append((_add_up(dialect), {"rows": rows_json(rows)}))
        if purged:
            statements.append((_stamp(dialect), {"rows": _key_rows(purged), "version": edition.version}))
        return statements


def locking(dialect: str, keys: set[Key]) -> list[Statement]:
    """What takes the rows of `keys` and skips those that somebody holds."""
    return [(_LOCK, {"rows": _key_rows(keys)})] if keys and dialect == "postgresql" else []


def reading(dialect: str, keys: set[Key]) -> list[Statement]:
    """What reads all that the answers of `keys` add up from."""
    return [NEWEST, (_history(dialect), {"rows": _key_rows(keys)})] if keys else []


def _key_rows(keys: Iterable[Key]) -> str:
    return rows_json([{"consultation": key[0], "participant": key[1]} for key in sorted(keys)])


_KEYS = rowset("postgresql", "consultation text, participant text")


def _lock(how: str) -> str:
    # Row by row and in the order of `:rows`, which is the same for all. PostgreSQL takes these to be a hundred, for
    # which it would rather read a table of some thousand rows from end to end.
    return f"""
        SELECT a.consultation, a.participant FROM {_KEYS} CROSS JOIN LATERAL (
          SELECT l.consultation, l.participant FROM jurat_access l
          WHERE l.consultation = r.consultation AND l.participant = r.participant FOR UPDATE{how}) a"""


_WAITING_LOCK, _LOCK = _lock(""), _lock(" SKIP LOCKED")

_EXISTING = f"SELECT consultation, participant FROM {_KEYS} JOIN jurat_access a USING (consultation, participant)"

_CHANGED = "(SELECT consultation, max(config_version) AS version FROM jurat_questions GROUP BY consultation) AS q"

ANY_OUTDATED = f"""
    EXISTS (SELECT 1 FROM {_CHANGED} WHERE (
      SELECT a.config_version FROM jurat_access a WHERE a.consultation = q.consultation
      ORDER BY a.config_version LIMIT 1) < q.version)"""
"""SQL that is true where a row is older than the last change of its consultation. One step down an index for each."""


@lru_cache
def _outdated(dialect: str) -> str:
    older = "a.consultation = q.consultation AND a.config_version < q.version"
    if dialect == "postgresql":
        # For each consultation by its index. Left to itself the planner takes many rows to be outdated, where none are.
        return f"""
            SELECT a.consultation, a.participant FROM {_CHANGED} CROSS JOIN LATERAL (
              SELECT a.consultation, a.participant FROM jurat_access a WHERE {older}
              ORDER BY a.config_version LIMIT :limit FOR UPDATE SKIP LOCKED) a
            LIMIT :limit"""
    return f"SELECT a.consultation, a.participant FROM {_CHANGED} JOIN jurat_access a ON {older} LIMIT :limit"


@lru_cache
def _history(dialect: str) -> str:
    theirs = "c.consultation = r.consultation AND c.participant = r.participant"
    checks = f"JOIN jurat_checks c ON {theirs}"
    if dialect == "postgresql":  # one participant after the other, see `_lock`
        columns = "c.id, c.consultation, c.participant, c.question, c.round, c.state"  # and no answer
        checks = f"CROSS JOIN LATERAL (SELECT {columns} FROM jurat_checks c WHERE {theirs} OFFSET 0) c"
    return f"""
        SELECT c.consultation, c.participant, c.question, c.state, v.outcome, v.reason
        FROM {rowset(dialect, "consultation text, participant text")}
        {checks}
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
             AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        ORDER BY c.question, c.round"""


@lru_cache
def _stamp(dialect: str) -> str:
    return f"""
        UPDATE jurat_access SET config_version = :version FROM {rowset(dialect, "consultation text, participant text")}
        WHERE jurat_access.consultation = r.consultation AND jurat_access.participant = r.participant"""


@lru_cache
def _add_up(dialect: str) -> str:
    columns = "consultation text, participant text, access text, questions jsonb, rounds_left jsonb, config_version int"
    return f"""
        INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, config_version, updated_at)
        SELECT r.consultation, r.participant, r.access, r.questions, r.rounds_left, r.config_version, {now(dialect)}
        FROM {rowset(dialect, columns)} WHERE true
        ON CONFLICT (consultation, participant) DO UPDATE SET access = excluded.access, questions = excluded.questions,
          rounds_left = excluded.rounds_left, config_version = excluded.config_version,
          updated_at = excluded.updated_at"""
