"""Writing what has come of held checks: each row only under its fence, all of a batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DataError

from jurat.access import AtLeast, Confirmed, Rule, evaluate, standing
from jurat.statements import now, rows_json, rowset
from jurat.words import Outcome, QuestionState, Reason, State, reason_from
from tasks.checks import Attempt, Decision, Ended, Entry, GiveBack, Later, NextSource, Review, Settle
from tasks.crashing import crash_point

UNSTORABLE = (DataError, ValueError, TypeError, RecursionError)
"""What a value raises that the database, its driver or JSON can not take."""

Key = tuple[str, str]
"""(consultation, participant): one row of `jurat_access`."""


@dataclass(frozen=True, slots=True)
class Book:
    """What the access rows add up by: each consultation's rule, and the rounds of its questions in their order."""

    rules: Mapping[str, Rule]
    rounds: Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class Written:
    """What came of a batch: `done` was written, `stale` was refused because the fence is no longer ours, and `busy`
    must be tried again because somebody else holds the participant's access row.
    """

    done: list[Entry] = field(default_factory=list)
    stale: list[Entry] = field(default_factory=list)
    busy: list[Entry] = field(default_factory=list)


class Settling:
    """The writer's side of the ledger."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._dialect = engine.dialect.name

    def write(self, entries: Sequence[Entry], book: Book) -> Written:
        """Write `entries` in one transaction.

        A value that can not be stored (a NUL or half a surrogate pair from a source) would fail the whole batch for
        ever: the batch is halved until the bad check stands alone, and that one ends `source_unreadable`.

        Raises sqlalchemy's errors when the database is away; nothing is written then, or it is not known (read the
        fence again by writing the same once more: what was written is then stale).
        """
        try:
            with self._engine.begin() as connection:
                written = self._write(connection, entries, book)
                crash_point("write.made")
            crash_point("write.committed")
            return written
        except UNSTORABLE:
            if len(entries) == 1:
                bad = entries[0]
                attempt = bad.attempt and replace(bad.attempt, ended=Ended.FAILED, reason=Reason.SOURCE_UNREADABLE)
                verdict = Settle(Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
                with self._engine.begin() as connection:
                    return self._write(connection, [replace(bad, decision=verdict, attempt=attempt)], book)
            half = len(entries) // 2
            first, second = self.write(entries[:half], book), self.write(entries[half:], book)
            return Written(first.done + second.done, first.stale + second.stale, first.busy + second.busy)

    def _write(self, connection: Connection, entries: Sequence[Entry], book: Book) -> Written:
        written = Written()
        # Two workers that settle two answers of one participant would each count only one of them. So the access rows
        # are locked, in a statement of its own, before any verdict is read. Rows that a platform or another worker
        # holds are skipped, not waited for: one slow transaction of theirs must not stop a batch of ours.
        keys = {_key(entry) for entry in entries if isinstance(entry.decision, Settle | Review)}
        free = self._lock(connection, keys)
        ready, seen = [], set()
        for entry in entries:
            # A worker that is told to drop a look-up gives it back; its answer may come all the same, and too late.
            if _fenced(entry) in seen:
                written.stale.append(entry)
                continue
            seen.add(_fenced(entry))
            if isinstance(entry.decision, Settle | Review) and _key(entry) not in free:
                written.busy.append(entry)
            else:
                ready.append(entry)
        ours = self._move(connection, ready)
        for entry in ready:
            (written.done if _fenced(entry) in ours else written.stale).append(entry)
        written.done = self._redeem(connection, written.done)
        self._add(connection, written.done)
        self._add_up(connection, {_key(entry) for entry in written.done} & keys, book)
        return written

    def _lock(self, connection: Connection, keys: set[Key]) -> set[Key]:
        if not keys or self._dialect != "postgresql":
            return keys
        wanted = _key_rows(keys)
        locked = {(row[0], row[1]) for row in connection.execute(text(_LOCK), {"rows": wanted})}
        if len(locked) == len(keys):
            return locked
        there = {(row[0], row[1]) for row in connection.execute(text(_EXISTING), {"rows": wanted})}
        return locked | (keys - there)

    def _move(self, connection: Connection, entries: Sequence[Entry]) -> set[tuple[UUID, int]]:
        if not entries:
            return set()
        rows = [
            {"id": str(entry.held.id), "fence": entry.held.fence, **_movement(entry.decision)}
            for entry in sorted(entries, key=lambda entry: entry.held.id)
        ]
        moved = connection.execute(text(_move(self._dialect)), {"rows": rows_json(rows)})
        return {(UUID(str(row[0])), row[1]) for row in moved}

    def _redeem(self, connection: Connection, entries: list[Entry]) -> list[Entry]:
        """Use up codes in one conditional statement; who comes too late is refused with the reason read again."""
        wanted = {
            entry.held.id: entry.decision.redemption
            for entry in entries
            if isinstance(entry.decision, Settle) and entry.decision.redemption
        }
        if not wanted:
            return entries
        rows = rows_json(
            [
                {"check_id": str(check), "list": code.code_list, "fingerprint": code.fingerprint}
                for check, code in sorted(wanted.items(), key=lambda item: item[1].fingerprint)
            ]
        )
        redeemed = {UUID(str(row[0])) for row in connection.execute(text(_redeem(self._dialect)), {"rows": rows})}
        if len(redeemed) == len(wanted):
            return entries
        late = connection.execute(text(_why_not(self._dialect)), {"rows": rows})
        reasons = {UUID(str(row[0])): Reason(row[1]) for row in late}
        return [
            replace(entry, decision=Settle(Outcome.REFUSED, reasons[entry.held.id]))
            if entry.held.id in wanted and entry.held.id not in redeemed
            else entry
            for entry in entries
        ]

    def _add(self, connection: Connection, entries: Sequence[Entry]) -> None:
        settled = [_verdict(entry, entry.decision) for entry in entries if isinstance(entry.decision, Settle)]
        reviews = [_review(entry, entry.decision) for entry in entries if isinstance(entry.decision, Review)]
        attempts = [_attempt(entry, entry.attempt) for entry in entries if entry.attempt]
        for sql, rows in (
            (_add_verdicts, settled),
            (_add_reviews, reviews),
            (_add_attempts, attempts),
        ):
            if rows:
                connection.execute(text(sql(self._dialect)), {"rows": rows_json(rows)})

    def _add_up(self, connection: Connection, keys: set[Key], book: Book) -> None:
        """Write what all verdicts of these participants add up to, from their history, not from the row before."""
        if not keys:
            return
        history: dict[Key, dict[str, list[Confirmed]]] = {key: {} for key in sorted(keys)}
        for row in connection.execute(text(_history(self._dialect)), {"rows": _key_rows(keys)}):
            confirmed = Confirmed(
                State(row[3]), Outcome(row[4]) if row[4] else None, reason_from(row[5]) if row[5] else None
            )
            history[row[0], row[1]].setdefault(row[2], []).append(confirmed)
        rows = []
        for (consultation, participant), answers in history.items():
            rounds = book.rounds.get(consultation, {})
            stands = {name: standing(answers.get(name, []), rounds.get(name, 0)) for name in [*rounds, *answers]}
            states: dict[str, QuestionState] = {name: state for name, (state, _) in stands.items()}
            left = {name: rounds_left for name, (_, rounds_left) in stands.items()}
            rule = book.rules.get(consultation) or AtLeast(len(states), tuple(states))
            rows.append(
                {
                    "consultation": consultation,
                    "participant": participant,
                    "access": evaluate(rule, states, left),
                    "questions": states,
                    "rounds_left": left,
                }
            )
        connection.execute(text(_add_up(self._dialect)), {"rows": rows_json(rows)})


def _fenced(entry: Entry) -> tuple[UUID, int]:
    """One claim of one check: a process may hold a check twice, once in a look-up that hangs."""
    return entry.held.id, entry.held.fence


def _key(entry: Entry) -> Key:
    return entry.held.consultation, entry.held.participant


def _key_rows(keys: Iterable[Key]) -> str:
    return rows_json([{"consultation": key[0], "participant": key[1]} for key in sorted(keys)])


def _movement(decision: Decision) -> dict[str, Any]:
    """Where a decision sends the row: its state, in how many seconds it is due, to which source, at which cost."""
    match decision:
        case Settle():
            return {"state": State.SETTLED, "wait": None, "source": None, "failed": 0}
        case Review():
            return {"state": State.REVIEW, "wait": None, "source": None, "failed": 0}
        case Later(seconds=seconds):
            return {"state": State.PENDING, "wait": round(seconds, 3), "source": None, "failed": 1}
        case NextSource(source=source):
            return {"state": State.PENDING, "wait": 0, "source": source, "failed": 0}
        case GiveBack():
            return {"state": State.PENDING, "wait": 0, "source": None, "failed": 0}


def _verdict(entry: Entry, verdict: Settle) -> dict[str, Any]:
    return {
        "check_id": str(entry.held.id),
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "config_version": entry.config_version,
        "source": entry.held.source,
        "data_date": verdict.data_date,
        "fence": entry.held.fence,
        "retain": entry.retain,
    }


def _review(entry: Entry, review: Review) -> dict[str, Any]:
    return {
        "check_id": str(entry.held.id),
        "reason": review.reason,
        "evidence": review.evidence,
        "config_version": entry.config_version,
        "due": review.seconds,
    }


def _attempt(entry: Entry, attempt: Attempt) -> dict[str, Any]:
    return {
        "check_id": str(entry.held.id),
        "fence": entry.held.fence,
        "source": entry.held.source,
        "duration": round(attempt.duration, 3),
        "ended": attempt.ended,
        "reason": attempt.reason,
    }


_KEYS = rowset("postgresql", "consultation text, participant text")

_LOCK = f"""
    SELECT a.consultation, a.participant FROM {_KEYS} JOIN jurat_access a USING (consultation, participant)
    ORDER BY a.consultation, a.participant FOR UPDATE OF a SKIP LOCKED"""

_EXISTING = f"SELECT consultation, participant FROM {_KEYS} JOIN jurat_access a USING (consultation, participant)"


@lru_cache
def _move(dialect: str) -> str:
    rows = rowset(dialect, "id uuid, fence bigint, state text, wait float8, source text, failed int")
    return f"""
        UPDATE jurat_checks SET
          state = r.state,
          source = coalesce(r.source, jurat_checks.source),
          due_at = CASE WHEN r.wait IS NULL THEN due_at ELSE {now(dialect, "r.wait")} END,
          lookups = lookups + r.failed,
          lease_until = NULL,
          answer = CASE WHEN r.state = 'settled' THEN NULL ELSE answer END,
          settled_at = CASE WHEN r.state = 'settled' THEN {now(dialect)} END
        FROM {rows}
        WHERE jurat_checks.id = r.id AND jurat_checks.fence = r.fence AND jurat_checks.state = 'leased'
        RETURNING jurat_checks.id, jurat_checks.fence"""


_CODE_COLUMNS = "check_id uuid, list text, fingerprint text"


@lru_cache
def _redeem(dialect: str) -> str:
    return f"""
        UPDATE jurat_codes SET redeemed_by = r.check_id, redeemed_at = {now(dialect)}
        FROM {rowset(dialect, _CODE_COLUMNS)}
        WHERE jurat_codes.list = r.list AND jurat_codes.fingerprint = r.fingerprint
          AND redeemed_by IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > {now(dialect)})
        RETURNING redeemed_by"""


@lru_cache
def _why_not(dialect: str) -> str:
    return f"""
        SELECT r.check_id, CASE WHEN k.list IS NULL THEN 'code_unknown'
                                WHEN k.revoked_at IS NOT NULL THEN 'code_revoked'
                                WHEN k.redeemed_by IS NOT NULL THEN 'code_used' ELSE 'code_expired' END
        FROM {rowset(dialect, _CODE_COLUMNS)}
        LEFT JOIN jurat_codes k ON k.list = r.list AND k.fingerprint = r.fingerprint"""


@lru_cache
def _add_verdicts(dialect: str) -> str:
    rows = rowset(
        dialect,
        "check_id uuid, outcome text, reason text, evidence jsonb, config_version int, source text, data_date text, "
        "fence bigint, retain float8",
    )
    return f"""
        INSERT INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source,
                                    data_date, fence, decided_at, retain_until)
        SELECT r.check_id,
               1 + coalesce((SELECT max(v.revision) FROM jurat_verdicts v WHERE v.check_id = r.check_id), 0),
               r.outcome, r.reason, r.evidence, 'worker', r.config_version, r.source, r.data_date, r.fence,
               {now(dialect)},
               CASE WHEN r.retain IS NULL THEN NULL ELSE {now(dialect, "r.retain")} END
        FROM {rows}"""


@lru_cache
def _add_reviews(dialect: str) -> str:
    rows = rowset(dialect, "check_id uuid, reason text, evidence jsonb, config_version int, due float8")
    return f"""
        INSERT INTO jurat_reviews (check_id, reason, evidence, config_version, opened_at, due_at)
        SELECT r.check_id, r.reason, r.evidence, r.config_version, {now(dialect)}, {now(dialect, "r.due")}
        FROM {rows} WHERE true
        ON CONFLICT (check_id) DO UPDATE SET reason = excluded.reason, evidence = excluded.evidence,
          config_version = excluded.config_version, opened_at = excluded.opened_at, due_at = excluded.due_at,
          decided_at = NULL"""


@lru_cache
def _add_attempts(dialect: str) -> str:
    rows = rowset(dialect, "check_id uuid, fence bigint, source text, duration float8, ended text, reason text")
    return f"""
        INSERT INTO jurat_attempts (check_id, fence, source, started_at, duration_ms, result, reason)
        SELECT r.check_id, r.fence, r.source, {now(dialect, "-r.duration")}, r.duration * 1000, r.ended, r.reason
        FROM {rows} WHERE true
        ON CONFLICT (check_id, fence) DO NOTHING"""


@lru_cache
def _history(dialect: str) -> str:
    return f"""
        SELECT c.consultation, c.participant, c.question, c.state, v.outcome, v.reason
        FROM {rowset(dialect, "consultation text, participant text")}
        JOIN jurat_checks c ON c.consultation = r.consultation AND c.participant = r.participant
        LEFT JOIN jurat_verdicts v ON v.check_id = c.id
             AND v.revision = (SELECT max(w.revision) FROM jurat_verdicts w WHERE w.check_id = c.id)
        ORDER BY c.question, c.round"""


@lru_cache
def _add_up(dialect: str) -> str:
    rows = rowset(dialect, "consultation text, participant text, access text, questions jsonb, rounds_left jsonb")
    return f"""
        INSERT INTO jurat_access (consultation, participant, access, questions, rounds_left, updated_at)
        SELECT r.consultation, r.participant, r.access, r.questions, r.rounds_left, {now(dialect)}
        FROM {rows} WHERE true
        ON CONFLICT (consultation, participant) DO UPDATE SET access = excluded.access, questions = excluded.questions,
          rounds_left = excluded.rounds_left, updated_at = excluded.updated_at"""
