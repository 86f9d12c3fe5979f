"""What the end of one database is reckoned from: the bytes and the WAL of a check, a vacuum, and the purge."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from bench.rig.figures import Figure, percentile
from bench.scale import months
from bench.scale.filler import TABLES
from bench.scale.measure import work
from bench.scale.shape import BATCH
from bench.scale.side import Side

LONGEST = 800
"""Milliseconds that a piece of a purge may take: it holds rows of participants, and no one waits longer for a lock."""

_WRITTEN = 20
"""Batches that are submitted, claimed and settled to see how much WAL they leave."""

_END = (
    """CREATE TEMPORARY TABLE ended AS
       SELECT id, consultation, participant FROM jurat_checks WHERE state = 'settled' ORDER BY id LIMIT %s""",
    "ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_kept",
    """UPDATE jurat_verdicts v SET retain_until = statement_timestamp() - interval '1 d' FROM ended e
       WHERE v.check_id = e.id""",
    "ALTER TABLE jurat_verdicts ENABLE ALWAYS TRIGGER jurat_verdicts_kept",
    """UPDATE jurat_access a SET granted_until = statement_timestamp() FROM ended e
       WHERE a.consultation = e.consultation AND a.participant = e.participant""",
    "DROP TABLE ended",
)
"""The oldest checks are past their time, and so is what they granted. That no program could do: a verdict is kept."""


def figures(side: Side, checks: int) -> list[Figure]:
    """Everything, of the large side. The purge, of so many `checks`, comes last: what it deletes is gone."""
    found = [*_sizes(side), *_wal(side), Figure("a vacuum of jurat_checks", _vacuum(side), unit="s")]
    return found + (_purge(side, checks) if checks else [])


def _sizes(side: Side) -> Iterator[Figure]:
    """Bytes of a check on disk, with what belongs to it."""
    sql = """
        SELECT sum(pg_total_relation_size(oid))::float8, sum(pg_indexes_size(oid))::float8
        FROM pg_class WHERE relkind = 'r' AND relname ~ %s"""
    ((whole, indexes),) = side.connection.execute(sql, (f"^({'|'.join(TABLES)})",)).fetchall()
    rows = side.state()["rows"]
    yield Figure("a check on disk, with all that belongs to it", whole / rows, unit="B")
    yield Figure("of that, indexes", indexes / rows, unit="B")


def _wal(side: Side) -> Iterator[Figure]:
    """WAL from the submit to the verdict. The first change of a page after a checkpoint writes the whole page: shortly
    after one nearly every change does, long after it hardly any.
    """
    for name, whole in (("long after a checkpoint", "off"), ("right after a checkpoint", "on")):
        side.connection.execute(f"ALTER SYSTEM SET full_page_writes = {whole}")
        side.connection.execute("SELECT pg_reload_conf()")
        side.connection.execute("CHECKPOINT")
        with _written(side) as wal:
            for _ in range(_WRITTEN):
                for _ in range(BATCH):
                    side.submit()
                side.claim()
                side.settle()
        yield Figure(f"WAL from a submit to its verdict, {name}", wal[0] / _WRITTEN / BATCH, unit="B")
    side.refill()


def _vacuum(side: Side) -> float:
    begun = time.monotonic()
    side.connection.execute("VACUUM (INDEX_CLEANUP ON) jurat_checks")
    return time.monotonic() - begun


def _purge(side: Side, checks: int) -> list[Figure]:
    """Purge the oldest, in the pieces that a worker does, but without its rests."""
    for statement in _END:
        side.connection.execute(statement, (checks,) if "%s" in statement else None)
    for table in TABLES:
        side.connection.execute(f"VACUUM ANALYZE {table}")
    if side.months:
        months.without_keys(side.connection)
    backends, pieces, gone = side.backends(), list[float](), 0
    with months.left_for_the_drop(side.engine) if side.months else nullcontext(), _written(side) as wal:
        before, last = work(backends), time.monotonic()
        for count in side.upkeep.purge_pieces():
            gone += count
            pieces.append(time.monotonic() - last)
            last = time.monotonic()
        after = work(backends)
    found = [
        Figure("checks purged", gone, least=1),
        Figure("checks purged in a second, without rests", gone / sum(pieces), unit="/s"),
        Figure("a piece of the purge, p95", percentile(pieces, 0.95) * 1000, most=LONGEST, unit="ms"),
        Figure("the longest of them", max(pieces) * 1000, unit="ms"),
        Figure("WAL of a check that is purged", wal[0] / max(gone, 1), unit="B"),
    ]
    if before is not None and after is not None:
        found.append(Figure("CPU of a check that is purged", (after - before) * 1e6 / max(gone, 1), unit="µs"))
    if side.months:
        rows, seconds = months.drop_largest(side.connection)
        found += [Figure("rows in the largest month", rows), Figure("drop of that month", seconds * 1000, unit="ms")]
    return found


@contextmanager
def _written(side: Side) -> Iterator[list[float]]:
    """Bytes of WAL meanwhile, in the list's only place afterwards."""
    sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::float8"
    ((before,),) = side.connection.execute("SELECT pg_current_wal_lsn()::text").fetchall()
    wal: list[float] = []
    yield wal
    ((bytes_written,),) = side.connection.execute(sql, (before,)).fetchall()
    wal.append(bytes_written)
