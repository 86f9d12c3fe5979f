"""Claims a number for the first participant of a consultation who is accepted with it.

Anyone can type a number that everyone can look up: a record shows that its holder exists, and not that the participant
is that person. So of two participants accepted with the same number, the later one goes to a reviewer. Only the
number's keyed hash is kept, in the transaction that writes the verdict.

Every check that rests on a number has a row, even one that came too late. At most one row holds a number; when it is
released, the next accepted one takes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from adapters.base import NumberClaim
from adapters.fingerprints import key_of
from jurat.batches import Rows, Statement, run
from jurat.statements import rows_json
from store.dialects import StoreDialect, dialect_of
from store.hash_keys import CLAIM_KEYS, hold_key_in_use, key_in_use_statement
from tasks.checks import CheckResult, GiveBack, Settle

LEFT_TO_OTHERS = 10.0
"""Seconds for which a check is left to other workers because a key of numbers is missing here. The plan, which leaves
out its source, is made again meanwhile."""

_Row = dict[str, Any]


def claim_numbers(connection: Connection, entries: Sequence[CheckResult]) -> list[CheckResult]:
    """Claim the numbers on which verdicts rest, each for its participant; a check that comes too late is to be
    reviewed. All workers claim under one key, and look under all: one that lacks a key gives the check back.

    Only for checks that are still ours, which stay locked from here on. Call it before they are moved: a settled check
    has no answer that anyone could review.
    """
    claims = _claiming(entries)
    if not claims:
        return list(entries)
    dialect = dialect_of(connection)
    ours = [key_of(fingerprint) for fingerprint in claims[0][1].fingerprints]
    key = hold_key_in_use(connection, ours[0])
    # Read now: until the key was held, others may have claimed under the one before it.
    (needed,) = run(connection, (CLAIM_KEYS, {}))
    held_under = {row[0] for row in needed}
    if not {key, *held_under}.issubset(ours):
        return [
            _left(entry) if isinstance(entry.decision, Settle) and entry.decision.claim else entry for entry in entries
        ]
    rows = [_row(entry, claim, key) for entry, claim in claims]
    # Another participant holds the number, hashed with another key.
    late = _holders(connection, [_row(*each, other) for other in held_under - {key} for each in claims], "<>")
    wanted = [row for row in rows if row["check_id"] not in late]
    (held,) = run(connection, (_claim(dialect, holds=True), {"rows": rows_json(wanted)}))
    holding = {str(row[0]) for row in held}
    if rest := [row for row in rows if row["check_id"] not in holding]:
        # Such a check is fine only if its own participant holds the number; a holder released meanwhile proves nothing.
        late |= {row["check_id"] for row in rest} - _holders(connection, rest, "=")
        run(connection, (_claim(dialect, holds=False), {"rows": rows_json(rest)}))
    return [
        replace(entry, decision=entry.decision.if_taken)
        if str(entry.held.id) in late and isinstance(entry.decision, Settle) and entry.decision.if_taken
        else entry
        for entry in entries
    ]


def claim_statements(dialect: StoreDialect, entries: Sequence[CheckResult]) -> list[Statement]:
    """What claims the numbers of `entries`, as if each was free and only one key was ever used; none for no numbers.

    `all_claimed` tells whether that was right.
    """
    claims = _claiming(entries)
    if not claims:
        return []
    rows = [_row(entry, claim, _first_key(claim)) for entry, claim in claims]
    return [key_in_use_statement(dialect), (CLAIM_KEYS, {}), (_claim(dialect, holds=True), {"rows": rows_json(rows)})]


def all_claimed(entries: Sequence[CheckResult], found: Sequence[Rows]) -> bool:
    """Whether all numbers are claimed, by the results of `claim_statements`."""
    claims = _claiming(entries)
    if not claims:
        return True
    key = _first_key(claims[0][1])
    in_use, needed, held = ({str(row[0]) for row in rows} for rows in found)
    return in_use == {key} >= needed and held == {str(entry.held.id) for entry, _ in claims}


def _claiming(entries: Sequence[CheckResult]) -> list[tuple[CheckResult, NumberClaim]]:
    return [
        (entry, entry.decision.claim)
        for entry in entries
        if isinstance(entry.decision, Settle) and entry.decision.claim
    ]


def _first_key(claim: NumberClaim) -> str:
    return key_of(claim.fingerprints[0])


def release_numbers(connection: Connection, checks: Collection[UUID]) -> None:
    """Release the numbers of these checks: they are not accepted after all, or are to be deleted.

    Another check accepted with the same number takes it over: one of the same participant, otherwise the first.
    """
    dialect = dialect_of(connection)
    release = f"""
        UPDATE jurat_claims SET holds = false
        WHERE holds AND check_id IN (SELECT r.id FROM {dialect.rowset("id uuid")})
        RETURNING consultation, namespace, fingerprint, participant"""
    (released,) = run(connection, (release, {"rows": rows_json([{"id": str(check)} for check in checks])}))
    if not released:
        return
    columns = ("consultation", "namespace", "fingerprint", "participant")
    keys = [dict(zip(columns, row, strict=True)) for row in released]
    (found,) = run(connection, (_accepted(dialect), {"rows": rows_json(keys)}))
    following: dict[tuple[str, ...], UUID] = {}
    for row in found:
        following.setdefault((row[0], row[1], row[2]), UUID(str(row[3])))
    for check in following.values():
        hold_number(connection, check)


def hold_number(connection: Connection, check: UUID) -> None:
    """Let a check that was accepted hold its number, unless another check does."""
    same = "k.consultation = c.consultation AND k.namespace = c.namespace AND k.fingerprint = c.fingerprint"
    sql = f"""
        UPDATE jurat_claims AS c SET holds = true
        WHERE c.check_id = {dialect_of(connection).uuid()}
          AND NOT EXISTS (SELECT 1 FROM jurat_claims k WHERE k.holds AND {same})"""
    try:
        with connection.begin_nested():
            run(connection, (sql, {"id": str(check)}))
    except IntegrityError:  # a worker has just written another claim
        return


def _left(entry: CheckResult) -> CheckResult:
    """Left to another worker, which looks it up again: only what settles a check is kept of a lookup."""
    return replace(entry, decision=GiveBack(LEFT_TO_OTHERS), attempt=None)


def _row(entry: CheckResult, claim: NumberClaim, key: str) -> _Row:
    return {
        "check_id": str(entry.held.id),
        "fence": entry.held.fence,
        "consultation": entry.held.consultation,
        "participant": entry.held.participant,
        "namespace": claim.namespace,
        "fingerprint": next(each for each in claim.fingerprints if key_of(each) == key),
    }


def _holders(connection: Connection, rows: Sequence[_Row], comparison: str) -> set[str]:
    """The checks whose number another participant ("<>") or their own ("=") holds."""
    if not rows:
        return set()
    (found,) = run(connection, (_held_by(dialect_of(connection), comparison), {"rows": rows_json(rows)}))
    return {str(row[0]) for row in found}


_COLUMNS = "check_id uuid, fence bigint, consultation text, participant text, namespace text, fingerprint text"
_KEY = "k.consultation = r.consultation AND k.namespace = r.namespace AND k.fingerprint = r.fingerprint"


@lru_cache
def _claim(dialect: StoreDialect, *, holds: bool) -> str:
    # In one order, so that two writers with the same numbers never wait for each other in a circle.
    return f"""
        INSERT INTO jurat_claims (consultation, namespace, fingerprint, check_id, participant, holds, claimed_at)
        SELECT r.consultation, r.namespace, r.fingerprint, r.check_id, r.participant, {str(holds).lower()},
          {dialect.now()}
        FROM {dialect.rowset(_COLUMNS)} JOIN jurat_checks c ON c.id = r.check_id
        WHERE c.fence = r.fence AND c.state = 'leased'
        ORDER BY r.consultation, r.namespace, r.fingerprint, r.check_id
        {dialect.row_lock("FOR NO KEY UPDATE OF c")}
        ON CONFLICT DO NOTHING
        RETURNING check_id"""


@lru_cache
def _held_by(dialect: StoreDialect, comparison: str) -> str:
    claims = dialect.join_each("jurat_claims k", f"k.holds AND {_KEY}", "k.participant")
    return f"""
        SELECT DISTINCT r.check_id FROM {dialect.rowset(_COLUMNS)} {claims}
        WHERE k.participant {comparison} r.participant"""


@lru_cache
def _accepted(dialect: StoreDialect) -> str:
    """The checks accepted with the numbers in `:rows`: of each number first the former holder's, then the oldest."""
    keys = dialect.rowset("consultation text, namespace text, fingerprint text, participant text")
    return f"""
        SELECT k.consultation, k.namespace, k.fingerprint, k.check_id FROM {keys} JOIN jurat_claims k ON {_KEY}
        WHERE (SELECT v.outcome FROM jurat_verdicts v WHERE v.check_id = k.check_id ORDER BY v.revision DESC LIMIT 1)
          = 'accepted'
        ORDER BY k.participant <> r.participant, k.claimed_at, k.check_id"""
