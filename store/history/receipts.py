"""Receipts: they prove to anyone who has the public key that a row is in the history, such as an erasure.

A receipt holds the row without ids of participants, its salt, and the path of RFC 9162 (section 2.1.3) to a signed
head. Nothing else of the database is needed to check it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from nacl.signing import VerifyKey
from sqlalchemy import Connection, Engine, text

from jurat.database import reader
from jurat.times import moment
from store.dialects import dialect_of
from store.history.entries import Leaf, LeafKind, read_rows
from store.history.heads import head_of
from store.history.merkle import inclusion_path, root_of_path
from store.history.sealer import newest_head


class NoReceipt(Exception):
    """There is none, or it proves nothing: why."""


def receipt(engine: Engine, subject: str) -> dict[str, Any]:
    """The receipt of an audit row or a request, by its id. Raises NoReceipt if it is not sealed, or was purged."""
    with reader(engine).begin() as connection:
        if snapshot := dialect_of(connection).snapshot:
            connection.execute(text(snapshot))
        sql = """SELECT number, kind, subject, due_at, salt, content, person, fingerprint FROM jurat_leaves
                 WHERE subject = :subject AND kind IN ('audit', 'request')"""
        found, last = connection.execute(text(sql), {"subject": subject}).first(), newest_head(connection)
        if found is None or last is None:
            raise NoReceipt("the history has no audit row and no request of this id, or not yet")
        row = read_rows(connection, LeafKind(found[1]), [subject]).get(subject)
        if row is None or found[4] is None:
            raise NoReceipt("it was purged; only that is known")
        leaf = Leaf(found[1], subject, moment(found[3]), *(each and bytes(each) for each in found[4:8]))
        path = inclusion_path(found[0], _hashes(connection, last[0].tree_size))
    return {
        "kind": leaf.kind,
        "subject": subject,
        "due_at": leaf.due_at.isoformat() if leaf.due_at else None,
        "row": row.content().decode(),
        "salt": (leaf.salt or b"").hex(),
        "person": leaf.person.hex() if leaf.person else None,
        "number": found[0],
        "path": [each.hex() for each in path],
        "head": json.loads(last[0].line()),
    }


def check_receipt(document: Any, key: VerifyKey) -> Mapping[str, Any]:
    """What a receipt proves: the columns of a `row`, and that it was sealed before a time. Raises NoReceipt if it
    proves nothing.
    """
    try:
        head = head_of(document["head"])
        content = sha256(bytes.fromhex(document["salt"]) + document["row"].encode()).digest()
        person = None if document["person"] is None else bytes.fromhex(document["person"])
        due = None if document["due_at"] is None else datetime.fromisoformat(document["due_at"])
        leaf = Leaf(document["kind"], document["subject"], due, None, content, person)
        path = [bytes.fromhex(each) for each in document["path"]]
        root = root_of_path(leaf.hash, document["number"], head.tree_size, path)
        row: Mapping[str, Any] = json.loads(document["row"])
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise NoReceipt("this is no receipt of a history") from None
    if not head.verified_by(key):
        raise NoReceipt("another key signed its head")
    if root != head.root_hash:
        raise NoReceipt("it does not fit its head: something in it was changed")
    return {"kind": leaf.kind, "id": leaf.subject, "sealed_before": head.signed_at, "row": row}


def _hashes(connection: Connection, size: int) -> Iterator[bytes]:
    """The hashes of all leaves of a tree, in order."""
    sql = """SELECT number, kind, subject, due_at, content, person, fingerprint FROM jurat_leaves
             WHERE number >= :first AND number < :size ORDER BY number LIMIT 10000"""
    first = 0
    while first < size:
        rows = connection.execute(text(sql), {"first": first, "size": size}).all()
        if not rows:
            return
        for row in rows:
            yield Leaf(row[1], row[2], moment(row[3]), None, *(each and bytes(each) for each in row[4:7])).hash
        first = rows[-1][0] + 1
