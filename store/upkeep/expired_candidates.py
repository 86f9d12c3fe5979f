"""Erases the candidates of ambiguous addresses whose time is over."""

from __future__ import annotations

from sqlalchemy import Engine

from store.upkeep.pieces import change_all

_OVER = "candidates_until <= {now}"

ANY = f"EXISTS (SELECT 1 FROM jurat_checks WHERE {_OVER})"
"""SQL that is true while candidates are past their time."""

_ERASE = "UPDATE jurat_checks SET candidates = NULL, candidates_until = NULL"


def erase_candidates(engine: Engine) -> int:
    """Erase the candidates of ambiguous addresses whose time is over; of how many checks."""
    erased, failures = change_all(engine, _OVER, "candidates_until", _ERASE)
    if failures:
        raise failures[0]
    return len(erased)
