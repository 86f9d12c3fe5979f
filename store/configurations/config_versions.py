"""Adds a version of the configuration in which only consultations of platforms change.

On PostgreSQL, functions with the owner's rights do it: a worker sends those consultations, and the database copies all
else from the version before. So no one with a worker's password can change a source, a secret or a consultation of the
administrators. SQLite knows no roles, and plain statements do the same there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, text

from config.configuration import Configuration
from config.digest import digest_of
from config.problems import InvalidConfiguration
from jurat.statements import rows_json
from store.configurations.documents import document_of, order_key
from store.dialects import dialect_of


def add_version(
    connection: Connection, configuration: Configuration, only: Collection[str], after: int, who: str
) -> int:
    """Add the version after `after`, in which the consultations `only` are those of `configuration`, or are gone. Their
    questions are not in it yet. Returns its number.
    """
    document = configuration.document.model_copy(
        update={"consultations": {n: p for n, p in configuration.document.consultations.items() if n in only}}
    )
    consultations = document.model_dump(mode="json", by_alias=True, include={"consultations"})["consultations"]
    parts = [
        {
            "name": name,
            "part": consultations.get(name),
            "questions": list(document.consultations[name].questions) if name in consultations else [],
        }
        for name in sorted(only)
    ]
    if dialect_of(connection).has_functions:
        sql = "SELECT jurat_add_version(:after, CAST(:parts AS jsonb))"
        made = connection.execute(text(sql), {"after": after, "parts": rows_json(parts)}).scalar()
        return int(made or 0)
    _store_version(connection, configuration.to_json(), parts, after, who)
    return after + 1


def _store_version(
    connection: Connection, document: str, parts: Collection[Mapping[str, Any]], after: int, who: str
) -> None:
    change = {
        "gone": [part["name"] for part in parts],
        "consultations": {part["name"]: part["part"] for part in parts if part["part"] is not None},
        "order": {order_key(part["name"]): part["questions"] for part in parts if part["part"] is not None},
    }
    connection.execute(
        text(
            "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, change) "
            f"VALUES (:version, :digest, :document, :who, {dialect_of(connection).now()}, :change)"
        ),
        {
            "version": after + 1,
            "digest": digest_of(document),
            "document": document,
            "who": who,
            "change": json.dumps(change, ensure_ascii=False, separators=(",", ":")),
        },
    )
    connection.execute(
        text(
            "UPDATE jurat_configs SET document = '{}', whole = false "
            "WHERE version <= :after AND whole AND change IS NOT NULL"
        ),
        {"after": after},
    )
    names = rows_json([part["name"] for part in parts])
    sql = "DELETE FROM jurat_questions WHERE consultation IN (SELECT value FROM json_each(:names))"
    connection.execute(text(sql), {"names": names})


def configuration_of(connection: Connection, version: int) -> Configuration | None:
    """A version of the configuration; None where there is none, or this version of jurat cannot read it."""
    try:
        return Configuration.from_json(document_of(connection, version) or "")
    except InvalidConfiguration:
        return None
