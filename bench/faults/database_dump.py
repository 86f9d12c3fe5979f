"""Reads what the checker needs from the database, in one snapshot."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import Engine, text

from bench.faults.history import AccessRow, AttemptRow, CheckRow, Dump, VerdictRow


def dump(engine: Engine, consultation: str) -> Dump:
    """All rows of a consultation as they are now. Raises SQLAlchemy's errors if the database cannot be reached."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return Dump(
            checks={
                str(row[0]): CheckRow(*row[1:])
                for row in connection.execute(
                    text(
                        "SELECT id, participant, question, state, fence, lookups, lost_leases, answer IS NOT NULL "
                        "FROM jurat_checks WHERE consultation = :name"
                    ),
                    {"name": consultation},
                )
            },
            verdicts=tuple(
                _verdict(row)
                for row in connection.execute(
                    text(f"SELECT r.* FROM jurat_verdicts r {_OF_THE_CONSULTATION}"), {"name": consultation}
                ).mappings()
            ),
            attempts=tuple(
                AttemptRow(str(row[0]), row[1], row[2])
                for row in connection.execute(
                    text(f"SELECT r.check_id, r.fence, r.result FROM jurat_attempts r {_OF_THE_CONSULTATION}"),
                    {"name": consultation},
                )
            ),
            access=tuple(
                AccessRow(*row)
                for row in connection.execute(
                    text("SELECT participant, access, questions FROM jurat_access WHERE consultation = :name"),
                    {"name": consultation},
                )
            ),
        )


_OF_THE_CONSULTATION = """
    LEFT JOIN jurat_checks c ON c.id = r.check_id WHERE c.id IS NULL OR c.consultation = :name"""
"""Also a row without a check, which there must not be."""


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
