"""Adds to the history what waits for it, and signs the tree that results.

Only the sealer has the signing key: neither workers nor the database have it. So no one else can make a head that fits
a changed history.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from nacl.signing import SigningKey
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from jurat.database import reader
from jurat.statements import rows_json
from jurat.times import instant, moment
from store.dialects import StoreDialect, dialect_of
from store.history.entries import (
    SALT,
    SEALED,
    Leaf,
    LeafKind,
    fingerprint_hash,
    fingerprint_of,
    leaf_of,
    missing_rows,
    read_rows,
    rehash_of,
)
from store.history.heads import Head, append_heads, read_heads, sign
from store.history.merkle import SIZE, Frontier
from store.restored import RESTORED
from store.schema.owners import by_owner

BATCH: Final = 2000
"""Rows that one head takes at most."""

LATE: Final = 600
"""Seconds after which a row should have been sealed."""


class HistoryError(Exception):
    """The history cannot be continued, and what to do."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn added: a head, or None where nothing waited, and whether more waits."""

    head: Head | None
    leaves: int
    more: bool


def begin(engine: Engine, who: str) -> int | None:
    """Begin the history: from now on, each new row waits for it from its own transaction on. How many rows of before
    wait as well; None if it had begun, and nothing was missing. Run again, it goes on where it ended.

    Needs the owner's rights. On PostgreSQL, writers wait for the moment in which it begins, two seconds at most.
    """
    dialect = dialect_of(engine)
    with engine.begin() as connection:
        new = connection.scalar(text("SELECT count(*) FROM jurat_history")) == 0
        if new:
            if not dialect.one_writer:
                # Transactions that write now do not know yet that a history begins.
                tables = ", ".join(model.ROWS.split()[0] for model in SEALED.values())
                connection.execute(text("SET LOCAL lock_timeout = '2s'"))
                connection.execute(text(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE"))
            row = f"INSERT INTO jurat_history (began_at, began_by) VALUES ({dialect.now()}, :who)"
            connection.execute(text(row), {"who": who})
    with engine.begin() as connection:
        waiting = sum(connection.execute(text(_queue(dialect, kind))).rowcount for kind in SEALED)
    return waiting if new or waiting else None


def newest_head(connection: Connection) -> tuple[Head, Frontier] | None:
    """The last signed head, and its tree."""
    sql = """SELECT signed_ms, tree_size, root_hash, signature, lost_from, frontier FROM jurat_tree_heads
             ORDER BY signed_ms DESC LIMIT 1"""
    if (row := connection.execute(text(sql)).first()) is None:
        return None
    head = Head(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4])
    return head, Frontier.from_bytes(head.tree_size, bytes(row[5]))


def heads_after(engine: Engine, signed_ms: int) -> list[Head]:
    """The heads in the database that were signed after a time."""
    sql = """SELECT signed_ms, tree_size, root_hash, signature, lost_from FROM jurat_tree_heads
             WHERE signed_ms > :after ORDER BY signed_ms"""
    with reader(engine).begin() as connection:
        rows = connection.execute(text(sql), {"after": signed_ms}).all()
    return [Head(row[0], row[1], bytes(row[2]), bytes(row[3]), row[4]) for row in rows]


def unsealed_since(engine: Engine) -> tuple[int, datetime] | None:
    """How many rows wait to be sealed for longer than `LATE`, counted up to a million, and since when the first does;
    None if none does.
    """
    sql = f"""SELECT count(*), min(queued_at) FROM (
                SELECT queued_at FROM jurat_unsealed WHERE queued_at < {dialect_of(engine).now(f"-{LATE}")}
                ORDER BY queued_at LIMIT 1000000) u"""
    with reader(engine).begin() as connection:
        count, first = connection.execute(text(sql)).one()
    return (count, instant(first)) if count else None


class Sealer:
    """Seals the history of one database. `file` keeps the heads outside of it, and belongs on another disk.

    Raises ConfigurationError if the file cannot be read.
    """

    def __init__(self, engine: Engine, key: SigningKey, file: Path) -> None:
        self._engine = engine
        self._key = key
        self._file = file
        self._dialect = dialect_of(engine)
        self._outside = heads[-1] if file.exists() and (heads := read_heads(file)) else None

    def turn(self) -> Turn:
        """Add up to `BATCH` rows that wait, sign the tree, and add its head to the file.

        Raises HistoryError if no history has begun, or the last head is not our own; ConfigurationError if the file
        cannot be written. The next turn writes what is missing there.
        """
        turn = self._seal()
        if missing := heads_after(self._engine, self._outside.signed_ms if self._outside else -1):
            append_heads(self._file, missing)
            self._outside = missing[-1]
        return turn

    def _seal(self) -> Turn:
        with self._engine.begin() as connection:
            # The row is locked so: one sealer at a time.
            if not connection.execute(text(f"UPDATE jurat_history SET sealed_at = {self._dialect.now()}")).rowcount:
                raise HistoryError("no history has begun; run `bin/jurat history begin` as the owner of the tables")
            found = newest_head(connection)
            last = found[0] if found else None
            frontier = found[1] if found else Frontier()
            lost_from = self._lost_from(connection, last, frontier)
            if lost_from is not None:  # a head of its own: from here on, the tree is another one
                return Turn(self._sign(connection, last, frontier, lost_from), 0, more=True)
            waiting = connection.execute(text(_TAKE), {"limit": BATCH}).all()
            waiting = sorted(waiting, key=lambda row: (str(row[0]), row[1] == LeafKind.PURGE, row[1], row[2]))
            leaves = self._leaves(connection, [tuple(row[1:]) for row in waiting])
            more = len(waiting) == BATCH
            if not leaves and last is not None:
                return Turn(None, 0, more)
            if leaves:
                self._add(connection, frontier.size, leaves)
            for leaf in leaves:
                frontier.add(leaf.hash)
            return Turn(self._sign(connection, last, frontier), len(leaves), more)

    def _add(self, connection: Connection, size: int, leaves: Sequence[Leaf]) -> None:
        try:
            connection.execute(text(_add(self._dialect)), _added(self._dialect, size, leaves))
        except IntegrityError:
            raise HistoryError(
                f"a leaf from number {size} on is there already, and no head has it: this sealer did not write it. "
                "Replace the sealer's password; as the owner of the tables, delete the leaves from that number on"
            ) from None

    def _lost_from(self, connection: Connection, head: Head | None, frontier: Frontier) -> int | None:
        """From which size leaves were lost, if a backup was restored. Raises HistoryError if the tree is not ours."""
        if head is not None and (not head.verified_by(self._key.verify_key) or frontier.root() != head.root_hash):
            raise HistoryError(
                f"this key did not sign the last head, of {head.signed_at:%Y-%m-%d %H:%M}; "
                "see what `bin/jurat db verify` says before you go on"
            )
        outside = self._outside
        if outside is None or (head is not None and outside.signed_ms <= head.signed_ms):
            return None
        if not was_restored(connection, outside.signed_at):
            raise HistoryError(
                f"the database knows no head as new as that of {outside.signed_at:%Y-%m-%d %H:%M} outside. If a backup "
                "was restored, run `bin/jurat db restored`; if not, see what `bin/jurat db verify` says"
            )
        return outside.tree_size

    def _leaves(self, connection: Connection, waiting: Sequence[tuple[str, str, str | None]]) -> list[Leaf]:
        """The leaves of rows that wait, in their order. A row that went before it was sealed gets none."""
        by_kind: dict[str, list[str]] = defaultdict(list)
        replaced: dict[str, list[str]] = defaultdict(list)
        for kind, subject, former in waiting:
            if kind == LeafKind.REHASH:
                replaced[subject].append(former or "")
            else:
                by_kind[kind].append(subject)
        purged, retained = by_kind.pop(LeafKind.PURGE, []), by_kind.pop(LeafKind.RETENTION, [])
        found: dict[tuple[str, str], Leaf] = {}
        for name, subjects in by_kind.items():
            kind = LeafKind(name)
            for subject, row in read_rows(connection, kind, subjects).items():
                found[kind, subject] = leaf_of(kind, subject, row)
        for subject, verdict in read_rows(connection, LeafKind.VERDICT, retained).items():
            found[LeafKind.RETENTION, subject] = Leaf(LeafKind.RETENTION, subject, verdict.due)
        if purged:
            for subject in connection.scalars(text(_known(self._dialect)), _rows(purged)):
                found[LeafKind.PURGE, subject] = Leaf(LeafKind.PURGE, subject)
        for subject, leaf in self._hashed_again(connection, replaced).items():
            found[LeafKind.REHASH, subject] = leaf
        ordered = [found[each] for each in dict.fromkeys(row[:2] for row in waiting) if each in found]
        return [*ordered, *self._kept_longer(connection, [*by_kind[LeafKind.VERDICT], *retained])]

    def _hashed_again(self, connection: Connection, replaced: Mapping[str, Collection[str]]) -> dict[str, Leaf]:
        """A leaf for each hash of which one of those that it `replaced` is sealed; the salt of that goes.

        There is none where another hash is sealed: it was changed before.
        """
        if not replaced:
            return {}
        sealed = {row[0]: row[1:] for row in connection.execute(text(_last_hash(self._dialect)), _rows(replaced))}
        found, ended = {}, []
        for kind in (LeafKind.VERDICT, LeafKind.REDEMPTION):
            for subject, row in read_rows(connection, kind, list(sealed)).items():
                number, salt, fingerprint = sealed[subject]
                now = fingerprint_hash(fingerprint_of(row), salt)
                if now not in (None, fingerprint) and fingerprint in {
                    fingerprint_hash(each, salt) for each in replaced[subject]
                }:
                    found[subject] = rehash_of(subject, row)
                    ended.append({"number": number})
        connection.execute(text(_forget_salts(self._dialect)), {"rows": rows_json(ended)})
        return found

    def _kept_longer(self, connection: Connection, verdicts: Sequence[str]) -> list[Leaf]:
        """Until when sealed requests stay, now that their check or participant has other `verdicts`, or other times."""
        if not verdicts:
            return []
        checks = [{"check_id": check} for check in sorted({each.split("/")[0] for each in verdicts})]
        found = connection.execute(text(_resting_on(self._dialect)), {"rows": rows_json(checks)})
        sealed = {row[0]: moment(row[1]) for row in found}
        rows = read_rows(connection, LeafKind.REQUEST, list(sealed))
        changed = sorted(subject for subject, row in rows.items() if row.due != sealed[subject])
        return [Leaf(LeafKind.RETENTION, subject, rows[subject].due) for subject in changed]

    def _sign(
        self, connection: Connection, last: Head | None, frontier: Frontier, lost_from: int | None = None
    ) -> Head:
        before = max((each.signed_ms for each in (last, self._outside) if each is not None), default=0)
        now = max(time.time_ns() // 1_000_000, before + 1)
        head = sign(self._key, now, frontier.size, frontier.root(), lost_from)
        connection.execute(
            text(
                """INSERT INTO jurat_tree_heads (signed_ms, tree_size, root_hash, signature, lost_from, frontier)
                   VALUES (:signed_ms, :tree_size, :root_hash, :signature, :lost_from, :frontier)"""
            ),
            {name: getattr(head, name) for name in ("signed_ms", "tree_size", "root_hash", "signature", "lost_from")}
            | {"frontier": frontier.to_bytes()},
        )
        return head


def was_restored(connection: Connection, since: datetime) -> bool:
    """Whether the audit knows of a backup that was restored after a time. Only the owner restores one."""
    own = by_owner(dialect_of(connection))
    found = connection.scalar(text(f"SELECT max(at) FROM jurat_audit WHERE action = '{RESTORED}' AND {own}"))
    return found is not None and instant(found) > since


_BYTES: Final = {
    **dict.fromkeys(("salt", "person_salt", "fingerprint_salt"), SALT),
    **dict.fromkeys(("content", "person", "fingerprint"), SIZE),
}
"""How many bytes a leaf has in each of these columns, or none."""


def _added(dialect: StoreDialect, size: int, leaves: Sequence[Leaf]) -> dict[str, Any]:
    """The parameters of `_add`. All salts and hashes are one string of bytes, in which each leaf knows its place."""
    rows: list[dict[str, Any]] = []
    hashes = bytearray()
    for number, leaf in enumerate(leaves, start=size):
        due = None if leaf.due_at is None else dialect.time_text(leaf.due_at)
        row = {"number": number, "kind": leaf.kind, "subject": leaf.subject, "due_at": due}
        for name in _BYTES:
            if (value := getattr(leaf, name)) is not None:
                row[name] = len(hashes) + 1
                hashes += value
        rows.append(row)
    return {"rows": rows_json(rows), "hashes": bytes(hashes)}


@lru_cache
def _add(dialect: StoreDialect) -> str:
    """One statement, for thousands of leaves: it costs half of one for each."""
    places = ", ".join(f"{name} int" for name in _BYTES)
    row = f"number bigint, kind text, subject text, due_at timestamptz, {places}"
    hashes = dialect.parameter("hashes", "bytea")
    return f"""
        INSERT INTO jurat_leaves (number, kind, subject, due_at, {", ".join(_BYTES)})
        SELECT r.number, r.kind, r.subject, r.due_at,
          {", ".join(f"substr({hashes}, r.{name}, {size})" for name, size in _BYTES.items())}
        FROM {dialect.rowset(row)}"""


_TAKE = """
    DELETE FROM jurat_unsealed WHERE (queued_at, kind, subject) <= (
      SELECT queued_at, kind, subject FROM (
        SELECT queued_at, kind, subject FROM jurat_unsealed ORDER BY queued_at, kind, subject LIMIT :limit) u
      ORDER BY queued_at DESC, kind DESC, subject DESC LIMIT 1)
    RETURNING queued_at, kind, subject, replaced"""
"""All up to the last of so many. Those IN so many would be looked for once for each, where PostgreSQL takes the queue
for empty, as VACUUM last saw it."""


def _rows(subjects: Iterable[str]) -> dict[str, str]:
    return {"rows": rows_json([{"subject": subject} for subject in subjects])}


@lru_cache
def _known(dialect: StoreDialect) -> str:
    return f"""
        SELECT DISTINCT r.subject FROM {dialect.rowset("subject text")} JOIN jurat_leaves l ON l.subject = r.subject
        WHERE l.kind IN ('{LeafKind.VERDICT}', '{LeafKind.REQUEST}')"""


@lru_cache
def _forget_salts(dialect: StoreDialect) -> str:
    numbers = f"SELECT r.number FROM {dialect.rowset('number bigint')}"
    return f"UPDATE jurat_leaves SET fingerprint_salt = NULL WHERE number IN ({numbers})"


@lru_cache
def _last_hash(dialect: StoreDialect) -> str:
    """The newest hash of each row that is sealed."""
    return f"""
        SELECT r.subject, l.number, l.fingerprint_salt, l.fingerprint FROM {dialect.rowset("subject text")}
        JOIN jurat_leaves l ON l.number = (
          SELECT max(n.number) FROM jurat_leaves n WHERE n.subject = r.subject AND n.fingerprint IS NOT NULL)"""


@lru_cache
def _resting_on(dialect: StoreDialect) -> str:
    """The requests in the history that stay as long as verdicts of these checks, each with the newest time of it."""
    found = " UNION ".join(
        f"SELECT q.id FROM {dialect.rowset('check_id uuid')} JOIN jurat_checks c ON c.id = r.check_id "
        f"JOIN jurat_requests q ON {theirs}"
        for theirs in (
            "q.check_id = c.id",
            "q.participant = c.participant AND q.consultation = c.consultation",
            "q.target = c.participant AND q.consultation = c.consultation",
        )
    )
    return f"""
        SELECT l.subject, l.due_at FROM ({found}) f JOIN jurat_leaves l ON l.number = (
          SELECT max(n.number) FROM jurat_leaves n
          WHERE n.subject = CAST(f.id AS text) AND n.kind IN ('{LeafKind.REQUEST}', '{LeafKind.RETENTION}'))"""


@lru_cache
def _queue(dialect: StoreDialect, kind: LeafKind) -> str:
    """Have rows of before the history wait for it."""
    return f"""
        INSERT INTO jurat_unsealed (queued_at, kind, subject)
        SELECT {dialect.now()}, '{kind}', m.subject FROM ({missing_rows(kind)}) m"""
