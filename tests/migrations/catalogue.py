"""Everything that a database says of its schema, so that two can be compared: what there is, by kind and name.

Where an engine keeps SQL as it was written, it is compared without comments and with single blanks, and a text that
goes on in the next line as one text: so the same SQL may be laid out in two ways. Those are the bodies of functions on
PostgreSQL and all of `sqlite_master`. All else is compared as the engine tells it.

The order of columns counts, and that of the indexes of a table: among equals a planner takes them by it. On SQLite the
order of the triggers of one event counts too, for they fire by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

Catalogue = Mapping[tuple[str, str], Any]

_TOKEN = re.compile(r"""(?sx) (?P<text> '(?:[^']|'')*' | "[^"]*") | --[^\n]* | /\*.*?\*/""")
_TIGHT = re.compile(r"\s*([(),;])\s*")

_BY_VERSION = frozenset({"jurat_alembic_version"})
"""The table whose row says which migration came last, and not what the schema is."""


def catalogue(connection: Connection) -> Catalogue:
    """What there is of ours in a database, by kind and name."""
    found = _postgresql(connection) if connection.dialect.name == "postgresql" else _sqlite(connection)
    rows = {
        ("rows of", name): sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {name}").all()))
        for (kind, name) in found
        if kind == "table" and name not in _BY_VERSION
    }
    return {**found, **rows}


def differences(one: Catalogue, other: Catalogue) -> list[str]:
    """What is only in one of them, or another in both: a line each."""
    return [
        f"{' '.join(key)}:\n  {one.get(key)!r}\n  {other.get(key)!r}"
        for key in sorted({*one, *other})
        if one.get(key) != other.get(key)
    ]


def normalised(sql: str) -> str:
    """SQL without comments, with single blanks and none around brackets and commas; what is quoted stays as it is."""
    found: list[str] = []
    loose, end = "", 0
    for token in _TOKEN.finditer(sql):
        loose += sql[end : token.start()]
        end = token.end()
        if token["text"] is None:
            loose += " "
        elif found and "\n" in loose and not loose.strip() and found[-1][0] == token["text"][0] == "'":
            found[-1], loose = found[-1][:-1] + token["text"][1:], ""
        else:
            found += [_tight(loose), token["text"]]
            loose = ""
    return "".join([*found, _tight(loose + sql[end:])]).strip(" ;")


def _tight(loose: str) -> str:
    return _TIGHT.sub(r"\1", re.sub(r"\s+", " ", loose))


# ---------------------------------------------------------------------------------------------------------- PostgreSQL

_OURS = "relnamespace = current_schema()::regnamespace AND relname LIKE 'jurat\\_%'"

_ACL = "ARRAY(SELECT format('%s %s %s', coalesce(r.rolname, 'PUBLIC'), x.privilege_type, x.is_grantable) FROM {} x "
_ACL += "LEFT JOIN pg_roles r ON r.oid = x.grantee ORDER BY 1)"


def _acl(acl: str) -> str:
    return _ACL.format(f"aclexplode({acl})")


_OPTIONS = "ARRAY(SELECT each FROM unnest(attoptions) AS each WHERE each NOT LIKE 'pg\\_attver=%')"
"""Those of a column. Debian's PostgreSQL 17.12 adds one by itself, with a number that is new for each column made."""

_QUERIES = {
    "relation": f"""
        SELECT relname, c.relkind::text, c.relpersistence::text, c.reloptions, c.relrowsecurity, c.relforcerowsecurity,
               c.relreplident::text, {_acl("coalesce(c.relacl, acldefault('r', c.relowner))")}
        FROM pg_class c WHERE {_OURS}""",
    "column": f"""
        SELECT format('%s.%s', relname, lpad((row_number() OVER (PARTITION BY c.oid ORDER BY attnum))::text, 2, '0')),
               attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(d.adbin, d.adrelid),
               l.collname, attstattarget, attstorage::text, attcompression::text, attidentity::text,
               attgenerated::text, {_OPTIONS}, {_acl("attacl")}
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation l ON l.oid = a.attcollation
        WHERE {_OURS}""",
    "constraint": f"""
        SELECT format('%s.%s', relname, conname), contype::text, pg_get_constraintdef(n.oid), convalidated
        FROM pg_constraint n JOIN pg_class c ON c.oid = n.conrelid WHERE {_OURS}""",
    "index": f"""
        SELECT relname, pg_get_indexdef(c.oid), i.indisunique, i.indisprimary, i.indisclustered, i.indisvalid,
               i.indisreplident, c.reloptions
        FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE {_OURS}""",
    "trigger": f"""
        SELECT format('%s.%s', relname, tgname), pg_get_triggerdef(t.oid), tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND {_OURS}""",
    "view": f"SELECT relname, pg_get_viewdef(c.oid) FROM pg_class c WHERE relkind = 'v' AND {_OURS}",
    "function": f"""
        SELECT format('%s(%s)', proname, pg_get_function_identity_arguments(p.oid)), prosrc,
               pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), l.lanname, prokind::text,
               provolatile::text, proparallel::text, prosecdef, proisstrict, proleakproof, procost, prorows, proconfig,
               {_acl("coalesce(proacl, acldefault('f', proowner))")}
        FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE pronamespace = current_schema()::regnamespace""",
    "comment": f"""
        SELECT format('%s.%s', relname, objsubid), description
        FROM pg_description JOIN pg_class c ON c.oid = objoid AND classoid = 'pg_class'::regclass WHERE {_OURS}""",
    "type": """
        SELECT typname, typtype::text FROM pg_type t
        WHERE typnamespace = current_schema()::regnamespace AND typtype <> 'c' AND typelem = 0""",
    "policy": "SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy",
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid) FROM pg_statistic_ext",
    "schema": f"""
        SELECT nspname, {_acl("coalesce(nspacl, acldefault('n', nspowner))")} FROM pg_namespace
        WHERE nspname = current_schema()""",
}

_ORDER = f"""
    SELECT indrelid::regclass::text, array_agg(relname ORDER BY c.oid)
    FROM pg_class c JOIN pg_index i ON indexrelid = c.oid
    WHERE {_OURS} AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid) GROUP BY 1"""


def _postgresql(connection: Connection) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for kind, query in _QUERIES.items():
        for name, *rest in connection.exec_driver_sql(query.replace("%", "%%")):
            found[kind, name] = [normalised(rest[0]), *rest[1:]] if kind == "function" else rest
            if kind == "relation" and rest[0] == "r":
                found["table", name] = True
    for table, names in connection.exec_driver_sql(_ORDER.replace("%", "%%")):
        found["indexes of", table] = names
    return found


# -------------------------------------------------------------------------------------------------------------- SQLite

_CONSTRAINT = re.compile(r"(?:CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK)\b")


def _sqlite(connection: Connection) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    ours = "FROM sqlite_master WHERE name LIKE 'jurat%' OR tbl_name LIKE 'jurat%' ORDER BY rowid"
    order: dict[tuple[str, str], list[str]] = {}
    for kind, name, table, sql in connection.exec_driver_sql(f"SELECT type, name, tbl_name, sql {ours}").all():
        found[kind, name] = _of_table(connection, name, sql) if kind == "table" else (sql and normalised(sql))
        if kind == "trigger":
            order.setdefault(("triggers of", f"{' '.join(sql.split()[3:5])} on {table}"), []).append(name)
        if kind == "index" and sql:
            order.setdefault(("indexes of", table), []).append(name)
    return found | order


def _of_table(connection: Connection, name: str, sql: str) -> list[Any]:
    """Its columns, keys and indexes as SQLite has understood them, and its text: what each column says, in the columns'
    order but in any order of words, and its constraints in any order, for ALTER TABLE writes columns behind them.
    """
    pragmas = ("table_xinfo", "foreign_key_list", "index_list")
    told = [[tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {each}('{name}')")] for each in pragmas]
    indexes = {row[1]: list(connection.exec_driver_sql(f"PRAGMA index_xinfo('{row[1]}')")) for row in told[2]}
    told[2] = sorted((row[1:], [tuple(each) for each in indexes[row[1]]]) for row in told[2])
    _, body, tail = re.fullmatch(r"(?s)(.*?)\((.*)\)(.*)", normalised(sql)).groups()  # type: ignore[union-attr]
    parts = re.split(r",(?![^(]*\))", body)
    columns = [sorted(part.split()) for part in parts if not _CONSTRAINT.match(part)]
    return [columns, sorted(filter(_CONSTRAINT.match, parts)), tail.strip(), *told]
