"""Limits how often a participant is offered addresses to choose from: offers cost no round, and may not map a zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection

from jurat.batches import run
from jurat.statements import rows_json
from jurat.vocabulary import Reason
from store.dialects import StoreDialect, dialect_of
from store.verdicts.access import Key
from tasks.checks import CheckResult, Review, Settle

MOST_OFFERS = 5
"""Ambiguous answers of a participant of a consultation for which addresses are offered within `OFFER_WINDOW_S`."""

OFFER_WINDOW_S = 3600.0


def limit_offers(connection: Connection, entries: Sequence[CheckResult]) -> list[CheckResult]:
    """The entries, of which those with an offer too many are decided `otherwise`. Call it before checks are moved."""
    offers = {_key(entry) for entry in entries if _otherwise(entry)}
    if not offers:
        return list(entries)
    rows = [{"consultation": consultation, "participant": participant} for consultation, participant in sorted(offers)]
    (found,) = run(connection, (_often_offered(dialect_of(connection)), {"rows": rows_json(rows)}))
    often = {(row[0], row[1]) for row in found}
    return [
        replace(entry, decision=instead) if (instead := _otherwise(entry)) and _key(entry) in often else entry
        for entry in entries
    ]


def _otherwise(entry: CheckResult) -> Settle | Review | None:
    return entry.decision.otherwise if isinstance(entry.decision, Settle) else None


def _key(entry: CheckResult) -> Key:
    return entry.held.consultation, entry.held.participant


@lru_cache
def _often_offered(dialect: StoreDialect) -> str:
    return f"""
        SELECT c.consultation, c.participant
        FROM {dialect.rowset("consultation text, participant text")}
        JOIN jurat_checks c ON c.consultation = r.consultation AND c.participant = r.participant
        JOIN jurat_verdicts v ON v.check_id = c.id
        WHERE v.reason = '{Reason.AMBIGUOUS_ADDRESS}' AND v.decided_at > {dialect.now(str(-OFFER_WINDOW_S))}
        GROUP BY c.consultation, c.participant HAVING count(*) >= {MOST_OFFERS}"""
