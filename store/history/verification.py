"""Verifies the history: that its leaves make the signed heads, that rows are as they were sealed, and purges were due.

What changes rows past all guards cannot make the heads that are kept outside. A range that was lost in a restore is
told apart from a forgery.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any, Final, NamedTuple

from nacl.signing import VerifyKey
from sqlalchemy import Connection, Engine, text

from config.digest import digest_of
from jurat.database import reader
from jurat.names import is_erased
from jurat.queries import read_json
from jurat.statements import rows_json
from jurat.times import instant, moment
from store.dialects import dialect_of
from store.history.entries import (
    SEALED,
    Leaf,
    LeafKind,
    SealedRow,
    content_hash,
    fingerprint_hash,
    fingerprint_of,
    missing_rows,
    person_hash,
    read_rows,
)
from store.history.heads import Head
from store.history.merkle import Frontier
from store.history.sealer import BATCH, heads_after, was_restored
from store.rehash import REHASH
from store.requests.erasure import EVERYWHERE
from store.requests.erasure_journal import former_ids

PAGE: Final = 1000
"""Leaves that are read in one transaction."""

TOLD: Final = 100
"""Rows of one kind that are named at most if they are not in the history."""

LEAST_STAY: Final = timedelta(hours=23)
"""How long a verdict stays at least after its time was set: a day, less what clocks differ and a transaction takes."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What was changed: of a row, or of the history itself (`kind` head)."""

    what: str
    kind: str
    subject: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Leaves that a restore took away: their numbers, and between which heads."""

    first: int
    after_last: int
    since: datetime | None
    until: datetime


@dataclass(slots=True)
class VerifiedHistory:
    """What was found. `waiting` rows are not sealed yet, and `sealed_at` is when the sealer last ran."""

    leaves: int = 0
    heads: int = 0
    waiting: int = 0
    sealed_at: datetime | None = None
    contradictions: list[Contradiction] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


def verify_history(
    engine: Engine, outside: Sequence[Head], key: VerifyKey | None, report: Callable[[int], None] = lambda _: None
) -> VerifiedHistory | None:
    """Verify all of it, by the heads in the database and those `outside`, in the order of their file; None if no
    history has begun. Without the `key`, nobody knows who signed. `report` gets the number of leaves so far.
    """
    found, heads = VerifiedHistory(), heads_after(engine, -1)
    with reader(engine).begin() as connection:
        begun = connection.execute(text("SELECT sealed_at FROM jurat_history")).first()
        size = connection.scalar(text("SELECT count(*) FROM jurat_leaves")) or 0
        unknown_end = outside and (not heads or heads[-1].signed_ms < outside[-1].signed_ms)
        restored = bool(unknown_end and was_restored(connection, outside[-1].signed_at))
    if begun is None and not outside:
        return None
    found.sealed_at = moment(begun[0]) if begun else None
    kept = _after_restores(outside, found)
    if unknown_end:
        if restored:
            kept = _without_lost(kept, size, outside[-1].tree_size, outside[-1].signed_at, found)
        else:
            what = f"the history does not reach the head of {outside[-1].signed_at:%Y-%m-%d %H:%M:%S}Z"
            found.contradictions.append(Contradiction(what, "head", str(outside[-1].tree_size)))
            kept = [head for head in kept if head.tree_size <= size]
    if key is not None:
        for head in {*heads, *outside}:
            if not head.verified_by(key):
                what = f"another key signed the head of {head.signed_at:%Y-%m-%d %H:%M:%S}Z"
                found.contradictions.append(Contradiction(what, "head", str(head.tree_size)))
    found.heads = len({*heads, *kept})
    walk = _Walk(sorted({*heads, *kept}, key=lambda head: (head.tree_size, head.signed_ms)), heads)
    while walk.page(engine, found):
        report(found.leaves)
    with reader(engine).begin() as connection:
        found.waiting = connection.scalar(text("SELECT count(*) FROM jurat_unsealed")) or 0
        for kind in SEALED:
            for subject in connection.scalars(text(f"{missing_rows(kind)} LIMIT {TOLD}")):
                found.contradictions.append(Contradiction("it is not in the history", kind, subject))
        for version in _altered_documents(connection):
            what = "its document does not have its digest"
            found.contradictions.append(Contradiction(what, LeafKind.CONFIGURATION, str(version)))
    return found


def _after_restores(outside: Sequence[Head], found: VerifiedHistory) -> list[Head]:
    """The heads outside that still hold: those that a restore took back are not compared."""
    kept: list[Head] = []
    for head in outside:
        if head.lost_from is not None:
            until = kept[-1].signed_at if kept else head.signed_at
            kept = _without_lost(kept, head.tree_size, head.lost_from, until, found)
        kept.append(head)
    return kept


def _without_lost(
    kept: Sequence[Head], size: int, lost_from: int, until: datetime, found: VerifiedHistory
) -> list[Head]:
    rest = [head for head in kept if head.tree_size <= size]
    found.lost.append(Lost(size, lost_from, rest[-1].signed_at if rest else None, until))
    return rest


class _Walk:
    """One walk along the leaves: builds the tree, and compares each row and each head on the way."""

    def __init__(self, heads: Sequence[Head], own: Sequence[Head]) -> None:
        self._heads = list(heads)
        self._times = sorted((head.tree_size, head.signed_at) for head in own)
        self._tree = Frontier()
        self._broken = False

    def page(self, engine: Engine, found: VerifiedHistory) -> bool:
        """Go on by up to `PAGE` leaves; whether there are more."""
        with reader(engine).begin() as connection:
            if snapshot := dialect_of(connection).snapshot:
                connection.execute(text(snapshot))
            rows = connection.execute(text(_LEAVES), {"after": self._tree.size, "limit": PAGE}).all()
            leaves = [(row[0], Leaf(row[1], row[2], moment(row[3]), *map(_bytes, row[4:]))) for row in rows]
            found.contradictions += self._compare(connection, leaves)
        self._reach(found)
        for number, leaf in leaves:
            if number != self._tree.size and not self._broken:
                self._break(found, f"leaf {self._tree.size} is missing", number)
            self._tree.add(leaf.hash)
            self._reach(found)
        found.leaves += len(leaves)
        if len(leaves) == PAGE:
            return True
        for head in self._heads[:1]:
            self._break(found, f"the leaves end before the head of {head.signed_at:%Y-%m-%d %H:%M:%S}Z", head.tree_size)
        return False

    def _reach(self, found: VerifiedHistory) -> None:
        while self._heads and self._heads[0].tree_size == self._tree.size:
            head = self._heads.pop(0)
            if head.root_hash != self._tree.root():
                what = f"the leaves do not make the head of {head.signed_at:%Y-%m-%d %H:%M:%S}Z"
                self._break(found, what, self._tree.size)

    def _break(self, found: VerifiedHistory, what: str, number: int) -> None:
        """The first that is wrong is told: all later heads are wrong with it."""
        if not self._broken:
            self._broken = True
            found.contradictions.append(Contradiction(what, "head", str(number)))

    def _compare(self, connection: Connection, leaves: Sequence[tuple[int, Leaf]]) -> Iterator[Contradiction]:
        about = {leaf.subject for _, leaf in leaves}
        sealed, waiting = _sealed(connection, about), _waiting(connection, about)
        rows: dict[tuple[str, str], SealedRow] = {}
        for kind in SEALED:
            subjects = [leaf.subject for _, leaf in leaves if leaf.kind in (kind, LeafKind.REHASH)]
            rows |= {(kind, subject): row for subject, row in read_rows(connection, kind, subjects).items()}
        rehashed = cache(lambda: connection.scalars(text(_REHASHES)).all())
        now = instant(connection.scalar(text(f"SELECT {dialect_of(connection).now()}")))
        erased_from = cache(lambda: frozenset(connection.scalars(text(_ERASED_FROM))))
        for number, leaf in leaves:
            next_head = bisect_right(self._times, number, key=lambda each: each[0])
            known = sealed[leaf.subject]
            if known[leaf.kind].number != number and not _has_more(leaf.kind, known):
                yield Contradiction("it was sealed twice, and the first time counts", leaf.kind, leaf.subject)
                continue
            again = (LeafKind.REHASH, leaf.subject) in waiting
            again = again and self._was_noted(rehashed(), len(self._times), _LATER)
            match leaf.kind:
                case LeafKind.PURGE:
                    signed_at = self._times[next_head][1] if next_head < len(self._times) else now
                    what = _early(_due(known), signed_at)
                case LeafKind.RETENTION:
                    what = "" if LeafKind.REQUEST in known else self._too_soon(leaf.due_at, next_head)
                case LeafKind.REHASH if not self._was_noted(rehashed(), next_head, number):
                    what = "its code or number was hashed again, and no rehash is known"
                case LeafKind.REHASH:
                    row = rows.get((LeafKind.VERDICT, leaf.subject), rows.get((LeafKind.REDEMPTION, leaf.subject)))
                    what = "" if again or known[leaf.kind].number != number else _other_hash(leaf, row)
                case _:
                    just_now = (LeafKind.PURGE, leaf.subject) in waiting
                    limited = leaf.due_at is None and (LeafKind.RETENTION, leaf.subject) in waiting
                    kept = [] if limited or not (due := _due(known)) else [due[1]]
                    row = rows.get((leaf.kind, leaf.subject))
                    purged = LeafKind.PURGE in known or just_now
                    what = _difference(connection, leaf, row, kept, erased_from, purged=purged)
                    if not what and not again and LeafKind.REHASH not in known:
                        what = _other_hash(leaf, row)
                    if not what and limited and row is not None:
                        what = self._too_soon(row.due, len(self._times))
                    if not what and LeafKind.PURGE not in known and just_now:
                        what = _early(_due(known), now)
            if what:
                yield Contradiction(what, leaf.kind, leaf.subject)

    def _too_soon(self, due: datetime | None, next_head: int) -> str:
        """Why a time until which a row stays cannot have been set after the head before."""
        last = self._before(next_head)
        wrong = due is None or (last >= 0 and due < self._times[last][1] + LEAST_STAY)
        return "the time until which it stays was set less than a day before" if wrong else ""

    def _was_noted(self, rehashes: Sequence[int], next_head: int, number: int) -> bool:
        """Whether the audit has a rehash from the time in which the leaf of a head waited: each part of one is noted
        just before it is done.
        """
        last = self._before(next_head)
        first = self._times[last][0] if last >= 0 else 0
        return any(first <= noted <= number for noted in rehashes)

    def _before(self, next_head: int) -> int:
        """The last head that was signed before what is in the next one waited; -1 if there is none. If a head took as
        much as one can, the rest may have waited since the head before it.
        """
        last = next_head - 1
        while last >= 0 and self._times[last][0] - (self._times[last - 1][0] if last else 0) >= BATCH // 2:
            last -= 1
        return last


def _early(sealed: tuple[str, datetime | None] | None, purged_at: datetime) -> str:
    """Why a purge was not due yet, of a row of a kind and from when on it was; empty if it was due."""
    if sealed is None:
        return "it was purged, and is not in the history"
    kind, due = sealed
    if due is None:
        return "" if kind == LeafKind.REQUEST else "it was purged, and had to stay for good"
    return "it was purged before its time" if due > purged_at else ""


def _difference(
    connection: Connection,
    leaf: Leaf,
    row: SealedRow | None,
    kept: Sequence[datetime | None],
    erased_from: Callable[[], frozenset[str]],
    *,
    purged: bool,
) -> str:
    """What is other in a row than when it was sealed; empty if nothing is. `kept` is until when it stays, or empty if
    that was set just now; `erased_from` what `_ERASED_FROM` finds.
    """
    if row is None:
        return "" if purged and leaf.salt is None else "it is gone, and was not purged"
    if leaf.salt is None or purged:
        return "it is said to be purged, and is there"
    if content_hash(row, leaf.salt) != leaf.content:
        return "it is not as it was sealed"
    if kept and leaf.kind == LeafKind.VERDICT and row.due != kept[0]:
        return "the time until which it stays was changed"
    people = row.people()
    if not people:
        return ""
    salt = leaf.person_salt
    if salt is not None and person_hash(people, salt) == leaf.person:
        return ""
    if erased := [name for name in people if name is not None and is_erased(name)]:
        given = {"consultation": getattr(row, "consultation", None), "participant": erased[0]}
        known = {EVERYWHERE, given["consultation"]} & erased_from() or connection.execute(text(_ERASED), given).first()
        return "" if known else "its participant was erased, and no erasure is known"
    if salt is None:
        return "it is said to be of an erased participant, who is there"
    before = [[name, *former_ids(connection, name)] for name in people]
    was_theirs = any(person_hash(each, salt) == leaf.person for each in product(*before))
    return "" if was_theirs else "it was given to another participant, and no transfer is known"


def _other_hash(leaf: Leaf, row: SealedRow | None) -> str:
    """That a row rests on another code or number than its newest leaf has; empty if it does not, or is gone."""
    if row is None:
        return ""
    found, sealed = fingerprint_of(row), leaf.fingerprint
    same = fingerprint_hash(found, leaf.fingerprint_salt) == sealed and (found is None) == (sealed is None)
    return "" if same else "the hash of its code or number was changed, and no rehash is known"


def _has_more(kind: str, known: Collection[str]) -> bool:
    """Whether there may be several leaves of a kind about a row, of which the newest counts."""
    return kind == LeafKind.REHASH or (kind == LeafKind.RETENTION and LeafKind.REQUEST in known)


class _LeafPlace(NamedTuple):
    number: int
    due_at: datetime | None


def _sealed(connection: Connection, subjects: Collection[str]) -> Mapping[str, Mapping[str, _LeafPlace]]:
    """The leaf of each kind about each of these rows that counts: the first one, unless `_has_more`."""
    sql = f"""
        SELECT r.subject, l.kind, l.number, l.due_at FROM {dialect_of(connection).rowset("subject text")}
        JOIN jurat_leaves l ON l.subject = r.subject ORDER BY l.number"""
    found: dict[str, dict[str, _LeafPlace]] = defaultdict(dict)
    for row in connection.execute(text(sql), {"rows": rows_json([{"subject": subject} for subject in subjects])}):
        known, place = found[row[0]], _LeafPlace(row[2], moment(row[3]))
        known[row[1]] = place if _has_more(row[1], known) else known.get(row[1], place)
    return found


def _due(known: Mapping[str, _LeafPlace]) -> tuple[str, datetime | None] | None:
    """The kind of a row, and from when on it may be purged, by its leaf or by that of its retention; None if it is not
    in the history.
    """
    for kind in known.keys() - {LeafKind.PURGE, LeafKind.RETENTION, LeafKind.REHASH}:
        due, later = known[kind].due_at, known.get(LeafKind.RETENTION)
        return kind, later.due_at if later and (due is None or kind == LeafKind.REQUEST) else due
    return None


def _altered_documents(connection: Connection) -> list[int]:
    """The versions of the configuration whose document is another than their digest says. A version that a publication
    made is whole until the next one; where PostgreSQL put it together, the digest is of PostgreSQL's text.
    """
    dialect = dialect_of(connection)
    hashed = "encode(sha256(convert_to(document::text, 'UTF8')), 'hex')"
    by_database = dialect.choose(postgresql=f"CASE WHEN change IS NOT NULL THEN {hashed} END", sqlite="NULL")
    sql = f"SELECT version, digest, document, {by_database} FROM jurat_configs WHERE whole OR change IS NULL"
    return [row[0] for row in connection.execute(text(sql)) if row[1] != (row[3] or digest_of(_canonical(row[2])))]


def _canonical(document: Any) -> str:
    return json.dumps(read_json(document), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _waiting(connection: Connection, subjects: Collection[str]) -> set[tuple[str, str]]:
    """What is not sealed yet about these rows: the kind, and the row."""
    sql = f"""
        SELECT u.kind, r.subject FROM {dialect_of(connection).rowset("subject text")}
        JOIN jurat_unsealed u ON u.subject = r.subject"""
    rows = connection.execute(text(sql), {"rows": rows_json([{"subject": subject} for subject in subjects])})
    return {(row[0], row[1]) for row in rows}


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


_ERASED = """
    SELECT 1 FROM jurat_requests WHERE consultation = :consultation AND participant = :participant AND kind = 'erase'
      AND applied_at IS NOT NULL AND refused IS NULL"""

_ERASED_FROM = """
    SELECT DISTINCT a.subject FROM jurat_audit a WHERE a.action = 'erase' AND NOT EXISTS (
      SELECT 1 FROM jurat_requests q WHERE CAST(q.id AS text) = a.detail ->> 'request'
        AND (q.consultation IS NOT NULL OR q.applied_at IS NULL OR q.refused IS NOT NULL))"""
"""From where erasures took people away that cannot be told from each other any more: an erasure of all consultations
gives each another name, and its request goes before its verdicts."""

_LATER = 1 << 62
"""The number of leaves that wait."""

_REHASHES = f"""
    SELECT coalesce(l.number, {_LATER}) FROM jurat_audit a
    LEFT JOIN jurat_leaves l ON l.kind = '{LeafKind.AUDIT}' AND l.subject = CAST(a.id AS text)
    WHERE a.action = '{REHASH}'"""

_LEAVES = """
    SELECT number, kind, subject, due_at, salt, content, person, fingerprint, person_salt, fingerprint_salt
    FROM jurat_leaves WHERE number >= :after ORDER BY number LIMIT :limit"""
