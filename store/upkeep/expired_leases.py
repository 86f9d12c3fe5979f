"""Gives back the checks whose leases are over: their workers are gone."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import Engine

from store.upkeep.pieces import change_all
from tasks.crash_points import crash_point

_OVER = "state = 'leased' AND lease_until <= {now}"

ANY = f"EXISTS (SELECT 1 FROM jurat_checks WHERE {_OVER})"
"""SQL that is true while a lease is over."""

_END = "UPDATE jurat_checks SET state = 'pending', lease_until = NULL, lost_leases = lost_leases + 1"


def end_leases(engine: Engine) -> list[UUID]:
    """Give back the checks whose leases are over, due as before; each counts one lost lease."""
    ended, failures = change_all(engine, _OVER, "lease_until", _END, partial(crash_point, "leases.ended"))
    crash_point("leases.committed")
    if failures and not ended:
        raise failures[0]
    return ended
