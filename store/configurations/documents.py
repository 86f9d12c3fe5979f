"""Reads the documents of configurations as text. Most commands do without their model, which takes long to load."""

from __future__ import annotations

import json

from sqlalchemy import Connection, text

from config.digest import digest_of
from store.dialects import dialect_of


def document_of(connection: Connection, version: int) -> str | None:
    """The document of a version as JSON text; None where there is no such version.

    An older version that a publication made is put together from the last whole one before it and the changes since.
    """
    rows = connection.execute(text(_DOCUMENT), {"version": version}).all()
    if not rows or rows[-1][0] != version:
        return None
    whole, *changes = rows
    if not changes:
        return str(whole[1])
    data = json.loads(whole[1])
    for change in (json.loads(row[2]) for row in changes):
        for name in change["gone"]:
            data["consultations"].pop(name, None)
            data["order"].pop(order_key(name), None)
        data["consultations"] |= change["consultations"]
        data["order"] |= change["order"]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def same_document(connection: Connection, version: int, document: str) -> bool:
    """Whether the newest `version` has the same content as this document, as `Configuration.to_json` writes it.

    A version that PostgreSQL put together has a digest of PostgreSQL's text, which Python cannot compute.
    """
    sql = "SELECT digest, change IS NULL FROM jurat_configs WHERE version = :version"
    digest, as_sent = connection.execute(text(sql), {"version": version}).one()
    if as_sent or not dialect_of(connection).has_jsonb:
        return bool(digest == digest_of(document))
    sql = "SELECT document = CAST(:document AS jsonb) FROM jurat_configs WHERE version = :version"
    return bool(connection.execute(text(sql), {"version": version, "document": document}).scalar())


def order_key(name: str) -> str:
    """The key of a consultation's questions in a document's `order`."""
    return f"consultations/{name}/questions"


_DOCUMENT = """
    SELECT version, CAST(document AS text), CAST(change AS text) FROM jurat_configs
    WHERE version <= :version
      AND version >= (SELECT max(version) FROM jurat_configs WHERE version <= :version AND whole)
    ORDER BY version"""
