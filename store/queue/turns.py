"""Orders waiting checks: one queue for each priority and consultation of a source.

A queue is a range of the index `jurat_checks_due`. Going from one to the next costs one step down that index, however
many checks wait, so nothing here grows with a backlog.

On PostgreSQL a queue begins with index entries of checks that went since the last vacuum. A statement that comes to a
queue passes them, so a second look begins at the queue's first check (`since`). Each step down reads a page, so it
counts what it can on the way.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from jurat.seal import KEY_ID_LENGTH
from store.dialects import StoreDialect
from tasks.checks import MOST_LOST_LEASES

LAST_CHANCE = MOST_LOST_LEASES - 1

SOME = "(1 + CAST(:most AS int) / 8)"
"""SQL for how many checks of each queue are counted on the way to the next: as if there were about eight queues."""


def waiting(alias: str = "c", *, alone: bool = False) -> str:
    """SQL that is true for a waiting check: one that may be looked up next to others, or with `alone` one that may not.

    The indexes `jurat_checks_due` and `jurat_checks_last_chance` have the same conditions.
    """
    return f"{alias}.state = 'pending' AND {alias}.lost_leases {'=' if alone else '<>'} {LAST_CHANCE}"


_KEY_ID = re.compile("[0-9a-f]{16}")

Keys = Collection[str] | None
"""The ids of the keys whose answers are wanted; None means all answers."""


def sealed_for(keys: Keys) -> str:
    """SQL for "and the answer of `c` is sealed for one of these keys"; "" for all. A check without an answer, or
    without a possible key id, is for any worker.

    A worker leaves other answers to those that can open them. The ids are written into the statement: they are few,
    never change while a process lives, and have only hexadecimal digits.
    """
    if keys is None:
        return ""
    known = ", ".join(f"'{key}'" for key in sorted(keys) if _KEY_ID.fullmatch(key)) or "''"
    keyless = f"c.answer_key IS NULL OR c.answer IS NULL OR length(c.answer_key) <> {KEY_ID_LENGTH}"
    return f" AND (c.answer_key IN ({known}) OR {keyless})"


def queues(dialect: StoreDialect, served: str, some: str = "1", keys: Keys = None) -> str:
    """SQL for the common table `queues` (source, priority, consultation): every queue of the sources in `served`, with
    only those checks whose answers are sealed for one of `keys`.

    For use behind WITH RECURSIVE. Rows without a consultation are no queues. On PostgreSQL there are also `since`, when
    the first check of a queue is due, and `due`, how many of its first `some` are.
    """
    of_queue = waiting() + sealed_for(keys)
    if dialect.has_lateral:

        def first(where: str) -> str:
            return f"""LATERAL (
                SELECT f.priority, f.consultation, min(f.due_at), count(*) FILTER (WHERE f.due_at <= {dialect.now()})
                FROM (SELECT c.priority, c.consultation, c.due_at FROM jurat_checks c WHERE {of_queue} AND {where}
                      ORDER BY c.priority, c.consultation, c.due_at LIMIT {some}) AS f
                GROUP BY f.priority, f.consultation ORDER BY f.priority, f.consultation LIMIT 1
              ) AS f(priority, consultation, since, due)"""

        behind = "c.source = q.source AND (c.priority, c.consultation) > (q.priority, q.consultation)"
        return f"""queues(source, priority, consultation, since, due) AS (
            SELECT s.source, f.* FROM {served} s CROSS JOIN {first("c.source = s.source")}
            UNION ALL
            SELECT q.source, f.* FROM queues q CROSS JOIN {first(behind)})"""

    def least(column: str, where: str) -> str:
        return (
            f"(SELECT c.{column} FROM jurat_checks c WHERE {of_queue} AND {where} "
            "ORDER BY c.priority, c.consultation LIMIT 1)"
        )

    # SQLite seeks by the first column only when two are compared as a pair, and passes over the rest row by row.
    here, behind = "c.source = s.source", "c.source = q.source AND c.priority > q.priority"
    following = least(
        "consultation", "c.source = q.source AND c.priority = q.priority AND c.consultation > q.consultation"
    )
    return f"""queues(source, priority, consultation) AS (
        SELECT s.source, {least("priority", here)}, {least("consultation", here)} FROM {served} s
        UNION ALL
        SELECT q.source, CASE WHEN {following} IS NULL THEN {least("priority", behind)} ELSE q.priority END,
               coalesce({following}, {least("consultation", behind)})
        FROM queues q WHERE q.consultation IS NOT NULL)"""


def lengths(dialect: StoreDialect, keys: Keys = None) -> str:
    """SQL for the common table `lengths` (source, priority, consultation, since, due), behind `queues` with `SOME`: how
    many checks of each queue are due, as far as a claim needs it that takes `:most` of a source, a check of each
    consultation in turn. The first is due `since`, which SQLite does not need and does not have.

    So each queue is counted up to its even share, and further only where not all queues fill theirs. SQLite, whose
    limits cannot differ from row to row, counts each up to `:most`.
    """
    most = dialect.parameter("most", "int")
    first = "c.due_at >= q.since AND" if dialect.has_lateral else ""

    def due(limit: str) -> str:
        # In the order of the index. Without it PostgreSQL expects to meet a few matching rows anywhere, and reads the
        # table from its beginning.
        return f"""(SELECT count(*) FROM (
            SELECT 1 FROM jurat_checks c
            WHERE {waiting()}{sealed_for(keys)} AND c.source = q.source AND c.priority = q.priority
              AND c.consultation = q.consultation AND {first} c.due_at <= {dialect.now()}
            ORDER BY c.due_at LIMIT {limit}) AS counted)"""

    if not dialect.has_lateral:
        return f"""lengths AS (
            SELECT q.source, q.priority, q.consultation, NULL AS since, {due(most)} AS due
            FROM queues q WHERE q.consultation IS NOT NULL)"""
    together = "PARTITION BY q.source, q.priority"
    return f"""shares AS (
          SELECT q.source, q.priority, q.consultation, q.since, q.due AS found,
            greatest({SOME}, 1 + ({most} - 1) / count(*) OVER ({together})) AS share
          FROM queues q),
        filled AS MATERIALIZED (
          SELECT q.*, CASE WHEN q.found < {SOME} OR q.share = {SOME} THEN q.found ELSE {due("q.share")} END AS due
          FROM shares q),
        summed AS (SELECT q.*, sum(q.due) OVER ({together}) AS all_due FROM filled q),
        lengths AS (
          SELECT q.source, q.priority, q.consultation, q.since,
            CASE WHEN q.all_due >= {most} OR q.due < q.share THEN q.due ELSE {due(most)} END AS due
          FROM summed q)"""


def unsettled(columns: str) -> str:
    """SQL for a table `u` of the `columns` of every unsettled check.

    It reads the indexes of what waits, is leased or is in review, so that its cost does not grow with settled checks.
    """
    taken = ", ".join(f"c.{column}" for column in columns.split(", "))
    parts = [waiting(), waiting(alone=True), "c.state = 'leased'"]
    selects = [f"SELECT {taken} FROM jurat_checks c WHERE {part}" for part in parts]
    selects.append(
        f"SELECT {taken} FROM jurat_checks c WHERE c.state = 'review' "
        "AND c.id IN (SELECT v.check_id FROM jurat_reviews v WHERE v.decided_at IS NULL)"
    )
    return f"({' UNION ALL '.join(selects)}) AS u"
