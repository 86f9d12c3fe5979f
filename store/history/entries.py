"""What is sealed of each kind of row, and how it becomes a leaf.

A leaf has hashes of the row with a salt. When the row is deleted, its salts go too, and the leaf tells nothing that
could be guessed; the tree stays as it is. The ids of participants change with transfers, so they have a hash of their
own; its salt goes with an erasure. So has the keyed hash of a code or number: after `keys rehash`, a leaf of its own
has the new one, and the salt of the old one goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import Connection, text

from jurat.statements import rows_json
from store.dialects import dialect_of
from store.history.merkle import leaf_hash
from store.requests.erasure import KEPT
from store.requests.request_rows import RequestKind
from store.rows import row_of

SALT: Final = 16
"""Bytes of a salt."""

FOREVER: Final = "9999-01-01"
"""Until when a request stays whose verdicts stay for good."""


class LeafKind(StrEnum):
    """What a leaf is about."""

    VERDICT = "verdict"
    REQUEST = "request"
    REDEMPTION = "redemption"
    CONFIGURATION = "configuration"
    AUDIT = "audit"
    RETENTION = "retention"
    """The time until which a verdict is kept that was set later; or a request, for there are other verdicts now."""
    PURGE = "purge"
    """The end of a verdict or a request that is in the history."""
    REHASH = "rehash"
    """Another keyed hash of the code or number that a row rests on, which was hashed once more."""


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row that is sealed: what never changes of it, and apart from that the fields in `PEOPLE`, which name
    participants, and `fingerprint`, the keyed hash of the code or number that it rests on.
    """

    KEY: ClassVar[str]
    """The columns of the subject, each with its type."""
    ROWS: ClassVar[str]
    """SQL for its rows: a table, or a join."""
    COLUMNS: ClassVar[str]
    """The columns, as the fields are."""
    WHERE: ClassVar[str] = "true"
    """SQL that is true for a row that has to be in the history."""
    PEOPLE: ClassVar[Sequence[str]] = ()

    @property
    def due(self) -> datetime | None:
        """From when on it may be deleted, if that is known."""
        return None

    def people(self) -> list[str | None]:
        """The participants that it names."""
        return [getattr(self, name) for name in self.PEOPLE]

    def content(self) -> bytes:
        """What never changes, in canonical JSON."""
        model: Any = type(self)
        return _canonical({name: getattr(self, name) for name in _lasting(model)})


@cache
def _lasting(model: type[SealedRow]) -> Sequence[str]:
    """The fields that never change."""
    apart = {"retain_until", "needed_until", "fingerprint", *model.PEOPLE}
    return tuple(each.name for each in fields(model) if each.name not in apart)


@dataclass(frozen=True, slots=True)
class VerdictRow(SealedRow):
    """A verdict, whose answer to which question it is about, and the claim of a number that it rests on."""

    KEY = "check_id uuid, revision int"
    ROWS = "jurat_verdicts s JOIN jurat_checks c ON c.id = s.check_id"
    COLUMNS = (
        "s.outcome, s.reason, s.evidence, s.decided_by, s.config_version, s.source, s.data_date, s.fence, "
        "s.decided_at, s.retain_until, s.login, c.consultation, c.question, c.round, c.participant, "
        "(SELECT min(k.fingerprint || ' ' || k.namespace) FROM jurat_claims k WHERE k.check_id = s.check_id)"
    )
    PEOPLE = ("participant",)

    outcome: str
    reason: str
    evidence: Mapping[str, Any]
    decided_by: str
    config_version: int
    source: str
    data_date: str | None
    fence: int
    decided_at: datetime
    retain_until: datetime | None
    login: str | None
    consultation: str
    question: str
    round: int
    participant: str
    fingerprint: str | None

    @property
    def due(self) -> datetime | None:
        return self.retain_until


@dataclass(frozen=True, slots=True)
class RequestRow(SealedRow):
    """A request that was dealt with."""

    KEY = "id uuid"
    ROWS = "jurat_requests s"
    COLUMNS = (
        "s.kind, s.consultation, s.question, s.check_id, s.reason, s.by_whom, s.asked_at, s.applied_at, s.refused, "
        "s.code_list, s.expires_at, s.login, s.participant, s.target, "
        f"(SELECT max(coalesce(v.retain_until, '{FOREVER}')) FROM jurat_checks c JOIN jurat_verdicts v "
        "ON v.check_id = c.id WHERE c.id = s.check_id "
        "OR c.consultation = s.consultation AND c.participant IN (s.participant, s.target))"
    )
    WHERE = "s.applied_at IS NOT NULL"
    PEOPLE = ("participant", "target")

    kind: str
    consultation: str | None
    question: str | None
    check_id: UUID | None
    reason: str | None
    by_whom: str
    asked_at: datetime
    applied_at: datetime | None
    refused: str | None
    code_list: str | None
    expires_at: datetime | None
    login: str | None
    participant: str | None
    target: str | None
    needed_until: datetime | None

    @property
    def due(self) -> datetime | None:
        """It stays as long as the verdicts of its check, or of its participant, which may become more. Only a further
        round, and one about a check, goes with these.
        """
        if self.check_id is not None or self.kind == RequestKind.REOPEN or self.applied_at is None:
            return self.needed_until
        return max(filter(None, (self.applied_at + timedelta(seconds=KEPT), self.needed_until)))


@dataclass(frozen=True, slots=True)
class RedemptionRow(SealedRow):
    """A code that was redeemed. The check that did it names it."""

    KEY = "redeemed_by uuid"
    ROWS = "jurat_codes s"
    COLUMNS = "s.list, s.redeemed_at, s.fingerprint"
    WHERE = "s.redeemed_by IS NOT NULL"

    list: str
    redeemed_at: datetime
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ConfigurationRow(SealedRow):
    """A version of the configuration, by its digest."""

    KEY = "version int"
    ROWS = "jurat_configs s"
    COLUMNS = "s.digest, s.applied_by, s.applied_at, s.login"

    digest: str
    applied_by: str
    applied_at: datetime
    login: str | None


@dataclass(frozen=True, slots=True)
class AuditedRow(SealedRow):
    """A row of the audit."""

    KEY = "id uuid"
    ROWS = "jurat_audit s"
    COLUMNS = "s.at, s.actor, s.action, s.subject, s.detail, s.login"

    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]
    login: str | None


SEALED: Final[Mapping[LeafKind, type[SealedRow]]] = {
    LeafKind.VERDICT: VerdictRow,
    LeafKind.REQUEST: RequestRow,
    LeafKind.REDEMPTION: RedemptionRow,
    LeafKind.CONFIGURATION: ConfigurationRow,
    LeafKind.AUDIT: AuditedRow,
}
"""The row of each kind. A retention and a purge have none."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf of the tree. Its salts are None once its row was purged, `person_salt` also once its participant was
    erased, and `fingerprint_salt` once another leaf has the next hash of its code or number; a purge has no hashes.
    """

    kind: str
    subject: str
    due_at: datetime | None = None
    salt: bytes | None = None
    content: bytes | None = None
    person: bytes | None = None
    fingerprint: bytes | None = None
    person_salt: bytes | None = None
    fingerprint_salt: bytes | None = None

    @property
    def hash(self) -> bytes:
        """Its hash in the tree, by all that stays when the row goes."""
        hashes = [None if each is None else each.hex() for each in (self.content, self.person)]
        hashes += [] if self.fingerprint is None else [self.fingerprint.hex()]
        return leaf_hash(_canonical([self.kind, self.subject, self.due_at, *hashes]))


def leaf_of(kind: LeafKind, subject: str, row: SealedRow) -> Leaf:
    """The leaf of a row, with new salts."""
    salt, person_salt = os.urandom(SALT), os.urandom(SALT) if row.PEOPLE else None
    person = None if person_salt is None else person_hash(row.people(), person_salt)
    fingerprint, fingerprint_salt = _salted_fingerprint(row)
    content = content_hash(row, salt)
    return Leaf(kind, subject, row.due, salt, content, person, fingerprint, person_salt, fingerprint_salt)


def rehash_of(subject: str, row: SealedRow) -> Leaf:
    """The leaf of the keyed hash alone that a row rests on now, with a new salt."""
    fingerprint, salt = _salted_fingerprint(row)
    return Leaf(LeafKind.REHASH, subject, fingerprint=fingerprint, fingerprint_salt=salt)


def _salted_fingerprint(row: SealedRow) -> tuple[bytes | None, bytes | None]:
    """The hash of the keyed hash that a row rests on, and its salt; None if it rests on none."""
    fingerprint = fingerprint_of(row)
    salt = None if fingerprint is None else os.urandom(SALT)
    return fingerprint_hash(fingerprint, salt), salt


def content_hash(row: SealedRow, salt: bytes) -> bytes:
    """The hash of what never changes in a row."""
    return sha256(salt + row.content()).digest()


def person_hash(people: Sequence[str | None], salt: bytes) -> bytes:
    """The hash of the participants that a row names."""
    return sha256(salt + _canonical(list(people))).digest()


def fingerprint_of(row: SealedRow) -> str | None:
    """The keyed hash of the code or number that a row rests on; None if it rests on none."""
    return getattr(row, "fingerprint", None)


def fingerprint_hash(fingerprint: str | None, salt: bytes | None) -> bytes | None:
    """The hash of a keyed hash; None without that or its salt."""
    return None if fingerprint is None or salt is None else sha256(salt + fingerprint.encode()).digest()


def read_rows(connection: Connection, kind: LeafKind, subjects: Sequence[str]) -> dict[str, SealedRow]:
    """The rows of these subjects, by subject; those that are gone are missing."""
    if not subjects:
        return {}
    model = SEALED[kind]
    names = [column.split()[0] for column in model.KEY.split(", ")]
    keys = [key for subject in subjects if (key := _key(model, subject))]
    same = " AND ".join(f"s.{name} = r.{name}" for name in names)
    sql = f"""
        SELECT {", ".join(f"r.{name}" for name in names)}, {model.COLUMNS}
        FROM {dialect_of(connection).rowset(model.KEY)} JOIN {model.ROWS.replace(" s", f" s ON {same}", 1)}"""
    found = connection.execute(text(sql), {"rows": rows_json(keys)}).all()
    return {"/".join(map(str, row[: len(names)])): row_of(model, row[len(names) :]) for row in found}


def _key(model: type[SealedRow], subject: str) -> dict[str, str | int] | None:
    """The values of a key in a subject; None where it is none: someone may have changed it."""
    columns = [column.split() for column in model.KEY.split(", ")]
    try:
        given = zip(columns, subject.split("/"), strict=True)
        return {name: int(part) if kind == "int" else str(UUID(part)) for (name, kind), part in given}
    except ValueError:
        return None


def missing_rows(kind: LeafKind) -> str:
    """SQL for the subjects of rows that are neither in the history nor wait for it."""
    model = SEALED[kind]
    subject = " || '/' || ".join(f"CAST(s.{column.split()[0]} AS text)" for column in model.KEY.split(", "))
    table = model.ROWS.split(" JOIN")[0]
    same = f"WHERE t.subject = q.subject AND t.kind = '{kind}'"
    return f"""
        SELECT q.subject FROM (SELECT {subject} AS subject FROM {table} WHERE {model.WHERE}) q
        WHERE NOT EXISTS (SELECT 1 FROM jurat_leaves t {same})
          AND NOT EXISTS (SELECT 1 FROM jurat_unsealed t {same})"""


def _text(value: Any) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_text)


def _canonical(value: Any) -> bytes:
    """JSON with sorted keys and without spaces; times in UTC with microseconds, or milliseconds on SQLite."""
    return _JSON.encode(value).encode()
