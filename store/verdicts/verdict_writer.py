"""Writes the results of claimed checks: each row only under its fence, a whole batch in one transaction."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from jurat.batches import Statement, begin, commit, run
from jurat.candidates import LARGEST, LIFETIME
from jurat.database import is_away, preparing
from jurat.statements import rows_json
from jurat.vocabulary import Outcome, Reason, State
from store.dialects import POSTGRESQL, StoreDialect, dialect_of
from store.held_rows import (
    HARDLY_WAIT,
    claim_of,
    claim_rows,
    claims_in,
    held_by_others,
    id_of,
    is_held,
    lock_free_statements,
)
from store.verdicts.access import AccessRows, Key, existing_statements, history_statements, lock_statements
from store.verdicts.codes import redeem_codes
from store.verdicts.numbers import all_claimed, claim_numbers, claim_statements
from store.verdicts.offers import limit_offers
from store.verdicts.records import (
    UNSTORABLE,
    add_attempts,
    add_verdicts,
    attempt_row,
    candidates_row,
    movement_row,
    open_reviews,
    places_row,
    review_row,
    verdict_row,
)
from tasks.checks import CheckResult, ClaimedCheck, Ended, GiveBack, Review, Settle
from tasks.crash_points import crash_point

FEW = 8
"""Results that are written in two round trips, as if no one held their rows. Among more, one may well be held."""

SLOWLY_S = 1.0
"""Seconds for which none are, after that was wrong: a row that is held stays so for a while."""

CAREFUL_S = 60.0
"""Seconds for which rows of checks are locked without waiting, after another transaction held one for too long."""


@dataclass(slots=True)
class WriteOutcome:
    """The result of a batch: `done` was written, and `stale` refused because the fence is no longer ours. `busy` must
    be written again: another transaction holds the row of the check or of its participant's access, or a commit did not
    go through. `failed` has those that the database refused, each alone, with the error.
    """

    done: list[CheckResult] = field(default_factory=list)
    stale: list[CheckResult] = field(default_factory=list)
    busy: list[CheckResult] = field(default_factory=list)
    failed: list[tuple[CheckResult, Exception]] = field(default_factory=list)

    def add(self, other: WriteOutcome) -> WriteOutcome:
        self.done += other.done
        self.stale += other.stale
        self.busy += other.busy
        self.failed += other.failed
        return self


class VerdictWriter:
    """Writes verdicts, attempts and reviews, and moves their checks on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = preparing(engine)
        self._dialect = dialect_of(engine)
        self._access = AccessRows()
        self._quick_from = -math.inf
        self._careful_until = -math.inf
        """Until when no row is waited for, because another transaction held one for too long."""

    def write(self, entries: Sequence[CheckResult]) -> WriteOutcome:
        """Write `entries` in one transaction, without waiting: an entry whose rows another one holds is `busy`.

        A platform's own trigger, or a value that cannot be stored (a NUL or half a surrogate pair from a source), would
        fail the whole batch for ever. So a refused batch is halved until the bad check is alone. With a value that
        cannot be stored it ends `source_unreadable`; otherwise it is `failed`, and nothing of it was written.

        Raises SQLAlchemy's errors when the database is away; only `read_again` then tells whether anything was written.
        """
        try:
            return self._write(entries)
        except Exception as error:
            held = is_held(error)
            if is_away(error) and not held:
                raise
            if held and not self._careful:
                self._careful_until = time.monotonic() + CAREFUL_S
                return self.write(entries)
            if len(entries) > 1:
                half = len(entries) // 2
                return self.write(entries[:half]).add(self.write(entries[half:]))
            return WriteOutcome(busy=list(entries)) if held else self._write_alone(entries[0], error)

    def _write_alone(self, bad: CheckResult, error: Exception) -> WriteOutcome:
        """End a check whose evidence cannot be stored. Any other failure is for the caller to wait for."""
        if not isinstance(error, UNSTORABLE) or isinstance(bad.decision, GiveBack):
            return WriteOutcome(failed=[(bad, error)])
        attempt = bad.attempt and replace(bad.attempt, ended=Ended.FAILED, reason=Reason.SOURCE_UNREADABLE)
        verdict = Settle(Outcome.UNDETERMINED, Reason.SOURCE_UNREADABLE)
        try:
            return self._write([replace(bad, decision=verdict, attempt=attempt)])
        except Exception as failure:
            if is_held(failure):
                return WriteOutcome(busy=[bad])
            if is_away(failure):
                raise
            return WriteOutcome(failed=[(bad, failure)])

    @property
    def _careful(self) -> bool:
        return time.monotonic() < self._careful_until

    def read_again(self, entries: Sequence[CheckResult]) -> WriteOutcome:
        """What became of `entries` after a `write` of them that raised: its commit may have gone through.

        `done` has the verdicts that were written; `busy` is still leased to us and must be written; `stale` was lost
        before it was written. Waits for a commit that is still under way.

        Raises SQLAlchemy's errors when the database is away; then this is still unknown.
        """
        return self._read_in_halves(entries) if entries else WriteOutcome()

    def _read_in_halves(self, entries: Sequence[CheckResult], *before: Statement) -> WriteOutcome:
        try:
            return self._read_again(entries, before)
        except DBAPIError as error:
            if not is_held(error):
                raise
            if len(entries) == 1:  # no commit takes so long; the next write waits for the row, and is fenced
                return WriteOutcome(busy=list(entries))
            halves = entries[: len(entries) // 2], entries[len(entries) // 2 :]
            first, second = (self._read_in_halves(half, HARDLY_WAIT) for half in halves)  # each would wait as long
            return first.add(second)

    def _read_again(self, entries: Sequence[CheckResult], before: Sequence[Statement]) -> WriteOutcome:
        parameters = {"rows": claim_rows(entries)}
        with self._engine.begin() as connection:
            run(connection, *before)
            if not self._dialect.one_writer:
                # A commit that is still under way holds the rows, and has happened or failed once they are ours. A
                # statement that begins after that sees what it wrote.
                run(connection, (_LOCK_CHECKS, parameters))
            (found,) = run(connection, (_read_again(self._dialect), parameters))
        statuses = {(id_of(row[0]), row[1]): _CheckStatus(*row[2:]) for row in found}
        outcome, done = WriteOutcome(), set()
        for entry in entries:
            status = statuses.get(claim_of(entry))  # None: another worker settled it, and it was purged since
            if status is not None and status.ours:
                outcome.busy.append(entry)
            elif status is None or status.is_lost(entry.held) or claim_of(entry) in done:
                outcome.stale.append(entry)
            else:
                outcome.done.append(status.as_written(entry))
                done.add(claim_of(entry))
        return outcome

    def _write(self, entries: Sequence[CheckResult]) -> WriteOutcome:
        if self._may_be_quick(entries):
            if outcome := self._write_quickly(entries):
                return outcome
            self._quick_from = time.monotonic() + SLOWLY_S
        return self._write_step_by_step(entries)

    def _may_be_quick(self, entries: Sequence[CheckResult]) -> bool:
        if len(entries) > FEW or self._careful or self._dialect.one_writer or time.monotonic() < self._quick_from:
            return False
        # A code, or an offer too many, is known only after something was read.
        verdicts = [each.decision for each in entries if isinstance(each.decision, Settle)]
        once = len({claim_of(each) for each in entries}) == len(entries)
        return once and not any(verdict.redemption or verdict.otherwise for verdict in verdicts)

    def _write_quickly(self, entries: Sequence[CheckResult]) -> WriteOutcome | None:
        """Write as if every check were ours, its number free, and no row held. Returns None where that was wrong:
        nothing is written then.

        Where a single check is written, its participant waits, and each round trip costs more than what it does.
        """
        keys = _access_keys(entries)
        locks = [*lock_statements(self._dialect, keys), *existing_statements(keys)]
        numbers = claim_statements(self._dialect, entries)
        changes = [self._movement(entries), *self._insert_statements(entries)]
        statements = [*locks, *numbers, *changes, *history_statements(self._dialect, keys)]
        try:
            with begin(self._engine, *statements) as (connection, rows):
                found = iter(rows)
                free = self._access.rows_taken(connection, keys, list(islice(found, len(locks))))
                claimed = all_claimed(entries, list(islice(found, len(numbers))))
                moved, *_ = islice(found, len(changes))
                if free != keys or not claimed or claims_in(moved) != {claim_of(entry) for entry in entries}:
                    raise _NotOurs
                last = self._access.access_statements(connection, keys, list(found))
                crash_point("write.made")
                commit(connection, *last)
        except _NotOurs:
            return None
        except Exception as error:
            if is_away(error):  # or a row was held for too long: step by step it would be waited for as long again
                raise
            return None
        crash_point("write.committed")
        return WriteOutcome(done=list(entries))

    def _write_step_by_step(self, entries: Sequence[CheckResult]) -> WriteOutcome:
        keys = _access_keys(entries)
        before = lock_free_statements(entries) if self._careful and not self._dialect.one_writer else []
        with begin(self._engine, *before, *lock_statements(self._dialect, keys)) as (connection, found):
            free = self._access.rows_taken(connection, keys, found[len(before) :])
            held = held_by_others(connection, entries, found[len(before) - 1]) if before else set()
            free_entries = [entry for entry in entries if claim_of(entry) not in held]
            outcome, last = self._write_rows(connection, free_entries, free)
            crash_point("write.made")
            commit(connection, *last)
        crash_point("write.committed")
        outcome.busy += [entry for entry in entries if claim_of(entry) in held]
        return outcome

    def _write_rows(
        self, connection: Connection, entries: Sequence[CheckResult], free: set[Key]
    ) -> tuple[WriteOutcome, list[Statement]]:
        """Write all but the last statements, which it returns. `free` are the access rows that are ours."""
        outcome = WriteOutcome()
        ready, seen = [], set()
        for entry in entries:
            # A worker that drops a lookup gives it back; the answer may still come, too late.
            if claim_of(entry) in seen:
                outcome.stale.append(entry)
                continue
            seen.add(claim_of(entry))
            if isinstance(entry.decision, Settle | Review) and _key(entry) not in free:
                outcome.busy.append(entry)
            else:
                ready.append(entry)
        ready = limit_offers(connection, claim_numbers(connection, ready))
        ours = claims_in(run(connection, self._movement(ready))[0]) if ready else set()
        for entry in ready:
            (outcome.done if claim_of(entry) in ours else outcome.stale).append(entry)
        outcome.done = redeem_codes(connection, outcome.done)
        inserts = self._insert_statements(outcome.done)
        keys = _access_keys(outcome.done)
        if not keys:
            return outcome, inserts
        # The history is read after the inserts, so that it includes them.
        found = run(connection, *inserts, *history_statements(self._dialect, keys))[len(inserts) :]
        return outcome, self._access.access_statements(connection, keys, found)

    def _movement(self, entries: Sequence[CheckResult]) -> Statement:
        rows = [
            {"id": str(entry.held.id), "fence": entry.held.fence, **movement_row(entry.decision)}
            for entry in sorted(entries, key=lambda entry: entry.held.id)
        ]
        return _move(self._dialect), {"rows": rows_json(rows)}

    def _insert_statements(self, entries: Sequence[CheckResult]) -> list[Statement]:
        verdicts = [verdict_row(entry, entry.decision) for entry in entries if isinstance(entry.decision, Settle)]
        reviews = [review_row(entry, entry.decision) for entry in entries if isinstance(entry.decision, Review)]
        attempts = [attempt_row(entry, entry.attempt) for entry in entries if entry.attempt]
        candidates = [
            (_keep_candidates(self._dialect), candidates_row(entry, entry.decision.candidates))
            for entry in entries
            # Too large ones are no choice: names that long came from no list of streets.
            if isinstance(entry.decision, Settle)
            and entry.decision.candidates
            and len(entry.decision.candidates) <= LARGEST
        ]
        places = [
            (_keep_places(self._dialect), places_row(entry, entry.decision.places))
            for entry in entries
            if isinstance(entry.decision, Review) and entry.decision.places
        ]
        return [
            *add_verdicts(self._dialect, verdicts),
            *open_reviews(self._dialect, reviews),
            *add_attempts(self._dialect, attempts),
            *candidates,
            *places,
        ]


@dataclass(frozen=True, slots=True)
class _CheckStatus:
    """A check that we had claimed, as its row is now. `same`: no one has claimed or decided it since. `traced`: an
    attempt or a verdict of our claim exists; the verdict has `outcome` and `reason`.
    """

    same: bool
    state: str
    lost_leases: int
    traced: bool
    outcome: str | None
    reason: str | None

    @property
    def ours(self) -> bool:
        return bool(self.same) and self.state == State.LEASED

    def is_lost(self, held: ClaimedCheck) -> bool:
        """Whether our claim ended without a write of ours: a lease was lost, and no trace shows an earlier write."""
        return self.lost_leases > held.lost_leases and not self.traced

    def as_written(self, entry: CheckResult) -> CheckResult:
        """The entry with the decision in the row: a spent code, a taken number, an offer too many or unstorable
        evidence changes it.
        """
        if self.outcome is None or self.reason is None:
            if not isinstance(entry.decision, Settle):
                return entry
            if self.state != State.REVIEW:
                return replace(entry, decision=GiveBack())
            return replace(entry, decision=entry.decision.if_taken or entry.decision.otherwise or GiveBack())
        verdict = Outcome(self.outcome), Reason(self.reason)
        if isinstance(entry.decision, Settle) and verdict == (entry.decision.outcome, entry.decision.reason):
            return entry
        return replace(entry, decision=Settle(*verdict))


class _NotOurs(Exception):
    """A check was lost, or another transaction holds a row."""


def _key(entry: CheckResult) -> Key:
    return entry.held.consultation, entry.held.participant


def _access_keys(entries: Iterable[CheckResult]) -> set[Key]:
    """The access rows that the entries change."""
    return {_key(entry) for entry in entries if isinstance(entry.decision, Settle | Review)}


@lru_cache
def _move(dialect: StoreDialect) -> str:
    rows = dialect.rowset("id uuid, fence bigint, state text, wait float8, source text, failed int, leaning text")
    return f"""
        UPDATE jurat_checks SET
          state = r.state,
          source = coalesce(r.source, jurat_checks.source),
          due_at = CASE WHEN r.wait IS NULL THEN due_at ELSE {dialect.now("r.wait")} END,
          lookups = lookups + r.failed,
          lease_until = NULL,
          answer = CASE WHEN r.state = 'settled' THEN NULL ELSE answer END,
          settled_at = CASE WHEN r.state = 'settled' THEN {dialect.now()} END,
          leaning = CASE WHEN r.wait IS NULL OR r.source IS NOT NULL THEN r.leaning ELSE jurat_checks.leaning END
        FROM {rows}
        WHERE jurat_checks.id = r.id AND jurat_checks.fence = r.fence AND jurat_checks.state = 'leased'
        RETURNING jurat_checks.id, jurat_checks.fence"""


@lru_cache
def _keep_candidates(dialect: StoreDialect) -> str:
    # One statement for each check: JSON carries no bytes, and few checks have any.
    fence, candidates = dialect.parameter("fence", "bigint"), dialect.parameter("candidates", "bytea")
    return f"""
        UPDATE jurat_checks SET candidates = {candidates}, candidates_until = {dialect.now(str(LIFETIME))}
        WHERE id = {dialect.uuid()} AND fence = {fence} AND state = 'settled'"""


@lru_cache
def _keep_places(dialect: StoreDialect) -> str:
    return f"""
        UPDATE jurat_reviews SET places = {dialect.parameter("places", "bytea")}
        WHERE check_id = {dialect.uuid()} AND decided_at IS NULL"""


_LOCK_CHECKS = f"""
    SELECT c.id FROM {POSTGRESQL.rowset("id uuid, fence bigint")} JOIN jurat_checks c ON c.id = r.id
    ORDER BY c.id FOR NO KEY UPDATE OF c"""


@lru_cache
def _read_again(dialect: StoreDialect) -> str:
    return f"""
        SELECT r.id, r.fence, c.fence = r.fence, c.state, c.lost_leases,
               a.check_id IS NOT NULL OR v.outcome IS NOT NULL, v.outcome, v.reason
        FROM {dialect.rowset("id uuid, fence bigint")} JOIN jurat_checks c ON c.id = r.id
        LEFT JOIN jurat_attempts a ON a.check_id = r.id AND a.fence = r.fence
        LEFT JOIN jurat_verdicts v ON v.check_id = r.id AND v.fence = r.fence"""
