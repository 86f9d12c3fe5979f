"""Plain SQL that tries to change what must stay, on the rows that `fill` makes."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import psycopg

CHECK, OTHER, AUDIT, STRANGER = (f"0192a000-0000-7000-8000-00000000000{n}" for n in range(1, 5))
TIME = "'2026-01-02 03:04:05.678'"
LATER = "'2099-01-02 03:04:05.678'"

INTO_CHECKS = (
    "INTO jurat_checks (id, consultation, participant, question, source, answer, due_at, submitted_at, deadline_at)"
)
INTO_VERDICTS = (
    "INTO jurat_verdicts (check_id, revision, outcome, reason, evidence, decided_by, config_version, source, fence,"
    " decided_at, retain_until)"
)
INTO_AUDIT = "INTO jurat_audit (id, at, actor, action, subject, detail)"


def check(check_id: str, participant: str, answer: str = "sealed") -> str:
    """The values of a check."""
    return f"'{check_id}', 'budget', '{participant}', 'residence', 'towns', '{answer}', {TIME}, {TIME}, {TIME}"


def verdict(check_id: str = CHECK, revision: str = "1", outcome: str = "accepted", retain_until: str = "NULL") -> str:
    """The values of a verdict."""
    return f"'{check_id}', {revision}, '{outcome}', 'a-reason', '{{}}', 'me', 1, 'towns', 9, {TIME}, {retain_until}"


def entry(audit_id: str = AUDIT, actor: str = "me") -> str:
    """The values of an audit row."""
    return f"'{audit_id}', {TIME}, '{actor}', 'opened', 'check', '{{}}'"


def fill(connection: Any) -> None:
    """A refused check, another without a verdict, and an audit row."""
    connection.execute(f"INSERT {INTO_CHECKS} VALUES ({check(CHECK, 'p-42')}), ({check(OTHER, 'p-43')})")
    connection.execute(f"INSERT {INTO_VERDICTS} VALUES ({verdict(outcome='refused')})")
    connection.execute(f"INSERT {INTO_AUDIT} VALUES ({entry(actor='clerk')})")


def kept(connection: Any) -> list[Any]:
    """All verdicts, audit rows and checks."""
    return [
        connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
        for table in ("jurat_verdicts", "jurat_audit", "jurat_checks")
    ]


def attempt(connection: Any, attack: str) -> str:
    """Try `attack`, which may be several statements; gives what the database said, "" where it refused nothing.

    Whatever it said, no verdict, no audit row and no check may have changed.
    """
    before = kept(connection)
    said = ""
    try:
        for statement in attack.split(";\n"):
            connection.execute(statement)
    except (sqlite3.DatabaseError, psycopg.DatabaseError) as error:
        said = str(error)
    with contextlib.suppress(sqlite3.OperationalError):  # no transaction
        connection.execute("ROLLBACK")
    assert kept(connection) == before, attack
    assert "syntax error" not in said, attack
    return said


def not_refused(connection: Any, attacks: list[str]) -> list[str]:
    """Those of `attacks` that the database let pass."""
    return [attack for attack in attacks if not attempt(connection, attack)]


ON_BOTH = [
    "UPDATE jurat_verdicts SET outcome = 'accepted'",
    "UPDATE jurat_verdicts SET outcome = outcome",
    f"UPDATE jurat_verdicts SET check_id = '{OTHER}'",
    "UPDATE jurat_verdicts SET revision = 2",
    "UPDATE jurat_verdicts SET retain_until = '2000-01-01 00:00:00.000'",
    "UPDATE jurat_verdicts SET retain_until = NULL",
    "UPDATE jurat_verdicts SET retain_until = '9999-12-31 00:00:00.000'",
    "UPDATE jurat_verdicts SET retain_until = CURRENT_TIMESTAMP",
    *(
        f"UPDATE jurat_verdicts SET retain_until = {LATER}, {column} = {value}"
        for column, value in (
            ("check_id", f"'{OTHER}'"),
            ("revision", "2"),
            ("outcome", "'accepted'"),
            ("reason", "'person_accepted'"),
            ("evidence", "'[]'"),
            ("decided_by", "'reviewer'"),
            ("config_version", "2"),
            ("source", "'ban'"),
            ("data_date", "'2026-11-01'"),
            ("fence", "10"),
            ("decided_at", LATER),
            ("login", "'alice'"),
        )
    ),
    f"UPDATE jurat_verdicts SET evidence = '[]' WHERE check_id = '{CHECK}' AND revision = 1",
    "UPDATE jurat_verdicts SET (outcome, reason) = (SELECT 'accepted', 'person_accepted')",
    "UPDATE jurat_verdicts SET outcome = 'accepted' FROM jurat_checks c WHERE c.id = check_id",
    "DELETE FROM jurat_verdicts",
    f"DELETE FROM jurat_verdicts WHERE check_id = '{CHECK}' RETURNING *",
    (
        "WITH found AS (SELECT check_id FROM jurat_verdicts)"
        " DELETE FROM jurat_verdicts WHERE check_id IN (SELECT check_id FROM found)"
    ),
    f"INSERT {INTO_VERDICTS} VALUES ({verdict()})",
    (
        f"INSERT {INTO_VERDICTS} VALUES ({verdict()})"
        " ON CONFLICT (check_id, revision) DO UPDATE SET outcome = excluded.outcome"
    ),
    (
        f"INSERT {INTO_VERDICTS} SELECT {verdict()} FROM jurat_verdicts WHERE true"
        " ON CONFLICT (check_id, revision) DO UPDATE SET retain_until = '2000-01-01 00:00:00.000'"
    ),
    f"INSERT {INTO_VERDICTS} VALUES ({verdict(STRANGER)})",
    f"BEGIN;\nINSERT {INTO_VERDICTS} VALUES ({verdict()});\nCOMMIT",
    "BEGIN;\nSAVEPOINT a;\nDELETE FROM jurat_verdicts;\nRELEASE a;\nCOMMIT",
    "UPDATE jurat_audit SET actor = 'nobody'",
    f"UPDATE jurat_audit SET id = '{OTHER}'",
    "DELETE FROM jurat_audit",
    f"DELETE FROM jurat_audit WHERE id = '{AUDIT}'",
    f"INSERT {INTO_AUDIT} VALUES ({entry()})",
    f"INSERT {INTO_AUDIT} VALUES ({entry()}) ON CONFLICT (id) DO UPDATE SET actor = excluded.actor",
    f"UPDATE jurat_checks SET answer = 'other' WHERE id = '{CHECK}'",
    f"UPDATE jurat_checks SET reply_key = 'other' WHERE id = '{CHECK}'",
    f"UPDATE jurat_checks SET answer = (SELECT answer || answer FROM jurat_checks WHERE id = '{OTHER}')",
]

REPLACING_A_CHECK = [
    (
        f"INSERT {INTO_CHECKS} VALUES ({check(CHECK, 'p-42', 'other')})"
        " ON CONFLICT (id) DO UPDATE SET answer = excluded.answer"
    ),
]
"""PostgreSQL refuses these; SQLite ignores them, as it must ignore a second submit."""

REPLACING_A_CHECK_ON_SQLITE = [
    *REPLACING_A_CHECK,
    f"INSERT OR REPLACE {INTO_CHECKS} VALUES ({check(CHECK, 'p-42', 'other')})",
    f"REPLACE {INTO_CHECKS} VALUES ({check(OTHER, 'p-43', 'other')})",
    f"REPLACE {INTO_CHECKS} VALUES ({check(STRANGER, 'p-43', 'other')})",
    f"REPLACE {INTO_CHECKS} VALUES ({check(CHECK, 'p-99')})",
]

ON_A_CHECK = [
    f"UPDATE jurat_checks SET participant = 'p-99' WHERE id = '{CHECK}'",
    f"UPDATE jurat_checks SET question = 'profession' WHERE id = '{CHECK}'",
    f"UPDATE jurat_checks SET consultation = 'survey' WHERE id = '{OTHER}'",
    f"UPDATE jurat_checks SET round = 2 WHERE id = '{OTHER}'",
    f"DELETE FROM jurat_checks WHERE id = '{OTHER}'",
]
"""Whose answer to which question a check is, and a check that is on its way."""

ON_THE_CHECK_OF_A_VERDICT = [
    f"DELETE FROM jurat_checks WHERE id = '{CHECK}'",
    "DELETE FROM jurat_checks",
    f"UPDATE jurat_checks SET id = '{STRANGER}' WHERE id = '{CHECK}'",
]

ON_SQLITE = [
    f"INSERT OR REPLACE {INTO_VERDICTS} VALUES ({verdict()})",
    f"REPLACE {INTO_VERDICTS} VALUES ({verdict()})",
    f"REPLACE {INTO_VERDICTS} SELECT {verdict()}",
    f"INSERT OR IGNORE {INTO_VERDICTS} VALUES ({verdict()})",
    f"INSERT OR FAIL {INTO_VERDICTS} VALUES ({verdict()})",
    f"INSERT OR ROLLBACK {INTO_VERDICTS} VALUES ({verdict()})",
    f"REPLACE {INTO_VERDICTS} VALUES ({verdict(revision='1.0')})",
    f"""REPLACE {INTO_VERDICTS} VALUES ({verdict(revision="'1'")})""",
    f"""REPLACE {INTO_VERDICTS} VALUES ({verdict(revision="' 1 '")})""",
    f"INSERT {INTO_VERDICTS} VALUES ({verdict()}) ON CONFLICT DO UPDATE SET outcome = 'accepted'",
    "INSERT OR REPLACE INTO jurat_verdicts SELECT * FROM jurat_verdicts",
    "UPDATE OR REPLACE jurat_verdicts SET outcome = 'accepted'",
    "UPDATE OR IGNORE jurat_verdicts SET outcome = 'accepted'",
    "UPDATE OR FAIL jurat_verdicts SET revision = 1",
    "UPDATE OR ROLLBACK jurat_verdicts SET outcome = 'accepted'",
    "UPDATE jurat_verdicts SET rowid = 2",
    *(f"UPDATE jurat_verdicts SET retain_until = {time}" for time in ("'zz'", "'2099-01-01'", "4102444800", "x'32'")),
    "DELETE FROM jurat_verdicts WHERE rowid = 1",
    f"INSERT OR REPLACE {INTO_VERDICTS.replace('(', '(rowid, ', 1)} VALUES (1, {verdict()})",
    f"PRAGMA recursive_triggers = ON;\nINSERT OR REPLACE {INTO_VERDICTS} VALUES ({verdict()})",
    "PRAGMA ignore_check_constraints = ON;\nUPDATE jurat_verdicts SET outcome = 'accepted'",
    "BEGIN;\nPRAGMA defer_foreign_keys = ON;\nDELETE FROM jurat_verdicts;\nCOMMIT",
    f"INSERT OR REPLACE {INTO_AUDIT} VALUES ({entry()})",
    f"REPLACE {INTO_AUDIT} VALUES ({entry()})",
    f"INSERT OR IGNORE {INTO_AUDIT} VALUES ({entry()})",
    "UPDATE OR REPLACE jurat_audit SET actor = 'nobody'",
    "UPDATE OR IGNORE jurat_audit SET actor = 'nobody'",
    f"INSERT OR REPLACE {INTO_AUDIT.replace('(', '(rowid, ', 1)} VALUES (1, {entry()})",
    "DELETE FROM jurat_audit WHERE rowid = 1",
]

ON_POSTGRESQL = [
    "TRUNCATE jurat_verdicts",
    "TRUNCATE ONLY jurat_verdicts",
    "TRUNCATE jurat_verdicts CASCADE",
    "TRUNCATE jurat_verdicts RESTART IDENTITY",
    "TRUNCATE jurat_checks",
    "TRUNCATE jurat_checks CASCADE",
    "TRUNCATE jurat_audit",
    "TRUNCATE jurat_audit, jurat_access CASCADE",
    "BEGIN;\nTRUNCATE jurat_verdicts;\nCOMMIT",
    (
        "MERGE INTO jurat_verdicts v USING jurat_checks c ON c.id = v.check_id"
        " WHEN MATCHED THEN UPDATE SET outcome = 'accepted'"
    ),
    "MERGE INTO jurat_verdicts v USING jurat_checks c ON c.id = v.check_id WHEN MATCHED THEN DELETE",
    "MERGE INTO jurat_audit a USING (VALUES (1)) AS one ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM jurat_verdicts RETURNING *) SELECT count(*) FROM gone",
    "WITH changed AS (UPDATE jurat_audit SET actor = '' RETURNING *) SELECT count(*) FROM changed",
    "UPDATE ONLY jurat_verdicts SET outcome = 'accepted'",
    "UPDATE jurat_verdicts SET retain_until = statement_timestamp() + interval '23 hours'",
    "UPDATE jurat_verdicts SET retain_until = 'infinity'",
    "DELETE FROM ONLY jurat_verdicts USING jurat_checks c WHERE c.id = check_id",
    "UPDATE jurat_verdicts SET evidence['name'] = '1'",
    "DELETE FROM jurat_verdicts WHERE ctid = '(0,1)'",
    "DO $$ BEGIN UPDATE jurat_verdicts SET outcome = 'accepted'; END $$",
    "BEGIN;\nSET CONSTRAINTS ALL DEFERRED;\nDELETE FROM jurat_checks;\nCOMMIT",
]

AS_A_REPLICA = [
    "UPDATE jurat_verdicts SET outcome = 'accepted'",
    "DELETE FROM jurat_verdicts",
    "TRUNCATE jurat_verdicts",
    "UPDATE jurat_audit SET actor = 'nobody'",
    "DELETE FROM jurat_audit",
    "TRUNCATE jurat_audit",
    "UPDATE jurat_checks SET answer = 'other'",
]
"""After `SET session_replication_role = replica`, with which a superuser switches common triggers off."""

SWITCHING_OFF = [
    "ALTER TABLE jurat_verdicts DISABLE TRIGGER ALL",
    "ALTER TABLE jurat_verdicts DISABLE TRIGGER jurat_verdicts_kept",
    "DROP TRIGGER jurat_verdicts_kept ON jurat_verdicts",
    "DROP TABLE jurat_audit",
    "CREATE OR REPLACE FUNCTION jurat_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "SET session_replication_role = replica",
]
"""What only PostgreSQL's owner of the tables, or its superuser, may do."""
