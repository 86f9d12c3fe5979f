"""Makes the next version of the configuration where only consultations of platforms change. Gives one writer its turn.

On PostgreSQL functions with the owner's rights do it: a worker sends those consultations, and the database copies all
else from the version before. So who has a worker's password changes no source, no secret and no consultation of the
administrators. SQLite knows no roles, and there the same is plain statements.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, text

from config.configuration import Configuration, digest_of
from jurat.statements import rows_json
from store.dialects import dialect_of


def take_turn(connection: Connection, *, wait: bool) -> bool:
    """Have no other publish anything until this transaction ends; false where somebody does and we do not wait.

    SQLite's BEGIN IMMEDIATE sees to that already.
    """
    if dialect_of(connection).one_writer:
        return True
    return bool(connection.execute(text("SELECT jurat_take_turn(:wait)"), {"wait": wait}).scalar())


def lay_in(connection: Connection, configuration: Configuration, only: Collection[str], after: int, who: str) -> int:
    """Make the version after `after`, in which the consultations `only` are those of `configuration`, or are gone. It
    has no question of theirs yet. Its number.
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
        sql = "SELECT jurat_lay_in(:after, CAST(:parts AS jsonb))"
        made = connection.execute(text(sql), {"after": after, "parts": rows_json(parts)}).scalar()
        return int(made or 0)
    return _lay_in(connection, configuration, parts, after, who)


def _lay_in(
    connection: Connection, configuration: Configuration, parts: Collection[Mapping[str, Any]], after: int, who: str
) -> int:
    written = configuration.to_json()
    change = {
        "gone": [part["name"] for part in parts],
        "consultations": {part["name"]: part["part"] for part in parts if part["part"] is not None},
        "order": {_path(part["name"]): part["questions"] for part in parts if part["part"] is not None},
    }
    connection.execute(
        text(
            "INSERT INTO jurat_configs (version, digest, document, applied_by, applied_at, change) "
            f"VALUES (:version, :digest, :document, :who, {dialect_of(connection).now()}, :change)"
        ),
        {
            "version": after + 1,
            "digest": digest_of(written),
            "document": written,
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
    return after + 1


def written(connection: Connection, version: int) -> str | None:
    """The document of a version as JSON text; None where there is no such version.

    One that was made by a publication and is not the newest any more is put together: of the last whole one before it,
    and of what each has changed since.
    """
    rows = connection.execute(text(_WRITTEN), {"version": version}).all()
    if not rows or rows[-1][0] != version:
        return None
    whole, *changes = rows
    if not changes:
        return str(whole[1])
    data = json.loads(whole[1])
    for change in (json.loads(row[2]) for row in changes):
        for name in change["gone"]:
            data["consultations"].pop(name, None)
            data["order"].pop(_path(name), None)
        data["consultations"] |= change["consultations"]
        data["order"] |= change["order"]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _path(name: str) -> str:
    """The questions of a consultation, as `order` in a document names them."""
    return f"consultations/{name}/questions"


_WRITTEN = """
    SELECT version, CAST(document AS text), CAST(change AS text) FROM jurat_configs
    WHERE version <= :version
      AND version >= (SELECT max(version) FROM jurat_configs WHERE version <= :version AND whole)
    ORDER BY version"""
