"""Reads what the checker needs from the database, in one snapshot."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import Engine, text

from bench.faults.history import AccessRow, AttemptRow, CheckRow, Dump, VerdictRow


def dump(engine: Engine) -> Dump:
    """All rows as they are now. Raises SQLAlchemy's errors if the database cannot be reached."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return Dump(
            checks={
                str(row[0]): CheckRow(*row[1:])
                for row in connection.execute(
                    text(
                        "SELECT id, participant, question, state, fence, lookups, lost_leases, answer IS NOT NULL "
                        "FROM jurat_checks"
                    )
                )
            },
            verdicts=tuple(
                _verdict(row) for row in connection.execute(text("SELECT * FROM jurat_verdicts")).mappings()
            ),
            attempts=tuple(
                AttemptRow(str(row[0]), row[1], row[2])
                for row in connection.execute(text("SELECT check_id, fence, result FROM jurat_attempts"))
            ),
            access=tuple(
                AccessRow(*row)
                for row in connection.execute(text("SELECT participant, access, questions FROM jurat_access"))
            ),
        )


def _verdict(row: Any) -> VerdictRow:
    whole = json.dumps(dict(row), default=str, sort_keys=True)
    return VerdictRow(
        check=str(row["check_id"]),
        revision=row["revision"],
        outcome=row["outcome"],
        reason=row["reason"],
        decided_by=row["decided_by"],
        fence=row["fence"],
        digest=hashlib.sha256(whole.encode()).hexdigest(),
    )
